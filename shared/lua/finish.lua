-- Ends a photo: state, tags, tag index, last events and acknowledgement, in one step.
--
-- KEYS[1]  photo       hash
-- KEYS[2]  stream      of the queue entry
-- KEYS[3]  unfinished  sorted set
-- KEYS[4]  tag-counts  sorted set of tag ids by number of photos
-- KEYS[5]  dead        stream of dead letters; used if a letter is given
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  fencing token: the attempt's number
-- ARGV[3]  how long events are kept, ms
-- ARGV[4]  group
-- ARGV[5]  entry id
-- ARGV[6]  JSON object of strings: the fields of the record that change, `status` among them
-- ARGV[7]  JSON list of tag ids
-- ARGV[8]  JSON list of [event, data]
-- ARGV[9..] fields and values of the dead letter
--
-- Returns 1, or 0 if the token is not current or the photo has ended otherwise.
local photo = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'watchers', 'id')
if photo[2] ~= ARGV[2] then return 0 end
local changes = cjson.decode(ARGV[6])
if photo[1] ~= 'processing' then
  -- The same attempt ended it so before: its reply was lost.
  return photo[1] == changes.status and 1 or 0
end

local fields = {'updated_at_ms', now_ms()}
for name, value in pairs(changes) do
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
redis.call('HSET', KEYS[1], unpack(fields))
for _, tag in ipairs(cjson.decode(ARGV[7])) do
  redis.call('ZADD', ARGV[1] .. ':tag:' .. tag, photo[4], photo[4])
  redis.call('ZINCRBY', KEYS[4], 1, tag)
end
for _, event in ipairs(cjson.decode(ARGV[8])) do
  emit(ARGV[1], photo[3], ARGV[3], event[1], event[2])
end
redis.call('ZREM', KEYS[3], photo[4])
settle(KEYS[2], ARGV[4], ARGV[5])
if ARGV[9] then redis.call('XADD', KEYS[5], '*', unpack(ARGV, 9)) end
return 1
