#!lua flags=allow-oom
-- Says which stages there are: on a full server, too, or no tagger could start to work it empty.
--
-- KEYS[1]  stages  string, JSON
-- ARGV[1]  the JSON
redis.call('SET', KEYS[1], ARGV[1])
return 1
