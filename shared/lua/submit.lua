-- Accepts photos: records, jobs, indexes, batch and queue entries in one step, or none of it.
--
-- KEYS[1]  answer          string; what this idempotency key was answered, JSON
-- KEYS[2]  photo-sequence  string, counter
-- KEYS[3]  photos          sorted set of the owner's photo ids
-- KEYS[4]  files           hash: photo id by file name
-- KEYS[5]  stream          of the queue
-- KEYS[6]  watched         sorted set of the photo ids that the socket watches; unused without one
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  digest of the request
-- ARGV[3]  how long the answer is kept, ms
-- ARGV[4]  socket ID, or ''
-- ARGV[5]  how long `watched` is kept, ms
-- ARGV[6]  of how many photos, at most, it is known that the socket watches them
-- ARGV[7]  what stands for the photo's id in a message
-- ARGV[8]  the message's field in a queue entry
-- ARGV[9]  batch id, or ''
-- ARGV[10] the trace they belong to, a traceparent, or ''
-- ARGV[11..] per photo: its record (JSON object of strings), its message
--
-- Returns {digest, JSON list of [id, file name, job id], batch id, language}, those of the first
-- time; the language is '' where the version before kept the answer.
local known = redis.call('GET', KEYS[1])
if known then
  local before = cjson.decode(known)
  return {before.digest, before.photos, before.batch, before.locale or ''}
end

local prefix, socket, batch, now = ARGV[1], ARGV[4], ARGV[9], now_ms()
local trace = ARGV[10] ~= '' and ARGV[10] or nil
local accepted, ids, owner, locale = {}, {}, nil, nil
for i = 11, #ARGV, 2 do
  local record, message = cjson.decode(ARGV[i]), ARGV[i + 1]
  local id = redis.call('INCR', KEYS[2])
  owner, locale = record.owner, record.locale or ''
  if batch ~= '' then record.batch_id, record.batch_open = batch, '1' end
  redis.call('ZADD', KEYS[3], id, id)
  redis.call('HSET', KEYS[4], record.filename, id)
  if socket ~= '' then note_watched(KEYS[6], id, ARGV[5], ARGV[6]) end
  local start, stop = string.find(message, ARGV[7], 1, true)
  message = string.sub(message, 1, start - 1) .. id .. string.sub(message, stop + 1)
  enqueue(prefix, {id = id, owner = owner, batch_id = record.batch_id},
    {id = record.job_id, priority = record.priority, traceparent = trace}, now, {KEYS[5], ARGV[8], message},
    'id', id, 'attempt', 0, 'tries', 0, 'edits', 0, 'watchers', socket, 'created_at_ms', now,
    in_pairs(record))
  accepted[#accepted + 1] = {id, record.filename, record.job_id}
  ids[#ids + 1] = id
end
if batch ~= '' then
  redis.call('HSET', prefix .. ':batch:' .. batch, 'id', batch, 'owner', owner, 'total', #ids,
    'complete', 0, 'failed', 0, 'cancelled', 0, 'watchers', socket, 'photos', table.concat(ids, ' '),
    'created_at_ms', now)
end
count(prefix, owner, {accepted = #ids})

local photos = cjson.encode(accepted)
redis.call('SET', KEYS[1],
  cjson.encode({digest = ARGV[2], photos = photos, batch = batch, locale = locale}), 'PX', ARGV[3])
return {ARGV[2], photos, batch, locale}
