#!lua flags=allow-oom
-- Makes the consumer groups that are missing. Not that of the wake stream while the queue is
-- paused: a consumer that waits for messages needs it, and so learns of the pause.
-- It may take memory: without groups a full server could not be worked empty.
--
-- KEYS[1]    paused   there while the queue is paused
-- KEYS[2]    wake
-- KEYS[3..]  streams  front, high, normal, low
-- ARGV[1]    group
--
-- Returns 1 if the queue is paused, else 0.
local function make(stream)
  local reply = redis.pcall('XGROUP', 'CREATE', stream, ARGV[1], '0', 'MKSTREAM')
  if reply.err and not string.find(reply.err, '^BUSYGROUP') then return reply end
end

local paused = redis.call('EXISTS', KEYS[1])
for i = 2 + paused, #KEYS do
  local failed = make(KEYS[i])
  if failed then return failed end
end
return paused
