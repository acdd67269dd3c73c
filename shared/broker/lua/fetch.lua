-- Moves what is due to its stream, then reads new entries, at most `count`, from the
-- streams in their order: one round trip, so that no entry is overtaken by a less urgent one.
--
-- KEYS[1]    delayed   sorted set of `<stream index>:<deaths>:<message>` by due time, ms
-- KEYS[2..]  streams   front, high, normal, low
-- ARGV[1]    group
-- ARGV[2]    consumer
-- ARGV[3]    count
-- ARGV[4]    how many due messages to move at most
--
-- Returns {{stream index, {{entry id, fields}, …}}, …} and the ms until the next delayed
-- message is due, -1 if there is none. Times are the server's.
local group, consumer, count = ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

for _, member in ipairs(redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[4])) do
  local stream, deaths, message = string.match(member, '^(%d+):(%d+):(.*)$')
  local to = KEYS[1 + (tonumber(stream) or 0)]
  if not to or to == KEYS[1] then
    -- No such member: it goes on as it is, to become a dead letter.
    to, deaths, message = KEYS[#KEYS], 0, member
  end
  -- First: a full server refuses a script's first command if it takes memory, and no later one.
  redis.call('ZREM', KEYS[1], member)
  redis.call('XADD', to, '*', 'm', message, 'd', deaths)
end

local read = {}
for i = 2, #KEYS do
  if count <= 0 then break end
  local reply = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', KEYS[i], '>')
  if reply then
    local entries = reply[1][2]
    count = count - #entries
    read[#read + 1] = {i - 1, entries}
  end
end

local head = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local due_in = -1
if head[2] then due_in = math.max(0, math.ceil(head[2] - now)) end
return {read, due_in}
