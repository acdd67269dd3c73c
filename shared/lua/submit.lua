-- Accepts photos: records, indexes and queue entries in one step, or none of it.
--
-- KEYS[1]  answer          string; what this idempotency key was answered, JSON
-- KEYS[2]  photo-sequence  string, counter
-- KEYS[3]  photos          sorted set of the owner's photo ids
-- KEYS[4]  unfinished      sorted set of photo ids by the time they were accepted, ms
-- KEYS[5]  files           hash: photo id by file name
-- KEYS[6]  stream          of the queue
-- KEYS[7]  watched         set of the photo ids that the socket watches; unused without one
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  digest of the request
-- ARGV[3]  how long the answer is kept, ms
-- ARGV[4]  socket ID, or ''
-- ARGV[5]  how long `watched` is kept, ms
-- ARGV[6]  what stands for the photo's id in a message
-- ARGV[7]  the message's field in a queue entry
-- ARGV[8..] per photo: its record (JSON object of strings), its message
--
-- Returns {digest, JSON list of [id, file name, job id], 1 if accepted now and 0 if before}.
local known = redis.call('GET', KEYS[1])
if known then
  local before = cjson.decode(known)
  return {before.digest, before.photos, 0}
end

local prefix, socket, now = ARGV[1], ARGV[4], now_ms()
local accepted = {}
for i = 8, #ARGV, 2 do
  local record, message = cjson.decode(ARGV[i]), ARGV[i + 1]
  local id = redis.call('INCR', KEYS[2])
  local fields = {
    'id', id, 'status', 'queued', 'stage', '', 'progress', 0, 'attempt', 0, 'tries', 0,
    'watchers', socket, 'created_at_ms', now, 'updated_at_ms', now,
  }
  for name, value in pairs(record) do
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  redis.call('HSET', prefix .. ':photo:' .. id, unpack(fields))
  redis.call('ZADD', KEYS[3], id, id)
  redis.call('ZADD', KEYS[4], now, id)
  redis.call('HSET', KEYS[5], record.filename, id)
  if socket ~= '' then redis.call('SADD', KEYS[7], id) end
  local start, stop = string.find(message, ARGV[6], 1, true)
  message = string.sub(message, 1, start - 1) .. id .. string.sub(message, stop + 1)
  redis.call('XADD', KEYS[6], '*', ARGV[7], message)
  accepted[#accepted + 1] = {id, record.filename, record.job_id}
end
if socket ~= '' then redis.call('PEXPIRE', KEYS[7], ARGV[5]) end

local photos = cjson.encode(accepted)
redis.call('SET', KEYS[1], cjson.encode({digest = ARGV[2], photos = photos}), 'PX', ARGV[3])
return {ARGV[2], photos, 1}
