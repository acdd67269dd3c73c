-- Has a dead job wait again, its tries uncounted.
--
-- KEYS[1]  photo   hash
-- KEYS[2]  stream  of the queue
-- KEYS[3]  dead    stream of dead letters
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  how long events are kept, ms
-- ARGV[3]  job id
-- ARGV[4]  id of the request to retry
-- ARGV[5]  the message's field in a queue entry
-- ARGV[6]  the message
--
-- Returns 1, also if this request has revived it before; 0 if it is not dead.
local prefix, now = ARGV[1], now_ms()
local key = prefix .. ':job:' .. ARGV[3]
local photo = read(KEYS[1], 'id', 'owner', 'status', 'job_id', 'batch_id', 'batch_open')
local job = read(key, 'state', 'letter', 'revived_by', 'priority')
if photo.job_id ~= ARGV[3] then return 0 end
if job.state ~= 'dead' then return job.revived_by == ARGV[4] and 1 or 0 end

if job.letter then redis.call('XDEL', KEYS[3], job.letter) end
redis.call('HDEL', key, 'letter', 'ended_at_ms')
redis.call('HSET', key, 'revived_by', ARGV[4])
redis.call('HDEL', KEYS[1], 'error')
redis.call('HSET', KEYS[1], 'tries', 0)
enqueue(prefix, photo, {id = ARGV[3], priority = job.priority}, now)
local entry = redis.call('XADD', KEYS[2], '*', ARGV[5], ARGV[6])
redis.call('HSET', key, 'stream', KEYS[2], 'entry', entry)
if photo.batch_id and photo.batch_open == '0' then
  redis.call('HSET', KEYS[1], 'batch_open', '1')
  count_in_batch(prefix, ARGV[2], photo.batch_id, 'error', -1)
end
return 1
