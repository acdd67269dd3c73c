-- The index of tags, for each owner: photos by tag, tags by number of photos, tags by name.

local LOCALES = {'fr', 'en'}

-- Names a tag in an owner's index of names: `<name>\0<id>` for each language.
local function names_of(prefix, tag)
  local members = {}
  for _, locale in ipairs(LOCALES) do
    local name = redis.call('HGET', prefix .. ':tag-labels:' .. locale, tag)
    if name then members[#members + 1] = name .. '\0' .. tag end
  end
  return members
end

local function add_tag(prefix, owner, tag, photo_id)
  if redis.call('ZADD', prefix .. ':tag:' .. owner .. ':' .. tag, photo_id, photo_id) == 1 then
    redis.call('ZINCRBY', prefix .. ':tag-counts:' .. owner, 1, tag)
  end
  for _, member in ipairs(names_of(prefix, tag)) do
    redis.call('ZADD', prefix .. ':tag-index:' .. owner, 0, member)
  end
end

local function remove_tag(prefix, owner, tag, photo_id)
  if redis.call('ZREM', prefix .. ':tag:' .. owner .. ':' .. tag, photo_id) == 0 then return end
  if tonumber(redis.call('ZINCRBY', prefix .. ':tag-counts:' .. owner, -1, tag)) > 0 then return end
  redis.call('ZREM', prefix .. ':tag-counts:' .. owner, tag)
  for _, member in ipairs(names_of(prefix, tag)) do
    redis.call('ZREM', prefix .. ':tag-index:' .. owner, member)
  end
end

-- Has a photo carry just the tags of a list of ids; `before`: JSON of those it carried.
local function retag(prefix, owner, photo_id, before, tags)
  local kept = {}
  for _, tag in ipairs(tags) do
    kept[tostring(tag)] = true
    add_tag(prefix, owner, tostring(tag), photo_id)
  end
  for _, tag in ipairs(cjson.decode(before or '[]')) do
    if not kept[tostring(tag)] then remove_tag(prefix, owner, tostring(tag), photo_id) end
  end
end
