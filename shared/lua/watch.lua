-- Sends the later events of a photo to one more socket.
--
-- KEYS[1]  photo    hash
-- KEYS[2]  watched  set of the photo ids that the socket watches
-- ARGV[1]  socket ID
-- ARGV[2]  how long `watched` is kept, ms
-- ARGV[3]  how many sockets may watch a photo
--
-- Returns 1, 0 if there is no such photo, -1 if too many sockets watch it.
local photo = redis.call('HMGET', KEYS[1], 'id', 'watchers')
if not photo[1] then return 0 end
local others = {}
for socket in string.gmatch(photo[2] or '', '%S+') do
  if socket ~= ARGV[1] then others[#others + 1] = socket end
end
if #others >= tonumber(ARGV[3]) then return -1 end
others[#others + 1] = ARGV[1]
redis.call('HSET', KEYS[1], 'watchers', table.concat(others, ' '))
redis.call('SADD', KEYS[2], photo[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
