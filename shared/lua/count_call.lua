#!lua flags=allow-oom
-- Counts a call of a provider, which has been paid for whatever becomes of its photo.
--
-- KEYS[1]  counted   string: the call has been counted
-- KEYS[2]  photo     hash
-- KEYS[3]  job       hash
-- KEYS[4]  spending  sorted set of calls under way that a budget pays for
-- KEYS[5]  costs     list of what the endpoint's latest calls cost; unused by one of no cost
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  how long it is known that it was counted, ms
-- ARGV[3]  id of the call
-- ARGV[4]  attempt
-- ARGV[5]  name of the provider
-- ARGV[6]  model
-- ARGV[7]  tokens of the prompt
-- ARGV[8]  tokens of the answer
-- ARGV[9]  cost, billionths of a US dollar
-- ARGV[10] how long `costs` is kept, ms
-- ARGV[11] owner of the photo, or ''
--
-- Returns {tokens of prompts, of answers, cost} of the photo, all its calls together, also if this
-- one was counted before; 0 each if there is no such photo any more.
local prefix, now = ARGV[1], now_ms()
local prompt, completion, cost = ARGV[7], ARGV[8], ARGV[9]

-- Adds the call to a hash; `of`: the ends of its fields' names. `called`: another field's number.
local function add(key, of, called)
  local used = prompt + completion > 0
  add_to(key, {['calls' .. of] = 1, ['prompt_tokens' .. of] = used and prompt or nil,
    ['completion_tokens' .. of] = used and completion or nil,
    ['cost_nanousd' .. of] = used and cost or nil, called = called})
end

redis.call('ZREM', KEYS[4], ARGV[3])
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[2]) then
  if redis.call('EXISTS', KEYS[2]) == 1 then add(KEYS[2], '') end
  local job = read(KEYS[3], 'id', 'called')
  -- A photo counts once a job, however many calls it takes.
  local first = job.id and not job.called and 1 or 0
  if job.id then add(KEYS[3], ':' .. ARGV[4], first) end
  spend(prefix, ARGV[11], ARGV[5] .. '|' .. ARGV[6],
    {calls = 1, photos = first, prompt = prompt, completion = completion, nanousd = cost}, now)
  count(prefix, ARGV[11], {['calls:' .. ARGV[5]] = 1, ['tokens:prompt'] = prompt,
    ['tokens:completion'] = completion, cost_nanousd = cost})
  if tonumber(cost) > 0 then
    redis.call('LPUSH', KEYS[5], cost)
    redis.call('LTRIM', KEYS[5], 0, 63)
    redis.call('PEXPIRE', KEYS[5], ARGV[10])
  end
end
local photo = redis.call('HMGET', KEYS[2], 'prompt_tokens', 'completion_tokens', 'cost_nanousd')
return {photo[1] or '0', photo[2] or '0', photo[3] or '0'}
