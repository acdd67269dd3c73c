-- Says how it stands at a gate; changes nothing.
--
-- KEYS[1]  gate     hash
-- KEYS[2]  calls    sorted set
-- KEYS[3]  waiting  sorted set
--
-- Returns {provider, held until, down until, calls in flight, their limit, how many wait, now};
-- times in ms, 0 for none.
local gate = redis.call('HMGET', KEYS[1], 'provider', 'held_until_ms', 'down_until_ms', 'limit')
local now = now_ms()
return {
  gate[1] or '',
  tonumber(gate[2] or 0),
  tonumber(gate[3] or 0),
  redis.call('ZCOUNT', KEYS[2], '(' .. now, '+inf'),
  tonumber(gate[4] or 0),
  redis.call('ZCARD', KEYS[3]),
  now,
}
