-- Lists the members of sorted sets, highest score first; photos only those that carry a tag of
-- every group. The work is bounded: a page may come short of its limit and have one after it all
-- the same.
--
-- KEYS     sorted sets; a member stands in one of them at least, with the same score in each
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  owner of the tags
-- ARGV[3]  JSON list of groups, each a list of tag ids
-- ARGV[4]  score below which the page begins, '' for the first page
-- ARGV[5]  how many members at most
-- ARGV[6]  how many commands it may cost, about
--
-- Returns {members, the score below which the next page begins or '' if there is none}.
local CHUNK, FEW = 200, 4
local prefix, limit, most, spent = ARGV[1], tonumber(ARGV[5]), tonumber(ARGV[6]), 0
promote_due(prefix, now_ms())

local function call(...)
  spent = spent + 1
  return redis.call(...)
end

local groups = {}
for _, ids in ipairs(cjson.decode(ARGV[3])) do
  local group = {keys = {}, wanted = {}}
  for i, id in ipairs(ids) do
    group.keys[i] = prefix .. ':tag:' .. ARGV[2] .. ':' .. id
    group.wanted[id] = true
  end
  groups[#groups + 1] = group
end
groups[#groups + 1] = {keys = KEYS}

-- The smallest group is walked, the others are asked. A photo stands in a group as often as it has
-- tags of it: there are not more of them than photos.
local walked, size = 1, math.huge
local all = #groups > 1 and call('ZCARD', prefix .. ':photos:' .. ARGV[2]) or math.huge
for i, group in ipairs(groups) do
  local members = 0
  for _, key in ipairs(group.keys) do members = members + call('ZCARD', key) end
  members = math.min(members, all)
  if members < size then walked, size = i, members end
end
local source = table.remove(groups, walked)

local function stands_in(keys, member)
  for _, key in ipairs(keys) do
    if call('ZSCORE', key, member) then return true end
  end
  return false
end

local function carries(tags, wanted)
  for _, tag in ipairs(tags) do
    if wanted[tag] then return true end
  end
  return false
end

-- Whether a member is in all groups. However many tags are wanted, a photo is asked once.
local function in_all(member)
  local tags
  for _, group in ipairs(groups) do
    if group.wanted and not tags then
      tags = cjson.decode(call('HGET', prefix .. ':photo:' .. member, 'tag_ids') or '[]')
    end
    local fits = group.wanted and carries(tags, group.wanted)
    if not fits and (group.wanted or not stands_in(group.keys, member)) then return false end
  end
  return true
end

-- A reader for each key of the source reads ahead: a part at a time, the longer the more of its
-- members were needed.
local function read_on(reader)
  reader.part, reader.at = call('ZRANGE', reader.key, reader.below, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0,
    reader.count, 'WITHSCORES'), 1
  reader.more = #reader.part == 2 * reader.count
  reader.below = '(' .. (reader.part[#reader.part] or '')
  reader.count = math.min(CHUNK, 2 * reader.count)
end

local function look(reader)
  reader.score = tonumber(reader.part[reader.at + 1]) or -math.huge
end

local readers = {}
for i, key in ipairs(source.keys) do
  readers[i] = {key = key, below = ARGV[4] == '' and '+inf' or '(' .. ARGV[4],
    count = math.max(FEW, math.floor(CHUNK / #source.keys))}
  read_on(readers[i])
  look(readers[i])
end
-- A heap: the reader with the highest score is the first.
table.sort(readers, function(a, b) return a.score > b.score end)
local function sink_first()
  local i, child, last = 1, 2, #readers
  while child <= last do
    if child < last and readers[child + 1].score > readers[child].score then child = child + 1 end
    if readers[i].score >= readers[child].score then return end
    readers[i], readers[child] = readers[child], readers[i]
    i, child = child, 2 * child
  end
end

local page, last = {}, ARGV[4]
while readers[1] and readers[1].score > -math.huge do
  local first = readers[1]
  local member, score = first.part[first.at], first.part[first.at + 1]
  -- Another reader may have come by it.
  if score ~= last then
    -- At least one is looked at, so that there is an end to the pages.
    if spent >= most and last ~= ARGV[4] then return {page, last} end
    if in_all(member) then
      if #page >= limit then return {page, last} end
      page[#page + 1] = member
    end
    last = score
  end
  first.at = first.at + 2
  if first.at > #first.part and first.more then read_on(first) end
  look(first)
  sink_first()
end
return {page, ''}
