-- Acknowledges an entry and removes it from its stream.
--
-- KEYS[1]  stream
-- ARGV[1]  group
-- ARGV[2]  entry id
--
-- Returns 1 if it was pending, 0 if it had been acknowledged or given away before.
local acked = redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if acked == 1 then redis.call('XDEL', KEYS[1], ARGV[2]) end
return acked
