-- Says how it stands at a gate; changes nothing.
--
-- KEYS[1]  gate     hash
-- KEYS[2]  calls    sorted set
-- KEYS[3]  waiting  sorted set
-- KEYS[4]  costs    list of what the latest calls cost
-- ARGV[1]  prefix of the shard's keys
--
-- Returns {provider, held until, down until, calls in flight, their limit, how many wait, now,
-- budget for a day, what is spent of it, 1 if what is left pays for no call, when the day ends, who
-- is asked then}; times in ms, amounts in billionths of a US dollar, 0 or '' for none.
local gate = redis.call('HMGET', KEYS[1], 'provider', 'held_until_ms', 'down_until_ms', 'limit',
  'budget_nanousd', 'fallback', 'paused_at_ms')
local now, budget = now_ms(), tonumber(gate[5] or 0)
local is_spent = budget > 0 and affordable(ARGV[1], KEYS[4], budget, 0, now) == 0
return {
  gate[1] or '',
  end_of(gate[2], gate[7], now),
  end_of(gate[3], gate[7], now),
  redis.call('ZCOUNT', KEYS[2], '(' .. now, '+inf'),
  tonumber(gate[4] or 0),
  redis.call('ZCARD', KEYS[3]),
  now,
  budget,
  spent_today(ARGV[1], now),
  is_spent and 1 or 0,
  now - now % DAY_MS + DAY_MS,
  gate[6] or '',
}
