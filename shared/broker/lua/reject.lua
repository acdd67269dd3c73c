-- Moves an entry to the dead letters. Done twice, it changes nothing the second time.
--
-- KEYS[1]   stream
-- KEYS[2]   dead     stream of dead letters
-- KEYS[3]   counts   hash; its field `dead_dropped` counts those that the limit removed
-- ARGV[1]   group
-- ARGV[2]   entry id
-- ARGV[3]   how many dead letters to keep
-- ARGV[4..] fields and values of the dead letter
--
-- Returns 1 if it was pending, 0 if it had been acknowledged or given away before.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XDEL', KEYS[1], ARGV[2])
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 4))
local dropped = redis.call('XTRIM', KEYS[2], 'MAXLEN', ARGV[3])
if dropped > 0 then redis.call('HINCRBY', KEYS[3], 'dead_dropped', dropped) end
return 1
