-- Definitions, here and in the rest of this folder, that are put before the scripts that use them.

-- The server's time, the only clock that the records know; all of a script happens at once.
local time_us
local function now_us()
  if not time_us then
    local time = redis.call('TIME')
    time_us = time[1] * 1000000 + time[2]
  end
  return time_us
end

-- In ms since the epoch.
local function now_ms()
  return math.floor(now_us() / 1000)
end

-- Returns when a pause ends, which was made at `made`: now at the latest if the clock was set back since.
local function end_of(pause_end, made, now)
  local ends = tonumber(pause_end or 0)
  return tonumber(made or 0) > now and math.min(ends, now) or ends
end

-- Returns up to when, ms, the leases at a gate have lapsed: now; or 0, none, for as long as those
-- may take to renew who could not, because the server stood still or its clock was set ahead.
-- `leases`: the sorted sets by their ends, which are no later than a lease from now if the clock was
-- set back.
local function lapsed_until(gate, leases, lease_ms, now)
  local lease, spares = tonumber(lease_ms), 0
  local heard, until_then = unpack(redis.call('HMGET', gate, 'heard_ms', 'spares_until_ms'))
  local left = tonumber(until_then or 0) - now
  -- Each tagger asks or renews four times a lease.
  if heard and now - heard > lease / 2 then
    spares = now + math.ceil(lease / 3)
  elseif left > 0 and left <= lease then
    spares = until_then
  end
  for _, key in ipairs(heard and now < tonumber(heard) and leases or {}) do
    for _, token in ipairs(redis.call('ZRANGEBYSCORE', key, now + lease, '+inf')) do
      redis.call('ZADD', key, now + lease, token)
    end
  end
  redis.call('HSET', gate, 'heard_ms', now, 'spares_until_ms', spares)
  return spares == 0 and now or 0
end

local ENDED = {complete = true, error = true, cancelled = true}

-- Returns the named fields of a hash, as a table without those it lacks.
local function read(key, ...)
  local fields = {}
  local values = redis.call('HMGET', key, ...)
  for i, name in ipairs({...}) do fields[name] = values[i] or nil end
  return fields
end

-- Returns the fields of a table as HSET takes them: each name, and after it the value.
local function in_pairs(fields)
  local flat = {}
  for name, value in pairs(fields) do
    flat[#flat + 1] = name
    flat[#flat + 1] = value
  end
  return unpack(flat)
end

-- Whether `token`, `<job id>:<attempt>`, is the one that the photo's last claim gave out.
local function holds(photo, token)
  return photo.attempt and photo.job_id .. ':' .. photo.attempt == token
end

-- Writes an event once for every socket that watches, to the lane its ID begins with.
-- `prefix`: the shard's hash tag. `watchers`: socket IDs, separated by blanks.
local function emit(prefix, watchers, retention_ms, event, data)
  local oldest = now_ms() - retention_ms
  for socket in string.gmatch(watchers or '', '%S+') do
    local lane = prefix .. ':progress:' .. string.match(socket, '^%d+')
    redis.call('XADD', lane, 'MINID', '~', oldest, '*', 'socket', socket, 'event', event, 'data', data)
  end
end

-- Whether `consumer`, or any where none is given, holds a queue entry. Without a group nobody has
-- read anything yet.
local function is_held(stream, group, entry_id, ...)
  local pending = redis.pcall('XPENDING', stream, group, entry_id, entry_id, 1, ...)
  return not pending.err and #pending > 0
end

-- Acknowledges a queue entry and removes it from its stream.
local function settle(stream, group, entry_id)
  redis.call('XACK', stream, group, entry_id)
  redis.call('XDEL', stream, entry_id)
end
