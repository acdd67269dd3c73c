-- Lists the members that stand in at least one sorted set of every group, highest score first.
-- The work is bounded: a page may come short of its limit and have one after it all the same.
--
-- ARGV[1]  JSON list of groups, each a list of keys; a member has the same score in all of them
-- ARGV[2]  score below which the page begins, '' for the first page
-- ARGV[3]  how many members at most
-- ARGV[4]  how many members to look at, at most
-- ARGV[5]  prefix of the shard's keys
--
-- Returns {members, the score below which the next page begins or '' if there is none}.
local CHUNK = 200
-- How often sorted sets are asked, at most: some groups are of very many.
local MOST_READS = 100000
promote_due(ARGV[5], now_ms())
local groups, limit, most = cjson.decode(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4])

-- The smallest group is walked, the others are asked.
local walked, size = 1, math.huge
for i, group in ipairs(groups) do
  local members = 0
  for _, key in ipairs(group) do members = members + redis.call('ZCARD', key) end
  if members < size then walked, size = i, members end
end
local source = table.remove(groups, walked)
local chunk = math.max(10, math.min(CHUNK, math.floor(50 * CHUNK / #source)))
local reads = 0

local function in_all(member)
  for _, group in ipairs(groups) do
    local found = false
    for _, key in ipairs(group) do
      reads = reads + 1
      if redis.call('ZSCORE', key, member) then
        found = true
        break
      end
    end
    if not found then return false end
  end
  return true
end

-- Returns the members of the source with the next highest scores, and whether those are all.
local function next_chunk(below)
  local scores, members, ended, least = {}, {}, true, '-inf'
  local function higher(a, b) return tonumber(scores[a]) > tonumber(scores[b]) end
  reads = reads + #source
  for k = #source, 1, -1 do  -- the last first: newer tags are on newer photos
    local key = source[k]
    local part = redis.call('ZRANGE', key, below, least, 'BYSCORE', 'REV', 'LIMIT', 0, chunk, 'WITHSCORES')
    if #part == 2 * chunk then ended = false end
    for i = 1, #part, 2 do
      if not scores[part[i]] then members[#members + 1] = part[i] end
      scores[part[i]] = part[i + 1]
    end
    if #members >= 4 * chunk then
      -- What is lower than a whole chunk of those found is not for this one.
      table.sort(members, higher)
      members, ended, least = {unpack(members, 1, chunk)}, false, scores[members[chunk]]
    end
  end
  table.sort(members, higher)
  return members, scores, ended and #members <= chunk
end

local page, looked, last = {}, 0, ARGV[2]
while true do
  local members, scores, ended = next_chunk(last == '' and '+inf' or '(' .. last)
  for i = 1, math.min(chunk, #members) do
    local member = members[i]
    if looked >= most or (looked > 0 and reads >= MOST_READS) then return {page, last} end
    if in_all(member) then
      if #page >= limit then return {page, last} end
      page[#page + 1] = member
    end
    looked, last = looked + 1, scores[member]
  end
  if ended then return {page, ''} end
end
