# Gives each user of users.acl the secret of its name, and starts the server.
set -eu
umask 077
echo 'user default off' >/run/tagline/users.acl
while read -r word name off rules; do
    if [ "$word" = user ] && [ "$off" = off ] && [ -s "/etc/tagline/secrets/$name" ]; then
        echo "user $name on >$(cat "/etc/tagline/secrets/$name") $rules"
    fi
done </etc/tagline/redis/users.acl >>/run/tagline/users.acl
exec valkey-server /etc/tagline/redis/redis.conf --dir /data --aclfile /run/tagline/users.acl \
    --maxmemory "$MAXMEMORY"
