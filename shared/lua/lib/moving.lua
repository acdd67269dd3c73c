-- Moves a photo and its job from one state to the next, in all the indexes they stand in.
-- `photo`: its fields `id`, `owner`, `status`, `job_id`, and, where it ends, `batch_id`,
-- `batch_open` and `watchers`.

local RANKS = {high = 0, normal = 1, low = 2}
local RANK = 2 ^ 44
local BATCH_KEPT_MS = 30 * 24 * 3600 * 1000
local JOB_KEPT_MS = 7 * 24 * 3600 * 1000
local OUTCOMES = {complete = 'complete', error = 'failed', cancelled = 'cancelled'}

local function set_status(prefix, photo, status)
  local index = prefix .. ':status:' .. photo.owner .. ':'
  if photo.status then redis.call('ZREM', index .. photo.status, photo.id) end
  redis.call('ZADD', index .. status, photo.id, photo.id)
  redis.call('HSET', prefix .. ':photo:' .. photo.id, 'status', status)
  photo.status = status
end

-- Notes a job's state; those of INDEXED are listed.
local INDEXED = {waiting = true, active = true, delayed = true, dead = true}
local function set_state(prefix, job_id, state)
  local key = prefix .. ':job:' .. job_id
  local job = read(key, 'state', 'owner', 'sequence')
  if not job.owner then return end
  local index = prefix .. ':jobs:' .. job.owner .. ':'
  if INDEXED[job.state] then redis.call('ZREM', index .. job.state, job_id) end
  if INDEXED[state] then redis.call('ZADD', index .. state, job.sequence, job_id) end
  redis.call('HSET', key, 'state', state)
  redis.call('ZREM', prefix .. ':due', job_id)
end

-- Puts a photo into the line of those that wait, behind the others of its priority.
local function join_line(prefix, photo_id, priority, sequence)
  redis.call('ZADD', prefix .. ':line', RANKS[priority] * RANK + sequence, photo_id)
end

-- Has a job, whose photo's record is written, wait; its entry is the caller's to add.
-- `job`: `id`, `priority`, `traceparent` if it has one, and, where it goes on as before, `sequence`
-- and `enqueued_at_ms`.
local function enqueue(prefix, photo, job, now)
  local key = prefix .. ':job:' .. job.id
  local sequence = job.sequence or redis.call('INCR', prefix .. ':job-sequence')
  local enqueued_at_ms = job.enqueued_at_ms or now
  redis.call('HSET', key, 'id', job.id, 'photo_id', photo.id, 'owner', photo.owner, 'sequence',
    sequence, 'priority', job.priority, 'enqueued_at_ms', enqueued_at_ms)
  if photo.batch_id then redis.call('HSET', key, 'batch_id', photo.batch_id) end
  if (job.traceparent or '') ~= '' then redis.call('HSET', key, 'traceparent', job.traceparent) end
  redis.call('PERSIST', key)
  set_status(prefix, photo, 'queued')
  set_state(prefix, job.id, 'waiting')
  redis.call('HSET', prefix .. ':photo:' .. photo.id, 'stage', '', 'progress', 0, 'position', '',
    'priority', job.priority, 'queued_at_us', now_us(), 'enqueued_at_ms', enqueued_at_ms,
    'updated_at_ms', now)
  redis.call('ZADD', prefix .. ':unfinished', now, photo.id)
  join_line(prefix, photo.id, job.priority, sequence)
end

-- Lets the jobs whose time has come wait in line, a thousand at most: their entries have moved by
-- themselves.
local function promote_due(prefix, now)
  for _ = 1, 10 do
    local due = redis.call('ZRANGE', prefix .. ':due', '-inf', now, 'BYSCORE', 'LIMIT', 0, 100)
    for _, job_id in ipairs(due) do
      local job = read(prefix .. ':job:' .. job_id, 'photo_id', 'priority', 'sequence')
      set_state(prefix, job_id, 'waiting')
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

-- Ends a photo whose last event has been written, and its job, which is then in `state`.
-- `changed_ms`: when the photo changed, as its last event tells it, if it does.
local function end_photo(prefix, retention_ms, photo, status, state, now, changed_ms)
  local key = prefix .. ':photo:' .. photo.id
  set_status(prefix, photo, status)
  set_state(prefix, photo.job_id, state)
  redis.call('HSET', key, 'updated_at_ms', changed_ms or now)
  redis.call('HSET', prefix .. ':job:' .. photo.job_id, 'ended_at_ms', now)
  if state ~= 'dead' then redis.call('PEXPIRE', prefix .. ':job:' .. photo.job_id, JOB_KEPT_MS) end
  for _, index in ipairs({':unfinished', ':line', ':working'}) do
    redis.call('ZREM', prefix .. index, photo.id)
  end
  if photo.batch_open == '1' then
    redis.call('HSET', key, 'batch_open', '0')
    count_in_batch(prefix, retention_ms, photo.batch_id, status)
  end
end

-- Removes the message of a job from the queue, unless a worker holds it or it was moved meanwhile:
-- whoever is given it finds nothing left to do.
local function withdraw(prefix, job_id, delayed, group)
  local job = read(prefix .. ':job:' .. job_id, 'stream', 'entry', 'member')
  if job.member then redis.call('ZREM', delayed, job.member) end
  if job.entry and not is_held(job.stream, group, job.entry) then
    redis.call('XDEL', job.stream, job.entry)
  end
end
