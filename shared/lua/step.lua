-- Notes how far an attempt is and tells the watchers; done twice, it tells them once.
--
-- KEYS[1]  photo  hash
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  fencing token: the attempt's number
-- ARGV[3]  stage
-- ARGV[4]  progress, percent
-- ARGV[5]  how long events are kept, ms
-- ARGV[6]  event
-- ARGV[7]  its data
--
-- Returns 1, or 0 if the token is not current or the photo has ended.
local photo = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'stage', 'progress', 'watchers')
if photo[1] ~= 'processing' or photo[2] ~= ARGV[2] then return 0 end
if photo[3] == ARGV[3] and photo[4] == ARGV[4] then return 1 end
redis.call('HSET', KEYS[1], 'stage', ARGV[3], 'progress', ARGV[4], 'updated_at_ms', now_ms())
emit(ARGV[1], photo[5], ARGV[5], ARGV[6], ARGV[7])
return 1
