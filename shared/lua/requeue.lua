-- Puts a photo back that is neither queued nor pending nor delayed nor ended: its message is gone.
--
-- KEYS[1]  photo   hash
-- KEYS[2]  stream  of the queue
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  token that the photo had when its message was missed: `<job id>:<attempt>`
-- ARGV[3]  when it had changed last, ms
-- ARGV[4]  id of this request
-- ARGV[5]  the message's field in a queue entry
-- ARGV[6]  the message
--
-- Returns 1, also if this request has put it back before; 0 if the photo has moved since.
local prefix, now = ARGV[1], now_ms()
local photo = read(KEYS[1], 'id', 'owner', 'status', 'job_id', 'attempt', 'updated_at_ms', 'priority',
  'batch_id', 'requeued_by')
if photo.requeued_by == ARGV[4] then return 1 end
if not holds(photo, ARGV[2]) or ENDED[photo.status] or photo.updated_at_ms ~= ARGV[3] then return 0 end
local job = read_job(prefix, photo.job_id, 'enqueued_at_ms')
job.priority = photo.priority
redis.call('ZREM', prefix .. ':working', photo.id)
enqueue(prefix, photo, job, now, {KEYS[2], ARGV[5], ARGV[6]}, 'requeued_by', ARGV[4])
count(prefix, photo.owner, {reconciled = 1})
return 1
