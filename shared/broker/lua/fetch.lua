-- Moves what is due to its stream, then reads new entries, at most `count`: one round trip,
-- so that no entry is overtaken by a less urgent one. Its cost depends on `count`, not on
-- how much waits.
--
-- The streams are read in their order, but of twenty entries one is read from `low` first and
-- one from `normal` first: they move, however much comes in above them.
--
-- KEYS[1]    paused    there while the queue is paused
-- KEYS[2]    counts    hash; its field `turn` counts the entries read
-- KEYS[3]    wake      stream
-- KEYS[4]    delayed   sorted set of `<stream index>:<deaths>:<message>` by due time, ms
-- KEYS[5..]  streams   front, high, normal, low
-- ARGV[1]    group
-- ARGV[2]    consumer
-- ARGV[3]    count
-- ARGV[4]    how many due messages to move at most
-- ARGV[5]    how often every consumer looks without having been told to, ms
--
-- Returns {{stream index, {{entry id, fields}, …}}, …}, the ms until the next delayed message
-- is due, -1 if there is none, and 1 if the queue is paused, else 0. Times are the server's.
local BEFORE_STREAMS = 4
local group, consumer, count = ARGV[1], ARGV[2], tonumber(ARGV[3])

-- Has the server hear of the consumer: before 7.2 Redis does not where there is nothing new to read,
-- but does where a consumer reads what it holds.
local function show(stream)
  redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 1, 'STREAMS', stream, '0')
end

if redis.call('EXISTS', KEYS[1]) == 1 then
  show(KEYS[1])
  return {{}, -1, 1}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

for _, member in ipairs(redis.call('ZRANGE', KEYS[4], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[4])) do
  local stream, deaths, message = string.match(member, '^(%d+):(%d+):(.*)$')
  local to = stream and tonumber(stream) > 0 and KEYS[BEFORE_STREAMS + tonumber(stream)]
  if not to then
    -- No such member: it goes on as it is, to become a dead letter.
    to, deaths, message = KEYS[#KEYS], 0, member
  end
  -- First: a full server refuses a script's first command if it takes memory, and no later one.
  redis.call('ZREM', KEYS[4], member)
  redis.call('XADD', to, '*', 'm', message, 'd', deaths)
end

local TURNS, FAVOURED = 10, {[9] = 3, [19] = 4}  -- every tenth turn; normal's, and low's
local read, turn = {}, tonumber(redis.call('HGET', KEYS[2], 'turn')) or 0

local function read_from(index, most)
  local reply = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', most,
    'STREAMS', KEYS[BEFORE_STREAMS + index], '>')
  if not reply then return 0 end
  read[#read + 1] = {index, reply[1][2]}
  return #reply[1][2]
end

local begun = turn
while count > 0 do
  local got, favoured = 0, FAVOURED[turn % (2 * TURNS)]
  if favoured then got = read_from(favoured, 1) end
  if got == 0 then
    local most = math.min(count, math.max(1, TURNS - 1 - turn % TURNS))
    for index = 1, #KEYS - BEFORE_STREAMS do
      if got < most then got = got + read_from(index, most - got) end
    end
  end
  if got == 0 then break end
  count = count - got
  turn = turn + got
end
if turn > begun then
  redis.call('HINCRBY', KEYS[2], 'turn', turn - begun)
else
  show(KEYS[3])
end

local head = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
local due_in = -1
if head[2] then due_in = math.max(0, math.ceil(head[2] - now)) end
-- This one has its hands full: another is to look in time, if one waits.
if count <= 0 and due_in >= 0 and due_in < tonumber(ARGV[5]) then
  redis.call('XADD', KEYS[3], 'MAXLEN', 1, '*', 'due', head[2])
end
return {read, due_in, 0}
