-- Counts for the statistics: a hash a minute, of counters and of histograms' buckets; one for all,
-- and one for each owner that has a name.

local STATISTICS_KEPT_MS = 2 * 3600 * 1000

local function add_to(key, numbers)
  for field, number in pairs(numbers) do
    -- A number beyond 2^63 or a fraction would end the script half done.
    redis.call('HINCRBY', key, field, string.format('%.0f', number))
  end
  redis.call('PEXPIRE', key, STATISTICS_KEPT_MS, 'NX')
end

-- Adds the numbers of a table, by field, to this minute's. `owner`: whose photo it is.
local function count(prefix, owner, numbers)
  local minute = math.floor(now_ms() / 60000)
  add_to(prefix .. ':statistics:' .. minute, numbers)
  if owner ~= '' then add_to(prefix .. ':owner-statistics:' .. owner .. ':' .. minute, numbers) end
end

-- Returns the field of a histogram that a duration belongs to: eight buckets for each doubling.
local function bucket(histogram, duration_us)
  return histogram .. '|' .. math.floor(math.log(math.max(1, duration_us)) / math.log(2) * 8)
end
