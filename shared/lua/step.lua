#!lua flags=allow-oom
-- Notes how far an attempt is and tells the watchers how it came there; done twice, it tells them once.
--
-- KEYS[1]  photo  hash
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  fencing token: `<job id>:<attempt>`
-- ARGV[3]  stage
-- ARGV[4]  progress, percent
-- ARGV[5]  how long events are kept, ms
-- ARGV[6..] events, each with its data
--
-- Returns when it was so far, ms by the server's clock, or 0 if the token is not current or the photo
-- has ended.
local photo = read(KEYS[1], 'status', 'job_id', 'attempt', 'stage', 'progress', 'watchers', 'updated_at_ms')
if not holds(photo, ARGV[2]) or photo.status ~= 'processing' then return 0 end
if photo.stage == ARGV[3] and photo.progress == ARGV[4] then return tonumber(photo.updated_at_ms) end
local now = now_ms()
redis.call('HSET', KEYS[1], 'stage', ARGV[3], 'progress', ARGV[4], 'updated_at_ms', now)
for i = 6, #ARGV, 2 do emit(ARGV[1], photo.watchers, ARGV[5], ARGV[i], ARGV[i + 1]) end
return now
