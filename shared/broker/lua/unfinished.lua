-- Counts the messages that wait, are held or are delayed. In one step: else one that moves meanwhile
-- could be missed in both places. Not in a MULTI, which Redis 7 refuses when it is full.
--
-- KEYS[1]    delayed
-- KEYS[2..]  streams  front, high, normal, low
local count = redis.call('ZCARD', KEYS[1])
for i = 2, #KEYS do count = count + redis.call('XLEN', KEYS[i]) end
return count
