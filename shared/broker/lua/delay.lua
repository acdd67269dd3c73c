-- Puts a message among the delayed; wakes a consumer if it is now the next to be due.
-- With an entry given, that entry is acknowledged in the same step: a retry.
--
-- KEYS[1]  delayed  sorted set
-- KEYS[2]  wake     stream; an entry makes one blocked consumer look at the delayed
-- KEYS[3]  stream   of the entry to acknowledge; absent if there is none
-- ARGV[1]  member   `<stream index>:<deaths>:<message>`
-- ARGV[2]  delay, ms, by the server's clock
-- ARGV[3]  group
-- ARGV[4]  entry id
--
-- Returns 1, or 0 if the entry had been acknowledged or given away before.
if KEYS[3] then
  if redis.call('XACK', KEYS[3], ARGV[3], ARGV[4]) == 0 then return 0 end
  redis.call('XDEL', KEYS[3], ARGV[4])
end
local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
redis.call('ZADD', KEYS[1], 'NX', due, ARGV[1])
if redis.call('ZRANGE', KEYS[1], 0, 0)[1] == ARGV[1] then
  redis.call('XADD', KEYS[2], 'MAXLEN', 1, '*', 'due', due)
end
return 1
