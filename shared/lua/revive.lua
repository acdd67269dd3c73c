-- Has a dead job wait again, its tries uncounted.
--
-- KEYS[1]  photo   hash
-- KEYS[2]  stream  of the queue
-- KEYS[3]  dead    stream of dead letters
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  job id
-- ARGV[3]  id of the request to retry
-- ARGV[4]  the message's field in a queue entry
-- ARGV[5]  the message
--
-- Returns 1, also if this request has revived it before; 0 if it is not dead.
local prefix, now = ARGV[1], now_ms()
local photo = read(KEYS[1], 'id', 'owner', 'status', 'job_id', 'batch_id', 'batch_open')
local before = read_job(prefix, ARGV[2], 'letter', 'revived_by', 'priority')
if photo.job_id ~= ARGV[2] then return 0 end
if before.revived_by == ARGV[3] then return 1 end
if before.state ~= 'dead' then return 0 end

local key = prefix .. ':job:' .. ARGV[2]
if before.letter then redis.call('XDEL', KEYS[3], before.letter) end
redis.call('HDEL', key, 'letter', 'ended_at_ms')
redis.call('HSET', key, 'revived_by', ARGV[3])
redis.call('HDEL', KEYS[1], 'error')
reopen_in_batch(prefix, photo)
enqueue(prefix, photo, {id = ARGV[2], priority = before.priority, state = before.state}, now,
  {KEYS[2], ARGV[4], ARGV[5]}, 'tries', 0)
return 1
