-- Who is told of a photo.

-- Sends the later events of a photo, and of its batch, to one more socket; false if too many do.
-- `photo`: its fields `id`, `watchers`, `batch_id`.
local function watch(prefix, photo, socket, kept_ms, most)
  local function joined(watchers)
    local others = {}
    for other in string.gmatch(watchers or '', '%S+') do
      if other ~= socket then others[#others + 1] = other end
    end
    if #others >= tonumber(most) then return nil end
    others[#others + 1] = socket
    return table.concat(others, ' ')
  end
  local watchers = joined(photo.watchers)
  if not watchers then return false end
  redis.call('HSET', prefix .. ':photo:' .. photo.id, 'watchers', watchers)
  local batch = photo.batch_id and prefix .. ':batch:' .. photo.batch_id
  if batch and redis.call('EXISTS', batch) == 1 then
    local of_batch = joined(redis.call('HGET', batch, 'watchers'))
    if of_batch then redis.call('HSET', batch, 'watchers', of_batch) end
  end
  local watched = prefix .. ':watched:' .. socket
  redis.call('SADD', watched, photo.id)
  redis.call('PEXPIRE', watched, kept_ms)
  return true
end
