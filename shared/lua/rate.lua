-- Lets a caller do one more thing, or says how long to wait (the generic cell rate algorithm:
-- one number a caller holds what a bucket of tokens would).
--
-- KEYS[1]  rate  string: when, ms since the epoch, the caller will have nothing on account
-- ARGV[1]  how many in a window; so many may come at once
-- ARGV[2]  the window, ms
--
-- Returns 0, or the ms to wait. Run twice, because a reply was lost, it counts twice.
local window = tonumber(ARGV[2])
local each, now = window / ARGV[1], now_ms()
-- No caller owes more than a window and a fraction of 1 ms, unless the clock was set back.
local owed = math.min(tonumber(redis.call('GET', KEYS[1]) or 0), now + window + 1)
local clear = math.max(owed, now) + each
local wait = math.floor(clear - now - window)  -- floor: fractions add up to less than 1 ms
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.3f', clear), 'PX', math.ceil(clear - now))
return 0
