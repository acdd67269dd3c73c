-- Takes entries whose leases have lapsed from their consumers and puts them to the front,
-- with one more death on their account.
--
-- KEYS[1]  stream
-- KEYS[2]  front   stream that is read first; may be the same
-- ARGV[1]  group
-- ARGV[2]  how long a lease lasts without renewal, ms
-- ARGV[3]  how many entries to move at most
--
-- Returns {how many pending entries had lapsed, {consumer, consumer, …} they were taken from}.
local lapsed = redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[2], '-', '+', ARGV[3])
local consumers = {}
for _, pending in ipairs(lapsed) do
  local id = pending[1]
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  redis.call('XACK', KEYS[1], ARGV[1], id)
  redis.call('XDEL', KEYS[1], id)
  if entry then
    local fields, deaths = entry[2], 0
    for i = 1, #fields, 2 do
      if fields[i] == 'd' then deaths = tonumber(fields[i + 1]) end
    end
    for i = 1, #fields, 2 do
      if fields[i] == 'm' then
        redis.call('XADD', KEYS[2], '*', 'm', fields[i + 1], 'd', deaths + 1)
      end
    end
    consumers[#consumers + 1] = pending[2]
  end
end
return {#lapsed, consumers}
