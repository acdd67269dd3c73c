-- Starts an attempt: gives the worker that holds the queue entry the next fencing token.
--
-- KEYS[1]  photo   hash
-- KEYS[2]  stream  of the queue entry
-- ARGV[1]  job id
-- ARGV[2]  group
-- ARGV[3]  consumer
-- ARGV[4]  entry id
--
-- Returns {'started', the record}, {'over'} if there is nothing left to do (the entry is
-- acknowledged then), or {'lost'} if the entry is held by another worker.
if #redis.call('XPENDING', KEYS[2], ARGV[2], ARGV[4], ARGV[4], 1, ARGV[3]) == 0 then
  return {'lost'}
end
local photo = redis.call('HMGET', KEYS[1], 'status', 'job_id')
if not photo[1] or ENDED[photo[1]] or photo[2] ~= ARGV[1] then
  settle(KEYS[2], ARGV[2], ARGV[4])
  return {'over'}
end
local now = now_ms()
redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('HSET', KEYS[1], 'status', 'processing', 'stage', '', 'progress', 0,
  'started_at_ms', now, 'updated_at_ms', now)
return {'started', redis.call('HGETALL', KEYS[1])}
