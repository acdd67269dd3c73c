#!lua flags=allow-oom
-- Asks for turns at the gate of a provider's endpoint: who may make a call now?
--
-- KEYS[1]  gate     hash
-- KEYS[2]  calls    sorted set of the tokens of calls in flight, by the end of their lease, ms
-- KEYS[3]  waiting  sorted set of the tokens that wait, in their order
-- KEYS[4]  heard    sorted set of the same tokens, by when they are forgotten unless they ask, ms
-- KEYS[5]  minute   sorted set of what was spent, by when, ms: `r:<token>`, `t:<token>:<tokens>`
-- KEYS[6]  spending sorted set of the tokens of all gates' calls that are not counted yet, and that
--          a budget has to pay for, by the end of their lease, ms
-- KEYS[7]  costs    list of what the latest calls cost
-- ARGV[1]  calls in flight at most, 0: any number
-- ARGV[2]  requests a minute at most, 0: any number
-- ARGV[3]  tokens a minute at most, 0: any number
-- ARGV[4]  lease of a call, ms
-- ARGV[5]  how long one that waits is remembered, ms
-- ARGV[6]  prefix of the shard's keys
-- ARGV[7]  budget for a day (UTC), billionths of a US dollar, 0: none
-- ARGV[8..] per turn: its token, the place of its priority (0 first)
--
-- Asking again for a turn that was given gives it again.
--
-- Returns {why the others wait: 'budget', 'held', 'down', 'rate', 'full' or ''; ms until that may
-- be over, -1 if only others know; the tokens whose turn it is}.
local MINUTE_MS = 60000
local now = now_ms()
local limit, per_minute, tokens_per_minute = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local budget = tonumber(ARGV[7])

local lapsed = lapsed_until(KEYS[1], {KEYS[2], KEYS[4], KEYS[6]}, ARGV[4], now)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', lapsed)
for _, token in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', lapsed)) do
  redis.call('ZREM', KEYS[3], token)
  redis.call('ZREM', KEYS[4], token)
end

local mine, given = {}, {}
for i = 8, #ARGV, 2 do
  local token = ARGV[i]
  if redis.call('ZSCORE', KEYS[2], token) then
    given[#given + 1] = token
  else
    mine[token] = true
    if not redis.call('ZSCORE', KEYS[3], token) then
      local arrival = redis.call('HINCRBY', KEYS[1], 'arrivals', 1)
      redis.call('ZADD', KEYS[3], ARGV[i + 1] * 1e12 + arrival, token)
    end
    redis.call('ZADD', KEYS[4], now + ARGV[5], token)
  end
end

local function forget_spent(from, to)
  for _, spent in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], from, to)) do
    redis.call('ZREM', KEYS[5], spent)
    local tokens = string.match(spent, '^t:.*:(%d+)$')
    redis.call('HINCRBY', KEYS[1], tokens and 'tokens' or 'requests', -(tokens or 1))
  end
end
forget_spent('-inf', now - MINUTE_MS)
forget_spent('(' .. now, '+inf')  -- before the clock was set back

-- How many may go now, and what the others are told.
local gate = redis.call('HMGET', KEYS[1], 'held_until_ms', 'down_until_ms', 'probe', 'requests', 'tokens',
  'paused_at_ms')
local held_until, down_until = end_of(gate[1], gate[6], now), end_of(gate[2], gate[6], now)
local requests, tokens = tonumber(gate[4] or 0), tonumber(gate[5] or 0)
if (gate[4] or gate[5]) and redis.call('EXISTS', KEYS[5]) == 0 then
  redis.call('HDEL', KEYS[1], 'requests', 'tokens')
  requests, tokens = 0, 0
end
local free, why, wait = math.huge, '', -1
local function bound(by, reason, ms)
  if by < free then free, why, wait = by, reason, ms end
end
if budget > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', lapsed)
  bound(affordable(ARGV[6], KEYS[7], budget, redis.call('ZCARD', KEYS[6]), now), 'budget',
    DAY_MS - now % DAY_MS)
end
if held_until > now then
  bound(0, 'held', held_until - now)
elseif down_until > now then
  bound(0, 'down', down_until - now)
elseif down_until > 0 then
  -- The pause is over: one call tries whether the provider is well again.
  bound(gate[3] and redis.call('ZSCORE', KEYS[2], gate[3]) and 0 or 1, 'down', -1)
end
if limit > 0 then bound(math.max(0, limit - redis.call('ZCARD', KEYS[2])), 'full', -1) end
if per_minute > 0 or tokens_per_minute > 0 then
  local oldest = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')[2]
  local over = oldest and oldest + MINUTE_MS - now or 0
  if per_minute > 0 then bound(math.max(0, per_minute - requests), 'rate', over) end
  if tokens_per_minute > 0 and tokens >= tokens_per_minute then bound(0, 'rate', over) end
end

-- First come, first served, high priorities first, whoever asks: a place that falls to one
-- that waits elsewhere is left for it.
local last = free == math.huge and -1 or free - 1
local first = free > 0 and redis.call('ZRANGE', KEYS[3], 0, last) or {}
for _, token in ipairs(first) do
  if mine[token] then
    redis.call('ZREM', KEYS[3], token)
    redis.call('ZREM', KEYS[4], token)
    redis.call('ZADD', KEYS[2], now + ARGV[4], token)
    if down_until > 0 then redis.call('HSET', KEYS[1], 'probe', token) end
    if budget > 0 then redis.call('ZADD', KEYS[6], now + ARGV[4], token) end
    if per_minute > 0 and redis.call('ZADD', KEYS[5], 'NX', now, 'r:' .. token) == 1 then
      redis.call('HINCRBY', KEYS[1], 'requests', 1)
    end
    given[#given + 1] = token
  end
end
if per_minute > 0 then redis.call('PEXPIRE', KEYS[5], MINUTE_MS) end
return {why, wait, unpack(given)}
