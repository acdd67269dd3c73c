#!lua flags=allow-oom
-- Ends a photo: state, tags, indexes, last events, batch and acknowledgement, in one step.
--
-- KEYS[1]  photo   hash
-- KEYS[2]  stream  of the queue entry
-- KEYS[3]  dead    stream of dead letters; used if a letter is given
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  fencing token: `<job id>:<attempt>`
-- ARGV[3]  how long events are kept, ms
-- ARGV[4]  group
-- ARGV[5]  entry id
-- ARGV[6]  status: `complete` or `error`
-- ARGV[7]  how often the tags had been edited by hand, as the last event tells them
-- ARGV[8]  JSON object of strings: the fields of the record that change
-- ARGV[9]  JSON list of the ids of all tags it carries now; '' leaves them as they are
-- ARGV[10] JSON list of [event, data]
-- ARGV[11] JSON object: how the attempt ended, for the job
-- ARGV[12] JSON object of numbers: what to count
-- ARGV[13] what was looked for in the photo's bytes, '' if it was known
-- ARGV[14] what they said, JSON
-- ARGV[15] how long it is kept, ms
-- ARGV[16] JSON list of [identity, id, locale]: names in the photo's language, the tags that they have
--          to lead to, and in which other language that has a name, or ''
-- ARGV[17..] fields and values of the dead letter
--
-- Returns 1, 0 if the token is not current or the photo has ended otherwise, -1 if tags are given
-- and have been edited since, or -2 if a name leads elsewhere or is missing.
local prefix, status, now = ARGV[1], ARGV[6], now_ms()
local photo = read(KEYS[1], 'id', 'owner', 'status', 'job_id', 'attempt', 'edits', 'watchers', 'tag_ids',
  'batch_id', 'batch_open', 'started_at_ms', 'phash', 'sha256', 'locale')
if not holds(photo, ARGV[2]) then return 0 end
-- The same attempt ended it so before: its reply was lost.
if photo.status ~= 'processing' then return photo.status == status and 1 or 0 end
if ARGV[9] ~= '' and photo.edits ~= ARGV[7] then return -1 end
if not lead_there(prefix, photo.locale, cjson.decode(ARGV[16])) then return -2 end

local job, changes = read_job(prefix, photo.job_id, 'enqueued_at_ms'), cjson.decode(ARGV[8])
changes.updated_at_ms = changes.updated_at_ms or now
if changes.phash then index_hash(prefix, photo, changes.phash) end
if ARGV[9] ~= '' then
  retag(prefix, photo.owner, photo.id, photo.tag_ids, cjson.decode(ARGV[9]))
  changes.tag_ids = ARGV[9]
end
for _, event in ipairs(cjson.decode(ARGV[10])) do
  emit(prefix, photo.watchers, ARGV[3], event[1], event[2])
end
end_photo(prefix, ARGV[3], photo, status, in_pairs(changes))
local report = {['ended:' .. photo.attempt] = now, ['outcome:' .. photo.attempt] = ARGV[11]}
if ARGV[17] then report.letter = redis.call('XADD', KEYS[3], '*', unpack(ARGV, 17)) end
redis.call('HDEL', prefix .. ':job:' .. job.id, 'worker:' .. photo.attempt)  -- the outcome says it
end_job(prefix, job, status == 'error' and 'dead' or 'complete', now, in_pairs(report))
if ARGV[13] ~= '' then
  local facts = prefix .. ':facts:' .. photo.sha256
  redis.call('HSET', facts, ARGV[13], ARGV[14])
  redis.call('PEXPIRE', facts, ARGV[15])
end
settle(KEYS[2], ARGV[4], ARGV[5])

redis.call('LPUSH', prefix .. ':durations', math.max(0, now - photo.started_at_ms))
redis.call('LTRIM', prefix .. ':durations', 0, 63)
local counts, total_ms = cjson.decode(ARGV[12]), now - (job.enqueued_at_ms or now)
counts[status], counts[bucket('total', total_ms * 1000)] = 1, 1
count(prefix, photo.owner, counts)
return 1
