#!lua flags=allow-oom
-- Asks for a recognition: it is known, or whoever asks is to make it, or another is at it.
--
-- KEYS[1]  recognition  string, JSON
-- KEYS[2]  recognizing  string: who is making it
-- ARGV[1]  token of the one who asks
-- ARGV[2]  how long it is taken to be at it without being heard of, ms
--
-- Asking again is answered the same.
--
-- Returns {'known', the JSON}, {'yours'} or {'wait'}.
local known = redis.call('GET', KEYS[1])
if known then return {'known', known} end
local maker = redis.call('GET', KEYS[2])
if maker and maker ~= ARGV[1] then return {'wait'} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {'yours'}
