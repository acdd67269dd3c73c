-- Takes entries whose leases have lapsed from their consumers and puts them to the front,
-- with one more death on their account. At the end of a sweep, forgets consumers long gone
-- that hold nothing, and dead letters that are too old or too many.
--
-- One call looks at a bounded number of entries, however many are held; the next one goes on
-- where it ended. One consumer at a time is enough: others find `swept` and leave it to it.
--
-- A call that comes late takes nothing: if the server stood still, or its clock was set ahead, leases
-- have lapsed that those who live could not renew.
--
-- KEYS[1]    swept    there for a while after a sweep has begun; for longer if the clock is set back
-- KEYS[2]    counts
-- KEYS[3]    dead
-- KEYS[4]    wake
-- KEYS[5]    paused
-- KEYS[6..]  streams  front, high, normal, low
-- ARGV[1]    group
-- ARGV[2]    consumer who sweeps
-- ARGV[3]    how long a lease lasts without renewal, ms
-- ARGV[4]    how many entries to take in one call at most; ten times as many are looked at
-- ARGV[5]    stream index to go on at, 0 to begin
-- ARGV[6]    entry id to go on at
-- ARGV[7]    how long to leave the next sweep to others, ms
-- ARGV[8]    how long a consumer is not heard of before it is forgotten, ms
-- ARGV[9]    how long dead letters are kept, ms
-- ARGV[10]   how many dead letters are kept
-- ARGV[11]   until when, by the server's clock, this call is not late, ms
--
-- Returns stream index and entry id to go on at, 0 and `0-0` at the end, -1 if the call came late, how
-- many entries were taken, and the server's time, ms.
local BEFORE_STREAMS = 5
local at, cursor, taken = tonumber(ARGV[5]), ARGV[6], 0
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[11]) then return {-1, '0-0', 0, now} end

local function take(stream, id)
  local entry = redis.call('XRANGE', stream, id, id)[1]
  redis.call('XACK', stream, ARGV[1], id)
  redis.call('XDEL', stream, id)
  if not entry then return end
  local fields, deaths = {}, 0
  for j = 1, #entry[2], 2 do
    if entry[2][j] == 'd' then
      deaths = tonumber(entry[2][j + 1]) or 0
    else
      fields[#fields + 1] = entry[2][j]
      fields[#fields + 1] = entry[2][j + 1]
    end
  end
  redis.call('XADD', KEYS[BEFORE_STREAMS + 1], '*', 'd', deaths + 1, unpack(fields))
  taken = taken + 1
end

if at == 0 then
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 and left <= tonumber(ARGV[7]) then return {0, '0-0', 0, now} end
  redis.call('DEL', KEYS[1])  -- first: a full server allows what follows after a write
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[7])
  at = 1
end
while at <= #KEYS - BEFORE_STREAMS do
  local stream = KEYS[BEFORE_STREAMS + at]
  -- JUSTID: it is no delivery.
  local reply = redis.call('XAUTOCLAIM', stream, ARGV[1], ARGV[2], ARGV[3], cursor,
    'COUNT', ARGV[4], 'JUSTID')
  for _, id in ipairs(reply[2]) do take(stream, id) end
  if reply[1] ~= '0-0' then return {at, reply[1], taken, now} end
  at, cursor = at + 1, '0-0'
end

for i = 4, #KEYS do
  local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[i], ARGV[1])
  for _, flat in ipairs(consumers.err and {} or consumers) do
    local consumer = {}
    for j = 1, #flat, 2 do consumer[flat[j]] = flat[j + 1] end
    -- What is pending in the wake stream is nobody's loss: all look by themselves, too.
    if consumer.idle >= tonumber(ARGV[8]) and (consumer.pending == 0 or i == 4) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[i], ARGV[1], consumer.name)
    end
  end
end

redis.call('XTRIM', KEYS[3], 'MINID', math.max(0, now - ARGV[9]))
local dropped = redis.call('XTRIM', KEYS[3], 'MAXLEN', ARGV[10])
if dropped > 0 then redis.call('HINCRBY', KEYS[2], 'dead_dropped', dropped) end
return {0, '0-0', taken, now}
