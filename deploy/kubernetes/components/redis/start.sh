# sh start.sh SECRETS USERS [option of valkey-server]...
# Gives each user of users.acl, which lies beside this file, the secret that the file of its name in the
# folder SECRETS holds, writes them all to the file USERS, and starts the server.
set -eu
here=$(dirname "$0") secrets=$1 users=$2
shift 2
umask 077
echo 'user default off' >"$users"
while read -r word name off rules; do
    if [ "$word $off" = 'user off' ] && [ -s "$secrets/$name" ]; then
        echo "user $name on >$(cat "$secrets/$name") $rules" >>"$users"
    fi
done <"$here/users.acl"
exec valkey-server "$here/redis.conf" --aclfile "$users" "$@"
