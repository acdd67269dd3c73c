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
-- Returns {the server's time in ms, the ids in the order of the tags}.
local prefix, ids = ARGV[1], {}

local function key_of(kind, name)
  return prefix .. ':tag-' .. kind .. ':' .. name[1]
end

-- The tag of a name. The version before kept names as they are written.
local function id_of(name)
  local id = redis.call('HGET', key_of('names', name), name[2])
  return tonumber(id or redis.call('HGET', key_of('names', name), name[3]) or nil)
end

local function is_nameless(id, name)
  return redis.call('HEXISTS', key_of('labels', name), id) == 0
end

local function lead(name, id)
  if redis.call('HGET', key_of('names', name), name[2]) ~= tostring(id) then
    redis.call('HSET', key_of('names', name), name[2], id)
  end
end

-- Has a tag be called by a name, if it has none yet in its language.
local function call_by(name, id)
  local label = redis.call('HGET', key_of('labels', name), id)
  if not label then redis.call('HSET', key_of('labels', name), id, name[3]) end
  if not label or label == name[3] then
    redis.call('HSETNX', key_of('starts', name), id, name[4])
  end
end

for i, names in ipairs(cjson.decode(ARGV[2])) do
  local own, other = names[1], names[2]
  local id, known = id_of(own), other and id_of(other)
  local one = other and id == known or other and (not id or is_nameless(id, other))
    and (not known or is_nameless(known, own))
  -- Of two that prove to be one, the older: from now on both names lead to it.
  if one and known then id = math.min(id or known, known) end
  id = id or redis.call('INCR', KEYS[1])
  lead(own, id)
  if one then lead(other, id) end
  for _, name in ipairs(names) do call_by(name, id) end
  ids[i] = id
end
return {now_ms(), ids}
