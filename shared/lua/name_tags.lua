#!lua flags=allow-oom
-- Gives tags their ids; a tag has one id for its names in all languages.
--
-- The language of the photo decides: a name that is known there is that tag. The name in the other
-- language makes two tags one only where neither has another name for what it would be called by.
--
-- KEYS[1]  tag-sequence  string, counter
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  JSON list of tags, each a list of one or two names, that in the photo's language first,
--          each [locale, identity, name, as it is searched for]
--
-- Returns the ids in the order of the tags.
local prefix, tags, ids = ARGV[1], cjson.decode(ARGV[2]), {}

-- What the hashes of each language hold of these tags: read at once, and kept in step.
local known = {names = {}, labels = {}, starts = {}}

local function look_up(kind, locale, fields)
  local key = prefix .. ':tag-' .. kind .. ':' .. locale
  known[kind][locale] = #fields > 0 and read(key, unpack(fields)) or {}
end

local function note(kind, name, field, value)
  redis.call('HSET', prefix .. ':tag-' .. kind .. ':' .. name[1], field, value)
  known[kind][name[1]][field] = value
end

local asked, found = {}, {}
for _, names in ipairs(tags) do
  for _, name in ipairs(names) do
    local fields = asked[name[1]] or {}
    asked[name[1]] = fields
    fields[#fields + 1], fields[#fields + 2] = name[2], name[3]
  end
end
for locale, fields in pairs(asked) do
  look_up('names', locale, fields)
  for _, id in pairs(known.names[locale]) do found[#found + 1] = id end
end
for locale in pairs(asked) do
  look_up('labels', locale, found)
  look_up('starts', locale, found)
end

-- The tag of a name. The version before kept names as they are written.
local function id_of(name)
  local names = known.names[name[1]]
  return names[name[2]] or names[name[3]]
end

local function is_nameless(id, name)
  return not known.labels[name[1]][id]
end

local function lead(name, id)
  if known.names[name[1]][name[2]] ~= id then note('names', name, name[2], id) end
end

-- Has a tag be called by a name, if it has none yet in its language.
local function call_by(name, id)
  local label = known.labels[name[1]][id]
  if not label then note('labels', name, id, name[3]) end
  if (not label or label == name[3]) and not known.starts[name[1]][id] then
    note('starts', name, id, name[4])
  end
end

for i, names in ipairs(tags) do
  local own, other = names[1], names[2]
  local id, its = id_of(own), other and id_of(other)
  local one = other and id == its or other and (not id or is_nameless(id, other))
    and (not its or is_nameless(its, own))
  -- Of two that prove to be one, the older: from now on both names lead to it.
  if one and its and not (id and tonumber(id) < tonumber(its)) then id = its end
  id = id or tostring(redis.call('INCR', KEYS[1]))
  lead(own, id)
  if one then lead(other, id) end
  for _, name in ipairs(names) do call_by(name, id) end
  ids[i] = tonumber(id)
end
return ids
