#!lua flags=allow-oom
-- Removes a photo, its jobs, and every trace of it in the indexes; one that is in work is
-- cancelled first.
--
-- KEYS[1]  photo    hash
-- KEYS[2]  photos   sorted set of the owner's photo ids
-- KEYS[3]  files    hash: photo id by file name
-- KEYS[4]  delayed  sorted set of the queue
-- KEYS[5]  dead     stream of dead letters
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  how long events are kept, ms
-- ARGV[3]  group
-- ARGV[4]  event, for one that is in work
-- ARGV[5]  its data
--
-- Returns 1, or 0 if there is no such photo.
local prefix, now = ARGV[1], now_ms()
local photo = read(KEYS[1], 'id', 'owner', 'status', 'job_id', 'filename', 'watchers', 'tag_ids',
  'batch_id', 'batch_open', 'earlier_jobs', 'phash', 'sha256')
if not photo.id then return 0 end
local job = read_job(prefix, photo.job_id, 'stream', 'entry', 'member', 'letter')
if not ENDED[photo.status] then
  emit(prefix, photo.watchers, ARGV[2], ARGV[4], ARGV[5])
  withdraw(job, KEYS[4], ARGV[3])
  end_photo(prefix, ARGV[2], photo, 'cancelled', 'updated_at_ms', now)
  count(prefix, photo.owner, {cancelled = 1})
end
if job.letter then redis.call('XDEL', KEYS[5], job.letter) end
set_state(prefix, job, 'dropped')
retag(prefix, photo.owner, photo.id, photo.tag_ids, {})
index_hash(prefix, photo, '')
redis.call('ZREM', prefix .. ':status:' .. photo.owner .. ':' .. photo.status, photo.id)
redis.call('ZREM', KEYS[2], photo.id)
redis.call('HDEL', KEYS[3], photo.filename)
for earlier in string.gmatch(photo.earlier_jobs or '', '%S+') do
  redis.call('DEL', prefix .. ':job:' .. earlier)
end
redis.call('DEL', KEYS[1], prefix .. ':job:' .. job.id, prefix .. ':facts:' .. (photo.sha256 or ''))
return 1
