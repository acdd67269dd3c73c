-- Takes a turn at what one of all services does at a time.
--
-- KEYS[1]  turn  string: who has had the last one, as long as nobody else may have the next; longer
--          if the clock was set back since
-- ARGV[1]  how long nobody else may have one, ms
-- ARGV[2]  id of this request
--
-- Returns 1, also if this request has taken it before; 0 where another has it.
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left <= tonumber(ARGV[1]) then
  return redis.call('GET', KEYS[1]) == ARGV[2] and 1 or 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
return 1
