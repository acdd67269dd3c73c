-- Renews the leases a consumer still holds on entries of one stream.
--
-- KEYS[1]   stream
-- ARGV[1]   group
-- ARGV[2]   consumer
-- ARGV[3..] entry ids
--
-- Returns the ids that are no longer its own: their leases lapsed, and they were taken away.
local lost = {}
for i = 3, #ARGV do
  local id = ARGV[i]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) > 0 then
    -- JUSTID: to hold on is no new delivery.
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID')
  else
    lost[#lost + 1] = id
  end
end
return lost
