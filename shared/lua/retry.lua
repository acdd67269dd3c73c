-- Ends an attempt that failed but may be tried again: delayed message, event and
-- acknowledgement in one step.
--
-- KEYS[1]  photo    hash
-- KEYS[2]  stream   of the queue entry
-- KEYS[3]  delayed  sorted set of the queue
-- KEYS[4]  wake     stream of the queue
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  fencing token: the attempt's number
-- ARGV[3]  how long events are kept, ms
-- ARGV[4]  group
-- ARGV[5]  entry id
-- ARGV[6]  member of the sorted set
-- ARGV[7]  delay, ms
-- ARGV[8]  1 if the failure counts as a try, else 0
-- ARGV[9]  event
-- ARGV[10] its data
--
-- Returns 1, or 0 if the token is not current or the photo has ended.
local photo = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'watchers')
if photo[2] ~= ARGV[2] or ENDED[photo[1]] then return 0 end
if photo[1] == 'queued' then return 1 end

local now = now_ms()
redis.call('HSET', KEYS[1], 'status', 'queued', 'stage', '', 'progress', 0, 'updated_at_ms', now)
redis.call('HINCRBY', KEYS[1], 'tries', ARGV[8])
redis.call('ZADD', KEYS[3], 'NX', now + ARGV[7], ARGV[6])
if redis.call('ZRANGE', KEYS[3], 0, 0)[1] == ARGV[6] then
  redis.call('XADD', KEYS[4], 'MAXLEN', 1, '*', 'due', now + ARGV[7])
end
emit(ARGV[1], photo[3], ARGV[3], ARGV[9], ARGV[10])
settle(KEYS[2], ARGV[4], ARGV[5])
return 1
