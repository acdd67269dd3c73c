-- Gives entries back, to be fetched before all others, at no cost to their messages.
--
-- KEYS[1]  stream
-- KEYS[2]  front    stream that is read first
-- ARGV[1]  group
-- ARGV[2]  consumer
-- ARGV[3..] entry ids
--
-- Returns how many were given back; not those that another consumer holds by now.
local given = 0
for i = 3, #ARGV do
  local id = ARGV[i]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) > 0 then
    local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
    redis.call('XACK', KEYS[1], ARGV[1], id)
    redis.call('XDEL', KEYS[1], id)
    if entry then
      redis.call('XADD', KEYS[2], '*', unpack(entry[2]))
      given = given + 1
    end
  end
end
return given
