#!lua flags=allow-oom
-- Ends a call, or the wait for one, and draws the conclusions for all others.
--
-- KEYS[1]  gate     hash
-- KEYS[2]  calls    sorted set
-- KEYS[3]  waiting  sorted set
-- KEYS[4]  heard    sorted set
-- KEYS[5]  minute   sorted set
-- KEYS[6]  spending sorted set; the script that counts a call takes it out of there
-- ARGV[1]  token
-- ARGV[2]  how it ended: 'answered', 'limited' (the provider wants no calls), 'failed' (the
--          provider is not well), or 'dropped', which says nothing about the provider
-- ARGV[3]  how much longer its place is kept, ms
-- ARGV[4]  'limited': the pause that the provider asked for, ms; -1 if it named none
-- ARGV[5]  tokens used
-- ARGV[6]  tokens a minute at most, 0: any number
-- ARGV[7]  failures in a row that make a provider 'down'
-- ARGV[8]  first pause of our own, ms; each after it is twice as long
-- ARGV[9]  longest pause of our own, ms
-- ARGV[10] what a pause of our own is stretched by, so that not all end together
--
-- A call that is gone (its lease has lapsed, or it was ended before) changes nothing.
--
-- Returns {1 if the provider was down already, else 0; ms that all calls are held back yet}.
local MINUTE_MS = 60000
local now = now_ms()
local gate = redis.call('HMGET', KEYS[1], 'held_until_ms', 'down_until_ms', 'probe', 'pause_ms', 'failures',
  'paused_at_ms')
local held_until, was_down = end_of(gate[1], gate[6], now), gate[2] and 1 or 0
local outcome = ARGV[2]

-- The pause after this one, in a row of failures or refusals.
local function next_pause()
  local pause = gate[4] and math.min(gate[4] * 2, tonumber(ARGV[9])) or tonumber(ARGV[8])
  redis.call('HSET', KEYS[1], 'pause_ms', pause)
  return math.floor(pause * ARGV[10])
end

local function close_for(pause)
  -- The other pause, too: by now it is judged, and would be believed anew.
  redis.call('HSET', KEYS[1], 'down_until_ms', now + pause, 'held_until_ms', held_until, 'paused_at_ms', now)
end

-- One that was never made is counted by nobody.
if outcome == 'dropped' then redis.call('ZREM', KEYS[6], ARGV[1]) end
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('ZREM', KEYS[4], ARGV[1])
  return {was_down, math.max(0, held_until - now)}
end

-- Under another name: it is over, whoever asks again.
if tonumber(ARGV[3]) > 0 then redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1] .. ':over') end
if tonumber(ARGV[6]) > 0 and tonumber(ARGV[5]) > 0 then
  redis.call('ZADD', KEYS[5], now, 't:' .. ARGV[1] .. ':' .. ARGV[5])
  redis.call('PEXPIRE', KEYS[5], MINUTE_MS)
  redis.call('HINCRBY', KEYS[1], 'tokens', ARGV[5])
end
if gate[3] == ARGV[1] then redis.call('HDEL', KEYS[1], 'probe') end

if outcome == 'answered' then
  if gate[2] or gate[4] or gate[5] then
    redis.call('HDEL', KEYS[1], 'down_until_ms', 'failures', 'pause_ms')
  end
elseif outcome == 'limited' then
  redis.call('HDEL', KEYS[1], 'down_until_ms', 'failures')
  local asked = tonumber(ARGV[4])
  if asked >= 0 then
    held_until = math.max(held_until, now + asked)
  elseif held_until <= now then
    -- Refusals of calls that were under way together are one refusal.
    held_until = now + next_pause()
  end
  redis.call('HSET', KEYS[1], 'held_until_ms', held_until, 'paused_at_ms', now)
elseif outcome == 'failed' and was_down == 0 then
  if redis.call('HINCRBY', KEYS[1], 'failures', 1) >= tonumber(ARGV[7]) then
    close_for(next_pause())
  end
elseif outcome == 'failed' and gate[3] == ARGV[1] then
  close_for(next_pause())
end
return {was_down, math.max(0, held_until - now)}
