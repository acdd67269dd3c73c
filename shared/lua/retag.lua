-- Has a photo that has ended analysed again, by a new job.
--
-- KEYS[1]  photo   hash
-- KEYS[2]  stream  of the queue
-- KEYS[3]  dead    stream of dead letters
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  id of the new job
-- ARGV[3]  priority
-- ARGV[4]  1 if the answer may not come from the cache, else 0
-- ARGV[5]  socket ID, or ''
-- ARGV[6]  how long it is known what the socket watches, ms
-- ARGV[7]  how many sockets may watch a photo
-- ARGV[8]  of how many photos, at most, it is known that the socket watches them
-- ARGV[9]  the message's field in a queue entry
-- ARGV[10] the message
-- ARGV[11] the trace it belongs to, a traceparent, or ''
--
-- Returns 1, also if this job was made before; 0 if the photo is in work; -1 if there is none;
-- -2 if too many sockets watch it.
local prefix, now = ARGV[1], now_ms()
local photo = read(KEYS[1], 'id', 'owner', 'status', 'job_id', 'watchers', 'batch_id', 'batch_open',
  'earlier_jobs')
if not photo.id then return -1 end
if photo.job_id == ARGV[2] then return 1 end
if not ENDED[photo.status] then return 0 end
if ARGV[5] ~= '' and not watch(prefix, photo, ARGV[5], ARGV[6], ARGV[7], ARGV[8]) then
  return -2
end

local before = prefix .. ':job:' .. photo.job_id
local old = read_job(prefix, photo.job_id, 'letter')
if old.state == 'dead' then
  -- The photo lives on with the new job.
  if old.letter then redis.call('XDEL', KEYS[3], old.letter) end
  set_state(prefix, old, 'dropped')
  redis.call('DEL', before)
end
-- So that they go with the photo.
local earlier = {}
for id in string.gmatch((photo.earlier_jobs or '') .. ' ' .. photo.job_id, '%S+') do
  if redis.call('EXISTS', prefix .. ':job:' .. id) == 1 then earlier[#earlier + 1] = id end
end
redis.call('HDEL', KEYS[1], 'error')
reopen_in_batch(prefix, photo)
enqueue(prefix, photo,
  {id = ARGV[2], priority = ARGV[3], traceparent = ARGV[11] ~= '' and ARGV[11] or nil}, now,
  {KEYS[2], ARGV[9], ARGV[10]}, 'job_id', ARGV[2], 'attempt', 0, 'tries', 0, 'fresh', ARGV[4],
  'earlier_jobs', table.concat(earlier, ' '))
count(prefix, photo.owner, {accepted = 1})
return 1
