-- Resumes a queue: who waits for that is woken by the end of the stream they wait on.
--
-- KEYS[1]  paused
-- KEYS[2]  wake
-- ARGV[1]  group
--
-- Returns 1, or 0 if it was not paused.
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.pcall('XGROUP', 'CREATE', KEYS[2], ARGV[1], '0', 'MKSTREAM')
return 1
