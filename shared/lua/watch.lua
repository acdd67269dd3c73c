-- Sends the later events of a photo to one more socket.
--
-- KEYS[1]  photo  hash
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  socket ID
-- ARGV[3]  how long it is known what the socket watches, ms
-- ARGV[4]  how many sockets may watch a photo
-- ARGV[5]  of how many photos, at most, it is known that the socket watches them
--
-- Returns 1, 0 if there is no such photo, -1 if too many sockets watch it.
local photo = read(KEYS[1], 'id', 'watchers', 'batch_id')
if not photo.id then return 0 end
return watch(ARGV[1], photo, ARGV[2], ARGV[3], ARGV[4], ARGV[5]) and 1 or -1
