#!lua flags=allow-oom
-- Gives tags their ids; a tag has one id for its names in all languages.
--
-- KEYS[1]  tag-sequence  string, counter
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  JSON list of objects: a tag's name by locale
--
-- Returns {the server's time in ms, the ids in the order of the tags}.
local prefix, ids = ARGV[1], {}
for i, names in ipairs(cjson.decode(ARGV[2])) do
  local id
  for locale, name in pairs(names) do
    id = id or redis.call('HGET', prefix .. ':tag-names:' .. locale, name)
  end
  id = id or redis.call('INCR', KEYS[1])
  for locale, name in pairs(names) do
    redis.call('HSETNX', prefix .. ':tag-names:' .. locale, name, id)
    redis.call('HSETNX', prefix .. ':tag-labels:' .. locale, id, name)
  end
  ids[i] = tonumber(id)
end
return {now_ms(), ids}
