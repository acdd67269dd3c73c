-- Finds an owner's photos whose perceptual hash differs from one photo's in few bits.
--
-- KEYS     sets of photo ids: one of them at least holds each photo that is near enough; the
--          likeliest come first
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  id of the photo that others are compared with
-- ARGV[3]  its hash, 16 hex digits
-- ARGV[4]  how many bits may differ
-- ARGV[5]  how many photos to return at most
-- ARGV[6]  how many members of the sets to read at most
--
-- Returns {list of [id, bits that differ], the nearest first and then the newest; 1 if there was
-- more to read, else 0}.
local prefix, most, limit, left = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local ones = {[0] = 0}
for byte = 1, 255 do ones[byte] = byte % 2 + ones[math.floor(byte / 2)] end

local function halves(hash)
  return tonumber(string.sub(hash, 1, 8), 16), tonumber(string.sub(hash, 9, 16), 16)
end

local function differing(one, other)
  local bits = bit.bxor(one, other)
  return ones[bit.band(bits, 255)] + ones[bit.band(bit.rshift(bits, 8), 255)]
    + ones[bit.band(bit.rshift(bits, 16), 255)] + ones[bit.rshift(bits, 24)]
end

local high, low = halves(ARGV[3])
local seen, near = {[ARGV[2]] = true}, {}

local function look(id)
  if seen[id] then return end
  seen[id] = true
  local hash = redis.call('HGET', prefix .. ':photo:' .. id, 'phash')
  if not hash or hash == '' then return end
  local other_high, other_low = halves(hash)
  local bits = differing(high, other_high) + differing(low, other_low)
  if bits <= most then near[#near + 1] = {tonumber(id), bits} end
end

for _, key in ipairs(KEYS) do
  -- All of them, unless there are more.
  local ids = redis.call('SRANDMEMBER', key, left)
  for _, id in ipairs(ids) do look(id) end
  left = left - #ids
  if left <= 0 then break end
end

table.sort(near, function(a, b)
  if a[2] ~= b[2] then return a[2] < b[2] end
  return a[1] > b[1]
end)
while #near > limit do near[#near] = nil end
return {near, left <= 0 and 1 or 0}
