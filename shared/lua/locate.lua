-- Notes where the message of a job is that has moved by itself.
--
-- KEYS[1]  job  hash
-- ARGV[1]  entry id that the job named when the message was looked for
-- ARGV[2]  stream that it is in now
-- ARGV[3]  its entry id
--
-- Returns 1, or 0 if the job is gone or names another one by now.
local entry = redis.call('HGET', KEYS[1], 'entry')
if entry ~= ARGV[1] and entry ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'stream', ARGV[2], 'entry', ARGV[3])
return 1
