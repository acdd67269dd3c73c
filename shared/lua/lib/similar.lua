-- The index of what photos look like: for each owner, the photos that share a quarter of their
-- perceptual hash.

local function sharing(prefix, owner, hash)
  local sets = {}
  for quarter = 0, hash == '' and -1 or 3 do
    local digits = string.sub(hash, 4 * quarter + 1, 4 * quarter + 4)
    sets[#sets + 1] = prefix .. ':similar:' .. owner .. ':' .. quarter .. digits
  end
  return sets
end

-- Has a photo stand in the index by a hash of 16 hex digits, or not at all for ''. `photo`: its
-- fields `id`, `owner`, and `phash`, by which it stands there so far.
local function index_hash(prefix, photo, hash)
  local before = photo.phash or ''
  if before == hash then return end
  for _, set in ipairs(sharing(prefix, photo.owner, before)) do redis.call('SREM', set, photo.id) end
  for _, set in ipairs(sharing(prefix, photo.owner, hash)) do redis.call('SADD', set, photo.id) end
end
