#!lua flags=allow-oom
-- Ends a photo as cancelled, whether its job waits, is delayed or runs: the worker that runs it
-- finds its token void.
--
-- KEYS[1]  photo    hash
-- KEYS[2]  delayed  sorted set of the queue
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  how long events are kept, ms
-- ARGV[3]  job id
-- ARGV[4]  id of the request to cancel
-- ARGV[5]  group
-- ARGV[6]  event
-- ARGV[7]  its data
--
-- Returns 1, also if this request has cancelled it before; 0 if the job had ended.
local prefix, now = ARGV[1], now_ms()
local photo = read(KEYS[1], 'id', 'owner', 'status', 'job_id', 'watchers', 'batch_id', 'batch_open',
  'cancelled_by')
if photo.job_id ~= ARGV[3] then return 0 end
if ENDED[photo.status] then return photo.cancelled_by == ARGV[4] and 1 or 0 end

local job = read_job(prefix, photo.job_id, 'stream', 'entry', 'member')
emit(prefix, photo.watchers, ARGV[2], ARGV[6], ARGV[7])
withdraw(job, KEYS[2], ARGV[5])
end_photo(prefix, ARGV[2], photo, 'cancelled', 'cancelled_by', ARGV[4], 'updated_at_ms', now)
end_job(prefix, job, 'cancelled', now)
count(prefix, photo.owner, {cancelled = 1})
return 1
