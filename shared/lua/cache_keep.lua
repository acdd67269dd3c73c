-- Says that those who make recognitions are still at it.
--
-- KEYS  the `recognizing` of each, string
-- ARGV[1]  how long it is known who is at it, ms
-- ARGV[2..] their tokens, in the order of the keys
for i, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[i + 1] then redis.call('PEXPIRE', key, ARGV[1]) end
end
return 1
