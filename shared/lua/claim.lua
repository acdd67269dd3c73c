-- Starts an attempt: gives the worker that holds the queue entry the next fencing token.
--
-- KEYS[1]  photo   hash
-- KEYS[2]  stream  of the queue entry
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  job id
-- ARGV[3]  group
-- ARGV[4]  consumer
-- ARGV[5]  entry id
--
-- Returns {'started', the record}, {'over'} if there is nothing left to do (the entry is
-- acknowledged then), or {'lost'} if the entry is held by another worker.
local prefix = ARGV[1]
if #redis.call('XPENDING', KEYS[2], ARGV[3], ARGV[5], ARGV[5], 1, ARGV[4]) == 0 then
  return {'lost'}
end
local photo = read(KEYS[1], 'id', 'owner', 'status', 'job_id', 'queued_at_us')
if not photo.status or ENDED[photo.status] or photo.job_id ~= ARGV[2] then
  settle(KEYS[2], ARGV[3], ARGV[5])
  return {'over'}
end

local now, job = now_ms(), prefix .. ':job:' .. ARGV[2]
local attempt = redis.call('HINCRBY', KEYS[1], 'attempt', 1)
-- Taken from a dead worker or handed back, it has been picked up before.
local waited_us = ''
if photo.status == 'queued' then
  waited_us = math.max(0, now_us() - photo.queued_at_us)
  count(prefix, {[bucket('pickup', waited_us)] = 1})
end
set_status(prefix, photo, 'processing')
set_state(prefix, ARGV[2], 'active')
redis.call('HSET', KEYS[1], 'stage', '', 'progress', 0, 'waited_us', waited_us, 'started_at_ms', now,
  'updated_at_ms', now)
redis.call('HSET', job, 'attempt', attempt, 'started_at_ms', now, 'started:' .. attempt, now)
redis.call('HDEL', job, 'stream', 'entry', 'member', 'due_at_ms')
-- A job keeps its last attempts: one that is handed back again and again has many.
local old = attempt - 20
redis.call('HDEL', job, 'started:' .. old, 'ended:' .. old, 'outcome:' .. old)
redis.call('ZREM', prefix .. ':line', photo.id)
redis.call('ZADD', prefix .. ':working', now, photo.id)
return {'started', redis.call('HGETALL', KEYS[1])}
