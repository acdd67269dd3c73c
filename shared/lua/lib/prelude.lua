-- Put before every script of this folder.

-- The server's time, ms since the epoch: the only clock that the records know.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local ENDED = {complete = true, error = true, cancelled = true}

-- Writes an event once for every socket that watches, to the lane its ID begins with.
-- `prefix`: the shard's hash tag. `watchers`: socket IDs, separated by blanks.
local function emit(prefix, watchers, retention_ms, event, data)
  local oldest = now_ms() - retention_ms
  for socket in string.gmatch(watchers or '', '%S+') do
    local lane = prefix .. ':progress:' .. string.match(socket, '^%d+')
    redis.call('XADD', lane, 'MINID', '~', oldest, '*', 'socket', socket, 'event', event, 'data', data)
  end
end

-- Acknowledges a queue entry and removes it from its stream.
local function settle(stream, group, entry_id)
  redis.call('XACK', stream, group, entry_id)
  redis.call('XDEL', stream, entry_id)
end
