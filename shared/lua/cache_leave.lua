#!lua flags=allow-oom
-- Ends the making of a recognition: with one, or without, so that another may try.
--
-- KEYS[1]  recognition  string, JSON
-- KEYS[2]  recognizing  string: who is making it
-- ARGV[1]  token of the one who made it
-- ARGV[2]  the JSON, or ''
-- ARGV[3]  how long it is kept, ms
--
-- A recognition is kept even if another is making it by now: it is as good.
if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
