#!lua flags=allow-oom
-- Ends an attempt that failed but may be tried again: delayed message, event and
-- acknowledgement in one step.
--
-- KEYS[1]  photo    hash
-- KEYS[2]  stream   of the queue entry
-- KEYS[3]  delayed  sorted set of the queue
-- KEYS[4]  wake     stream of the queue
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  fencing token: `<job id>:<attempt>`
-- ARGV[3]  how long events are kept, ms
-- ARGV[4]  group
-- ARGV[5]  entry id
-- ARGV[6]  member of the sorted set
-- ARGV[7]  delay, ms
-- ARGV[8]  1 if the failure counts as a try, else 0
-- ARGV[9]  event
-- ARGV[10] its data
-- ARGV[11] JSON object: how the attempt ended, for the job
-- ARGV[12] JSON object of numbers: what to count
--
-- Returns 1, or 0 if the token is not current, the photo has ended, or the entry was given away.
local prefix, now = ARGV[1], now_ms()
local photo = read(KEYS[1], 'id', 'owner', 'status', 'job_id', 'attempt', 'watchers')
if not holds(photo, ARGV[2]) or ENDED[photo.status] then return 0 end
if photo.status == 'queued' then return 1 end
-- Delayed as well as given to another worker, the job would have two messages.
if not is_held(KEYS[2], ARGV[4], ARGV[5]) then return 0 end

local job, due = read_job(prefix, photo.job_id), now + ARGV[7]
set_status(prefix, photo, 'queued', 'stage', '', 'progress', 0, 'position', '', 'updated_at_ms', now,
  'queued_at_us', due * 1000)
redis.call('HINCRBY', KEYS[1], 'tries', ARGV[8])
set_state(prefix, job, 'delayed', 'ended:' .. photo.attempt, now, 'outcome:' .. photo.attempt, ARGV[11],
  'member', ARGV[6], 'due_at_ms', due)
redis.call('HDEL', prefix .. ':job:' .. job.id, 'worker:' .. photo.attempt)  -- the outcome says it
redis.call('ZADD', prefix .. ':due', due, photo.job_id)
redis.call('ZREM', prefix .. ':working', photo.id)
redis.call('ZADD', KEYS[3], 'NX', due, ARGV[6])
if redis.call('ZRANGE', KEYS[3], 0, 0)[1] == ARGV[6] then
  redis.call('XADD', KEYS[4], 'MAXLEN', 1, '*', 'due', due)
end
emit(prefix, photo.watchers, ARGV[3], ARGV[9], ARGV[10])
settle(KEYS[2], ARGV[4], ARGV[5])
local counts = cjson.decode(ARGV[12])
counts.retries = 1
count(prefix, photo.owner, counts)
return 1
