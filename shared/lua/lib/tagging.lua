-- The index of tags, for each owner: photos by tag, tags by number of photos, tags by name.

local LOCALES = {'fr', 'en'}

-- The members of an owner's index of names that are those of some tags: `<name>\0<id>` for each
-- language, the name as it is searched for. `former`: those that the version before made, of the
-- name as it is.
local function members_of(prefix, tags)
  local members, former = {}, {}
  if #tags == 0 then return members, former end
  for _, locale in ipairs(LOCALES) do
    local labels = redis.call('HMGET', prefix .. ':tag-labels:' .. locale, unpack(tags))
    local starts = redis.call('HMGET', prefix .. ':tag-starts:' .. locale, unpack(tags))
    for i, tag in ipairs(tags) do
      local label, start = labels[i], starts[i]
      if label or start then members[#members + 1] = (start or label) .. '\0' .. tag end
      if label then former[#former + 1] = label .. '\0' .. tag end
    end
  end
  return members, former
end

local function add_tags(prefix, owner, tags, photo_id)
  for _, tag in ipairs(tags) do
    if redis.call('ZADD', prefix .. ':tag:' .. owner .. ':' .. tag, photo_id, photo_id) == 1 then
      redis.call('ZINCRBY', prefix .. ':tag-counts:' .. owner, 1, tag)
    end
  end
  local scored = {}
  for _, member in ipairs((members_of(prefix, tags))) do
    scored[#scored + 1] = 0
    scored[#scored + 1] = member
  end
  if #scored > 0 then redis.call('ZADD', prefix .. ':tag-index:' .. owner, unpack(scored)) end
end

local function remove_tags(prefix, owner, tags, photo_id)
  local unused = {}
  for _, tag in ipairs(tags) do
    if redis.call('ZREM', prefix .. ':tag:' .. owner .. ':' .. tag, photo_id) == 1
        and tonumber(redis.call('ZINCRBY', prefix .. ':tag-counts:' .. owner, -1, tag)) <= 0 then
      redis.call('ZREM', prefix .. ':tag-counts:' .. owner, tag)
      unused[#unused + 1] = tag
    end
  end
  for _, members in ipairs({members_of(prefix, unused)}) do
    if #members > 0 then redis.call('ZREM', prefix .. ':tag-index:' .. owner, unpack(members)) end
  end
end

-- Has a photo carry just the tags of a list of ids; `before`: JSON of those it carried.
local function retag(prefix, owner, photo_id, before, tags)
  local added, kept, removed = {}, {}, {}
  for i, tag in ipairs(tags) do
    added[i] = tostring(tag)
    kept[added[i]] = true
  end
  for _, tag in ipairs(cjson.decode(before or '[]')) do
    if not kept[tostring(tag)] then removed[#removed + 1] = tostring(tag) end
  end
  add_tags(prefix, owner, added, photo_id)
  remove_tags(prefix, owner, removed, photo_id)
end

-- Whether each name leads to its tag. `names`: {identity in the language `locale`, id, the other
-- language in which the tag has a name, or ''}, each.
local function lead_there(prefix, locale, names)
  local identities, others = {}, {}
  for i, name in ipairs(names) do
    identities[i] = name[1]
    if name[3] ~= '' then
      others[name[3]] = others[name[3]] or {}
      table.insert(others[name[3]], name[2])
    end
  end
  if #names == 0 then return true end
  for i, id in ipairs(redis.call('HMGET', prefix .. ':tag-names:' .. locale, unpack(identities))) do
    if tonumber(id) ~= names[i][2] then return false end
  end
  for other, ids in pairs(others) do
    for _, label in ipairs(redis.call('HMGET', prefix .. ':tag-labels:' .. other, unpack(ids))) do
      if not label then return false end
    end
  end
  return true
end
