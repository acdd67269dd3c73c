#!lua flags=allow-oom
-- Starts an attempt: gives the worker that holds the queue entry the next fencing token.
--
-- KEYS[1]  photo   hash
-- KEYS[2]  stream  of the queue entry
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  job id
-- ARGV[3]  group
-- ARGV[4]  consumer
-- ARGV[5]  entry id
-- ARGV[6]  id of this claim
-- ARGV[7]  what is looked for in a photo's bytes, or ''
-- ARGV[8]  JSON object: the digest of what a provider is asked, by the photo's language
-- ARGV[9]  the stage that begins at once; with it,
-- ARGV[10] progress, percent
-- ARGV[11] how long events are kept, ms
-- ARGV[12] event
-- ARGV[13] JSON object: its data by the photo's language, of photo 0, job '', attempt 0 and no batch
-- ARGV[14] traceparent of the event, or ''
--
-- Returns {'started', the record, what the same bytes have said, what a provider has said of them,
-- both JSON or ''}, also if this claim was made before; {'over'} if there is nothing left to do; or
-- {'lost'} if another worker holds the entry, or has begun the job by another. An entry that is not
-- needed any more is acknowledged.
local prefix, job = ARGV[1], ARGV[1] .. ':job:' .. ARGV[2]
local photo = read(KEYS[1], 'id', 'owner', 'status', 'job_id', 'queued_at_us', 'claimed_by',
  'attempt', 'sha256', 'locale', 'batch_id', 'watchers')
if photo.job_id ~= ARGV[2] or ENDED[photo.status] then
  settle(KEYS[2], ARGV[3], ARGV[5])
  return {'over'}
end

local function started()
  local facts = ARGV[7] ~= '' and redis.call('HGET', prefix .. ':facts:' .. photo.sha256, ARGV[7])
  local asked = cjson.decode(ARGV[8])[photo.locale]
  local answer = asked and redis.call('GET', prefix .. ':recognition:' .. photo.sha256 .. ':' .. asked)
  return {'started', redis.call('HGETALL', KEYS[1]), facts or '', answer or ''}
end

if photo.status == 'processing' and photo.claimed_by == ARGV[6] then return started() end
if not is_held(KEYS[2], ARGV[3], ARGV[5], ARGV[4]) then return {'lost'} end
-- A job has one message; should there be a second one, it does not disturb who works on the first.
local begun = read_job(prefix, ARGV[2], 'stream', 'entry', 'member')
if photo.status == 'processing' and begun.entry and begun.entry ~= ARGV[5]
    and is_held(begun.stream, ARGV[3], begun.entry) then
  settle(KEYS[2], ARGV[3], ARGV[5])
  return {'lost'}
end

local now = now_ms()
local attempt = photo.attempt + 1
-- Taken from a dead worker or handed back, it has been picked up before.
local waited_us = ''
if photo.status == 'queued' then
  waited_us = math.max(0, now_us() - photo.queued_at_us)
  count(prefix, photo.owner, {[bucket('pickup', waited_us)] = 1})
end
set_status(prefix, photo, 'processing', 'attempt', attempt, 'stage', ARGV[9] or '',
  'progress', ARGV[10] or 0, 'waited_us', waited_us, 'claimed_by', ARGV[6], 'started_at_ms', now,
  'updated_at_ms', now)
set_state(prefix, begun, 'active', 'attempt', attempt, 'started_at_ms', now, 'started:' .. attempt, now,
  'worker:' .. attempt, string.match(ARGV[4], '(.*):%x+$') or ARGV[4], 'stream', KEYS[2],
  'entry', ARGV[5])
if begun.member then redis.call('HDEL', job, 'member', 'due_at_ms') end
-- A job keeps its last attempts: one that is handed back again and again has many.
local old = attempt - 20
if old > 0 then
  redis.call('HDEL', job, 'started:' .. old, 'ended:' .. old, 'outcome:' .. old, 'worker:' .. old,
    'calls:' .. old, 'prompt_tokens:' .. old, 'completion_tokens:' .. old, 'cost_nanousd:' .. old)
end
redis.call('ZREM', prefix .. ':line', photo.id)
redis.call('ZADD', prefix .. ':working', now, photo.id)
if ARGV[9] then
  local data = cjson.decode(ARGV[13])[photo.locale]
  data = string.gsub(data, '"photoId":0', '"photoId":' .. photo.id, 1)
  data = string.gsub(data, '"jobId":""', '"jobId":"' .. photo.job_id .. '"', 1)
  data = string.gsub(data, '"attempt":0', '"attempt":' .. attempt, 1)
  if ARGV[14] ~= '' then data = string.sub(data, 1, -2) .. ',"traceparent":"' .. ARGV[14] .. '"}' end
  if photo.batch_id then data = string.sub(data, 1, -2) .. ',"batchId":"' .. photo.batch_id .. '"}' end
  emit(prefix, photo.watchers, ARGV[11], ARGV[12], data)
end
return started()
