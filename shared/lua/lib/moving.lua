-- Moves a photo and its job from one state to the next, in all the indexes they stand in.
-- `photo`: its fields `id`, `owner`, `status`, `job_id`, and, where it ends, `batch_id`,
-- `batch_open` and `watchers`. `job`: as `read_job` returns it. `...`: fields of the record, or of
-- the job, that change as well, each with its value.

local RANKS = {high = 0, normal = 1, low = 2}
local RANK = 2 ^ 44
local BATCH_KEPT_MS = 30 * 24 * 3600 * 1000
local JOB_KEPT_MS = 7 * 24 * 3600 * 1000
local OUTCOMES = {complete = 'complete', error = 'failed', cancelled = 'cancelled'}

local function set_status(prefix, photo, status, ...)
  local index = prefix .. ':status:' .. photo.owner .. ':'
  if photo.status then redis.call('ZREM', index .. photo.status, photo.id) end
  redis.call('ZADD', index .. status, photo.id, photo.id)
  redis.call('HSET', prefix .. ':photo:' .. photo.id, 'status', status, ...)
  photo.status = status
end

-- Returns the fields of a job that its moves need, and those named.
local function read_job(prefix, job_id, ...)
  local job = read(prefix .. ':job:' .. job_id, 'owner', 'sequence', 'state', ...)
  job.id = job_id
  return job
end

-- Notes a job's state, if there is such a job; those of INDEXED are listed.
local INDEXED = {waiting = true, active = true, delayed = true, dead = true}
local function set_state(prefix, job, state, ...)
  if not job.owner then return end
  local index = prefix .. ':jobs:' .. job.owner .. ':'
  if INDEXED[job.state] then redis.call('ZREM', index .. job.state, job.id) end
  if INDEXED[state] then redis.call('ZADD', index .. state, job.sequence, job.id) end
  if job.state == 'delayed' then redis.call('ZREM', prefix .. ':due', job.id) end
  redis.call('HSET', prefix .. ':job:' .. job.id, 'state', state, ...)
end

-- Puts a photo into the line of those that wait, behind the others of its priority.
local function join_line(prefix, photo_id, priority, sequence)
  redis.call('ZADD', prefix .. ':line', RANKS[priority] * RANK + sequence, photo_id)
end

-- Has a job wait, in the queue as well. `photo`: as above, without a status if it is new. `job`: `id`,
-- `priority`, `traceparent` if it has one; where it was there before, `state`; and, where it goes on
-- as before, `sequence` and `enqueued_at_ms`. `entry`: the queue's stream, the message's field, and
-- the message. `...`: fields of the photo's record.
local function enqueue(prefix, photo, job, now, entry, ...)
  job.owner, job.enqueued_at_ms = photo.owner, job.enqueued_at_ms or now
  job.sequence = job.sequence or redis.call('INCR', prefix .. ':job-sequence')
  set_status(prefix, photo, 'queued', 'stage', '', 'progress', 0, 'position', '', 'priority', job.priority,
    'queued_at_us', now_us(), 'enqueued_at_ms', job.enqueued_at_ms, 'updated_at_ms', now, ...)
  if job.state then redis.call('PERSIST', prefix .. ':job:' .. job.id) end
  set_state(prefix, job, 'waiting', in_pairs({id = job.id, photo_id = photo.id, owner = photo.owner,
    batch_id = photo.batch_id, traceparent = job.traceparent, priority = job.priority,
    sequence = job.sequence, enqueued_at_ms = job.enqueued_at_ms, stream = entry[1],
    entry = redis.call('XADD', entry[1], '*', entry[2], entry[3])}))
  redis.call('ZADD', prefix .. ':unfinished', now, photo.id)
  join_line(prefix, photo.id, job.priority, job.sequence)
end

-- Lets the jobs whose time has come wait in line, a thousand at most: their entries have moved by
-- themselves.
local function promote_due(prefix, now)
  for _ = 1, 10 do
    local due = redis.call('ZRANGE', prefix .. ':due', '-inf', now, 'BYSCORE', 'LIMIT', 0, 100)
    for _, job_id in ipairs(due) do
      local job = read_job(prefix, job_id, 'photo_id', 'priority')
      set_state(prefix, job, 'waiting')
      redis.call('ZREM', prefix .. ':due', job_id)
      if job.photo_id then join_line(prefix, job.photo_id, job.priority, job.sequence) end
    end
    if #due < 100 then return end
  end
end

-- Counts a member of a batch that has ended, and tells who watches the batch how far it is.
local function count_in_batch(prefix, retention_ms, batch_id, status)
  local key = prefix .. ':batch:' .. batch_id
  if redis.call('EXISTS', key) == 0 then return end
  redis.call('HINCRBY', key, OUTCOMES[status], 1)
  local batch = read(key, 'total', 'complete', 'failed', 'cancelled', 'watchers')
  local data = string.format('{"batchId":"%s","total":%s,"complete":%s,"failed":%s,"cancelled":%s}',
    batch_id, batch.total, batch.complete, batch.failed, batch.cancelled)
  emit(prefix, batch.watchers, retention_ms, 'batch:progress', data)
  if batch.complete + batch.failed + batch.cancelled >= tonumber(batch.total) then
    emit(prefix, batch.watchers, retention_ms, 'batch:complete', data)
    redis.call('PEXPIRE', key, BATCH_KEPT_MS)
  end
end

-- Takes back how a member of a batch was counted: it is to be worked on again.
local function reopen_in_batch(prefix, photo)
  local key = prefix .. ':batch:' .. (photo.batch_id or '')
  if photo.batch_open ~= '0' or redis.call('EXISTS', key) == 0 then return end
  redis.call('HINCRBY', key, OUTCOMES[photo.status], -1)
  redis.call('PERSIST', key)
  redis.call('HSET', prefix .. ':photo:' .. photo.id, 'batch_open', '1')
end

-- Ends a photo whose last event has been written; its job is the caller's to end.
local function end_photo(prefix, retention_ms, photo, status, ...)
  local left = photo.status == 'processing' and ':working' or ':line'
  redis.call('ZREM', prefix .. left, photo.id)
  redis.call('ZREM', prefix .. ':unfinished', photo.id)
  set_status(prefix, photo, status, ...)
  if photo.batch_open == '1' then
    redis.call('HSET', prefix .. ':photo:' .. photo.id, 'batch_open', '0')
    count_in_batch(prefix, retention_ms, photo.batch_id, status)
  end
end

local function end_job(prefix, job, state, now, ...)
  set_state(prefix, job, state, 'ended_at_ms', now, ...)
  if state ~= 'dead' then redis.call('PEXPIRE', prefix .. ':job:' .. job.id, JOB_KEPT_MS) end
end

-- Removes the message of a job from the queue, unless a worker holds it or it was moved meanwhile:
-- whoever is given it finds nothing left to do. `job`: its fields `stream`, `entry`, `member`.
local function withdraw(job, delayed, group)
  if job.member then redis.call('ZREM', delayed, job.member) end
  if job.entry and not is_held(job.stream, group, job.entry) then
    redis.call('XDEL', job.stream, job.entry)
  end
end
