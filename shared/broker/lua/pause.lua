-- Pauses a queue: who waits for messages is woken by the end of the wake stream, and whoever
-- asks later is told. Without the wake stream nobody can wait for messages.
--
-- KEYS[1]  paused  stream whose group the consumers of a paused queue wait in
-- KEYS[2]  wake
-- ARGV[1]  group
--
-- Returns 1, or 0 if it was paused before.
redis.call('DEL', KEYS[2])  -- first: a full server allows what follows after it
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '$', 'MKSTREAM')
return 1
