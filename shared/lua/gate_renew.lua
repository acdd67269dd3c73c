#!lua flags=allow-oom
-- Renews the leases of calls, and says that their tagger is there.
--
-- KEYS[1]  gate   hash
-- KEYS[2]  calls  sorted set
-- KEYS[3]  gates  sorted set of endpoints by when a tagger was last heard of, ms
-- KEYS[4]  spending  sorted set
-- KEYS[5]  waiting  sorted set
-- KEYS[6]  heard  sorted set
-- ARGV[1]  endpoint
-- ARGV[2]  name of the provider
-- ARGV[3]  calls in flight at most, 0: any number
-- ARGV[4]  lease of a call, ms
-- ARGV[5]  how long the gate is kept when no tagger is heard of any more, ms
-- ARGV[6]  prefix of the shard's keys
-- ARGV[7]  budget for a day, billionths of a US dollar, 0: none
-- ARGV[8]  name of the provider that is asked while the budget is spent, or ''
-- ARGV[9..] tokens
--
-- A lease that has lapsed, but whose place nobody has taken, is renewed.
--
-- Returns {what was spent today by all; the tokens that are gone: their calls have no place any
-- more}.
local now = now_ms()
local gone = {}
for i = 9, #ARGV do
  if redis.call('ZSCORE', KEYS[2], ARGV[i]) then
    redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[i])
    redis.call('ZADD', KEYS[4], 'XX', now + ARGV[4], ARGV[i])
  else
    gone[#gone + 1] = ARGV[i]
  end
end
lapsed_until(KEYS[1], {KEYS[2], KEYS[4], KEYS[6]}, ARGV[4], now)
redis.call('HSET', KEYS[1], 'provider', ARGV[2], 'limit', ARGV[3], 'budget_nanousd', ARGV[7],
  'fallback', ARGV[8])
-- What a killed tagger leaves there, too.
for _, i in ipairs({1, 2, 5, 6}) do redis.call('PEXPIRE', KEYS[i], ARGV[5]) end
redis.call('ZADD', KEYS[3], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[5])
return {spent_today(ARGV[6], now), unpack(gone)}
