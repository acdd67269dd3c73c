#!lua flags=allow-oom
-- Asks for a recognition: it is known, or whoever asks is to make it, or another is at it.
--
-- KEYS[1]  recognition  string, JSON
-- KEYS[2]  recognizing  string: who is making it
-- ARGV[1]  token of the one who asks
-- ARGV[2]  how long it is taken to be at it without being heard of, ms
-- ARGV[3]  how long it is known who is at it, ms: longer, for a server may stand still
-- ARGV[4]  1 if it may be taken from one that is not heard of, else 0
-- ARGV[5]  the job it is asked for, or '', by which the token ends: an earlier attempt of it is over
--
-- Asking again is answered the same.
--
-- Returns {'known', the JSON}, {'yours'}, or {'wait', 1 if the other is heard of, else 0}.
local known = redis.call('GET', KEYS[1])
if known then return {'known', known} end
local maker = redis.call('GET', KEYS[2])
if maker and maker ~= ARGV[1] then
  local silent = ARGV[3] - redis.call('PTTL', KEYS[2])
  -- Below 0: before the clock was set back.
  local heard = silent >= 0 and silent < tonumber(ARGV[2])
  local over = ARGV[5] ~= '' and string.sub(maker, -#ARGV[5]) == ARGV[5]
  if not over and (heard or ARGV[4] ~= '1') then return {'wait', heard and 1 or 0} end
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
return {'yours'}
