-- Takes entries whose leases have lapsed from their consumers and puts them to the front,
-- with one more death on their account. Forgets consumers long gone that hold nothing.
--
-- KEYS[1]    wake
-- KEYS[2..]  streams  front, high, normal, low
-- ARGV[1]    group
-- ARGV[2]    how long a lease lasts without renewal, ms
-- ARGV[3]    how many entries of each stream to move at most
-- ARGV[4]    how long a consumer is not heard of before it is forgotten, ms
--
-- Returns {1 if there may be more to move else 0, {consumer, consumer, …} they were taken from}.
local full, consumers = 0, {}
for i = 2, #KEYS do
  local lapsed = redis.call('XPENDING', KEYS[i], ARGV[1], 'IDLE', ARGV[2], '-', '+', ARGV[3])
  if #lapsed >= tonumber(ARGV[3]) then full = 1 end
  for _, pending in ipairs(lapsed) do
    local id = pending[1]
    local entry = redis.call('XRANGE', KEYS[i], id, id)[1]
    redis.call('XACK', KEYS[i], ARGV[1], id)
    redis.call('XDEL', KEYS[i], id)
    if entry then
      local fields, deaths = {}, 0
      for j = 1, #entry[2], 2 do
        if entry[2][j] == 'd' then
          deaths = tonumber(entry[2][j + 1]) or 0
        else
          fields[#fields + 1] = entry[2][j]
          fields[#fields + 1] = entry[2][j + 1]
        end
      end
      redis.call('XADD', KEYS[2], '*', 'd', deaths + 1, unpack(fields))
      consumers[#consumers + 1] = pending[2]
    end
  end
end

for i = 1, #KEYS do
  for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[i], ARGV[1])) do
    local consumer = {}
    for j = 1, #flat, 2 do consumer[flat[j]] = flat[j + 1] end
    -- What is pending in the wake stream is nobody's loss: all look by themselves, too.
    if consumer.idle >= tonumber(ARGV[4]) and (consumer.pending == 0 or i == 1) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[i], ARGV[1], consumer.name)
    end
  end
end
return {full, consumers}
