#!lua flags=allow-oom
-- Counts a call of a provider, which has been paid for whatever becomes of its photo.
--
-- KEYS[1]  counted  string: the call has been counted
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  how long it is known that it was, ms
-- ARGV[3]  JSON object of numbers
--
-- Returns 1, also if it was counted before.
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[2]) then count(ARGV[1], cjson.decode(ARGV[3])) end
return 1
