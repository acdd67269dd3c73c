-- Puts a dead letter back into a stream, its deaths forgotten.
--
-- KEYS[1]  dead    stream of dead letters
-- KEYS[2]  stream  to go on in
-- ARGV[1]  entry id of the dead letter
-- ARGV[2]  message
--
-- Returns 1, or 0 if there is no such dead letter any more.
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'm', ARGV[2])
return 1
