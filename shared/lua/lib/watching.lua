-- Who is told of a photo.

-- Returns `watchers` with one more socket at the end, nil if there are too many.
local function joined(prefix, watchers, socket, most)
  local others, known = {}, {}
  for other in string.gmatch(watchers or '', '%S+') do
    if other ~= socket then
      others[#others + 1] = other
      -- A socket of which it is no longer known what it watches has been gone for long.
      if redis.call('EXISTS', prefix .. ':watched:' .. other) == 1 then known[#known + 1] = other end
    end
  end
  if #others >= most then others = known end
  if #others >= most then return nil end
  others[#others + 1] = socket
  return table.concat(others, ' ')
end

-- Notes that a socket watches a photo; of those it watches the `most` newest are kept.
local function note_watched(watched, photo_id, kept_ms, most)
  redis.call('ZADD', watched, photo_id, photo_id)
  redis.call('ZREMRANGEBYRANK', watched, 0, -1 - most)
  redis.call('PEXPIRE', watched, kept_ms)
end

-- Sends the later events of a photo, and of its batch, to one more socket; false if too many do.
-- `photo`: its fields `id`, `watchers`, `batch_id`. `most_watched`: as `most` of `note_watched`.
local function watch(prefix, photo, socket, kept_ms, most, most_watched)
  local watchers = joined(prefix, photo.watchers, socket, tonumber(most))
  if not watchers then return false end
  redis.call('HSET', prefix .. ':photo:' .. photo.id, 'watchers', watchers)
  local batch = photo.batch_id and prefix .. ':batch:' .. photo.batch_id
  if batch and redis.call('EXISTS', batch) == 1 then
    local of_batch = joined(prefix, redis.call('HGET', batch, 'watchers'), socket, tonumber(most))
    if of_batch then redis.call('HSET', batch, 'watchers', of_batch) end
  end
  note_watched(prefix .. ':watched:' .. socket, photo.id, kept_ms, most_watched)
  return true
end
