-- Counts for the statistics: a hash a minute, of counters and of histograms' buckets; one for all,
-- and one for each owner that has a name.

local STATISTICS_KEPT_MS = 2 * 3600 * 1000

-- Adds the numbers of a table, one at least, by field, to those of a hash; exact up to 2^53.
local function add_to(key, numbers)
  local fields, sums = {}, {}
  for field in pairs(numbers) do fields[#fields + 1] = field end
  for i, before in ipairs(redis.call('HMGET', key, unpack(fields))) do
    -- Whole, and without an exponent, whatever was counted.
    sums[2 * i - 1] = fields[i]
    sums[2 * i] = string.format('%.0f', (before or 0) + numbers[fields[i]])
  end
  redis.call('HSET', key, unpack(sums))
end

local function count_in(key, numbers)
  add_to(key, numbers)
  redis.call('PEXPIRE', key, STATISTICS_KEPT_MS, 'NX')
end

-- Adds the numbers of a table, by field, to this minute's. `owner`: whose photo it is.
local function count(prefix, owner, numbers)
  local minute = math.floor(now_ms() / 60000)
  count_in(prefix .. ':statistics:' .. minute, numbers)
  if owner ~= '' then count_in(prefix .. ':owner-statistics:' .. owner .. ':' .. minute, numbers) end
end

-- Returns the field of a histogram that a duration belongs to: eight buckets for each doubling.
local function bucket(histogram, duration_us)
  return histogram .. '|' .. math.floor(math.log(math.max(1, duration_us)) / math.log(2) * 8)
end
