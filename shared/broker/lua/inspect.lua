-- Tells what is in a queue. What it costs does not depend on how much that is.
--
-- KEYS[1]    paused
-- KEYS[2]    counts
-- KEYS[3]    delayed
-- KEYS[4]    dead
-- KEYS[5]    wake
-- KEYS[6..]  streams  front, high, normal, low
-- ARGV[1]    group
--
-- Returns {waiting in each stream, …}, {held of each stream, …}, the number of delayed messages, of
-- dead letters, of dead letters that the limit removed, 1 if the queue is paused else 0, and
-- {{consumer, entries it holds, ms since it was heard of}, …}.
local waiting, taken = {}, {}
for i = 6, #KEYS do
  local summary = redis.pcall('XPENDING', KEYS[i], ARGV[1])
  local pending = summary.err and 0 or summary[1]  -- an error: no such stream or group
  taken[#taken + 1] = pending
  -- Not the group's own `lag`, which is unknown once an entry has been deleted.
  waiting[#waiting + 1] = math.max(0, redis.call('XLEN', KEYS[i]) - pending)
end

local names, held, idle = {}, {}, {}
for _, i in ipairs({1, 5, 6, 7, 8, 9}) do
  local reply = redis.pcall('XINFO', 'CONSUMERS', KEYS[i], ARGV[1])
  for _, flat in ipairs(reply.err and {} or reply) do
    local consumer = {}
    for j = 1, #flat, 2 do consumer[flat[j]] = flat[j + 1] end
    local name = consumer.name
    if not held[name] then
      names[#names + 1], held[name], idle[name] = name, 0, consumer.idle
    end
    if i >= 6 then held[name] = held[name] + consumer.pending end
    idle[name] = math.min(idle[name], consumer.idle)
  end
end
table.sort(names)
local consumers = {}
for _, name in ipairs(names) do
  consumers[#consumers + 1] = {name, held[name], idle[name]}
end

local dropped = tonumber(redis.call('HGET', KEYS[2], 'dead_dropped')) or 0
return {waiting, taken, redis.call('ZCARD', KEYS[3]), redis.call('XLEN', KEYS[4]), dropped,
  redis.call('EXISTS', KEYS[1]), consumers}
