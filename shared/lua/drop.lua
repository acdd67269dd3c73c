-- Forgets a dead job and its dead letter; the photo stays, as `error`.
--
-- KEYS[1]  job   hash
-- KEYS[2]  dead  stream of dead letters
-- ARGV[1]  prefix of the shard's keys
--
-- Returns 1, or 0 if it is not dead.
local job = read(KEYS[1], 'id', 'owner', 'sequence', 'state', 'letter')
if job.state ~= 'dead' then return 0 end
if job.letter then redis.call('XDEL', KEYS[2], job.letter) end
set_state(ARGV[1], job, 'dropped')
redis.call('DEL', KEYS[1])
return 1
