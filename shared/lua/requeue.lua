-- Puts a photo back that is neither queued nor pending nor delayed nor ended: its message is gone.
--
-- KEYS[1]  photo   hash
-- KEYS[2]  stream  of the queue
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  token that the photo had when its message was missed: `<job id>:<attempt>`
-- ARGV[3]  when it had changed last, ms
-- ARGV[4]  the message's field in a queue entry
-- ARGV[5]  the message
--
-- Returns 1, or 0 if the photo has moved since.
local prefix, now = ARGV[1], now_ms()
local photo = read(KEYS[1], 'id', 'owner', 'status', 'job_id', 'attempt', 'updated_at_ms', 'priority',
  'batch_id')
if not holds(photo, ARGV[2]) or ENDED[photo.status] or photo.updated_at_ms ~= ARGV[3] then return 0 end
local key = prefix .. ':job:' .. photo.job_id
redis.call('ZREM', prefix .. ':working', photo.id)
enqueue(prefix, photo, {id = photo.job_id, priority = photo.priority,
  sequence = redis.call('HGET', key, 'sequence')}, now)
local entry = redis.call('XADD', KEYS[2], '*', ARGV[4], ARGV[5])
redis.call('HSET', key, 'stream', KEYS[2], 'entry', entry)
count(prefix, {reconciled = 1})
return 1
