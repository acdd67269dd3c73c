-- Tells those whose photos wait where they stand in line, where that has changed.
--
-- KEYS[1]  line       sorted set of the photos that wait, in order
-- KEYS[2]  working    sorted set of the photos in work
-- KEYS[3]  durations  list of how long the last attempts took, ms
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  how long events are kept, ms
-- ARGV[3]  first place to look at, from 0
-- ARGV[4]  how many places
-- ARGV[5]  how long a photo has waited, at least, before it is told, ms
-- ARGV[6]  JSON object: the text by locale, with %d for the place
-- ARGV[7]  how long nothing more is told of a photo, ms
-- ARGV[8]  how many places, the first ones, are told each change; the others one of a tenth
-- ARGV[9]  how many events to write, about
-- ARGV[10] what they wait for besides their place, or '': then nobody knows how long they will
--
-- Returns {how many photos wait in line, the place to go on from, how many events were written}.
local prefix, now, texts = ARGV[1], now_ms(), cjson.decode(ARGV[6])
promote_due(prefix, now)

-- Of late only: what is slow at the start of a run says nothing of what follows.
local working = math.max(1, redis.call('ZCARD', KEYS[2]))
local total_ms, durations = 0, redis.call('LRANGE', KEYS[3], 0, math.max(16, 2 * working) - 1)
if #durations == 0 then  -- none has ended yet: those in work take at least as long as they have
  for i, started in ipairs(redis.call('ZRANGE', KEYS[2], 0, 63, 'WITHSCORES')) do
    if i % 2 == 0 then durations[#durations + 1] = math.max(0, now - started) end
  end
end
for _, duration in ipairs(durations) do total_ms = total_ms + duration end
-- By Little's law: as many photos in work, each for so long, make room at this rate.
local ms_each = #durations > 0 and total_ms / #durations / working

-- Whether a place is news to those who were told `before`, or nothing yet, and why they wait.
local function is_news(place, before, why)
  if not before or why ~= ARGV[10] then return true end
  if place <= tonumber(ARGV[8]) then return place ~= before end
  return math.abs(place - before) * 10 >= before
end

local first, events, after = tonumber(ARGV[3]), 0, ARGV[3] + ARGV[4]
for i, id in ipairs(redis.call('ZRANGE', KEYS[1], first, first + ARGV[4] - 1)) do
  if events >= tonumber(ARGV[9]) then
    after = first + i - 1
    break
  end
  local key, place = prefix .. ':photo:' .. id, first + i
  local photo = read(key, 'status', 'job_id', 'watchers', 'position', 'queued_at_us', 'attempt', 'locale',
    'batch_id', 'told_at_ms', 'told_why')
  if photo.status ~= 'queued' then
    redis.call('ZREM', KEYS[1], id)
  elseif photo.watchers ~= '' and is_news(place, tonumber(photo.position), photo.told_why or '')
      and now - photo.queued_at_us / 1000 >= tonumber(ARGV[5])
      and now - (photo.told_at_ms or 0) >= tonumber(ARGV[7]) then
    redis.call('HSET', key, 'position', place, 'told_at_ms', now, 'told_why', ARGV[10])
    events = events + select(2, string.gsub(photo.watchers, '%S+', ''))
    emit(prefix, photo.watchers, ARGV[2], 'photo:progress', cjson.encode({
      photoId = tonumber(id), jobId = photo.job_id, stage = 'queued', progress = 0,
      message = string.format(texts[photo.locale], place), attempt = photo.attempt + 1,
      position = place, batchId = photo.batch_id,
      etaSeconds = ms_each and ARGV[10] == '' and math.floor(place * ms_each / 100 + 0.5) / 10 or nil,
    }))
  end
end
return {redis.call('ZCARD', KEYS[1]), after, events}
