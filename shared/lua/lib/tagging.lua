-- The index of tags, for each owner: photos by tag, tags by number of photos, tags by name.

local LOCALES = {'fr', 'en'}

-- The members of an owner's index of names that are a tag's: `<name>\0<id>` for each language, the
-- name as it is searched for. `former`: those that the version before made, of the name as it is.
local function members_of(prefix, tag)
  local members, former = {}, {}
  for _, locale in ipairs(LOCALES) do
    local label = redis.call('HGET', prefix .. ':tag-labels:' .. locale, tag)
    local start = redis.call('HGET', prefix .. ':tag-starts:' .. locale, tag)
    if label or start then members[#members + 1] = (start or label) .. '\0' .. tag end
    if label then former[#former + 1] = label .. '\0' .. tag end
  end
  return members, former
end

local function add_tag(prefix, owner, tag, photo_id)
  if redis.call('ZADD', prefix .. ':tag:' .. owner .. ':' .. tag, photo_id, photo_id) == 1 then
    redis.call('ZINCRBY', prefix .. ':tag-counts:' .. owner, 1, tag)
  end
  for _, member in ipairs((members_of(prefix, tag))) do
    redis.call('ZADD', prefix .. ':tag-index:' .. owner, 0, member)
  end
end

local function remove_tag(prefix, owner, tag, photo_id)
  if redis.call('ZREM', prefix .. ':tag:' .. owner .. ':' .. tag, photo_id) == 0 then return end
  if tonumber(redis.call('ZINCRBY', prefix .. ':tag-counts:' .. owner, -1, tag)) > 0 then return end
  redis.call('ZREM', prefix .. ':tag-counts:' .. owner, tag)
  for _, members in ipairs({members_of(prefix, tag)}) do
    for _, member in ipairs(members) do
      redis.call('ZREM', prefix .. ':tag-index:' .. owner, member)
    end
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
