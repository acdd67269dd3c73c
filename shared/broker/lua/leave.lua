-- Removes a consumer from the groups of all streams where it holds nothing.
--
-- KEYS     streams
-- ARGV[1]  group
-- ARGV[2]  consumer
--
-- Returns from how many it was removed.
local removed = 0
for _, stream in ipairs(KEYS) do
  local held = redis.pcall('XPENDING', stream, ARGV[1], '-', '+', 1, ARGV[2])
  if not held.err and #held == 0 then  -- no error: there is such a stream and group
    redis.call('XGROUP', 'DELCONSUMER', stream, ARGV[1], ARGV[2])
    removed = removed + 1
  end
end
return removed
