#!lua flags=allow-oom
-- Tells the watchers of a photo in work what it waits for; an attempt tells each thing once.
--
-- KEYS[1]  photo  hash
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  fencing token: `<job id>:<attempt>`
-- ARGV[3]  stage that the attempt waits in
-- ARGV[4]  how long events are kept, ms
-- ARGV[5]  what it waits for, a word
-- ARGV[6]  event
-- ARGV[7]  its data
--
-- Returns 1, or 0 if the token is not current, or the attempt has gone on or has ended.
local photo = read(KEYS[1], 'status', 'job_id', 'attempt', 'stage', 'watchers', 'told_waiting')
if not holds(photo, ARGV[2]) or photo.status ~= 'processing' or photo.stage ~= ARGV[3] then return 0 end
local told = ARGV[2] .. ':' .. ARGV[5]
if photo.told_waiting == told then return 1 end
redis.call('HSET', KEYS[1], 'told_waiting', told)
emit(ARGV[1], photo.watchers, ARGV[4], ARGV[6], ARGV[7])
return 1
