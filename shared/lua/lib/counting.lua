-- Counts for the statistics: a hash a minute, of counters and of histograms' buckets.

local STATISTICS_KEPT_MS = 2 * 3600 * 1000

-- Adds the numbers of a table, by field, to this minute's.
local function count(prefix, numbers)
  local key = prefix .. ':statistics:' .. math.floor(now_ms() / 60000)
  for field, number in pairs(numbers) do
    -- A number beyond 2^63 or a fraction would end the script half done.
    redis.call('HINCRBY', key, field, string.format('%.0f', number))
  end
  redis.call('PEXPIRE', key, STATISTICS_KEPT_MS)
end

-- Returns the field of a histogram that a duration belongs to: eight buckets for each doubling.
local function bucket(histogram, duration_us)
  return histogram .. '|' .. math.floor(math.log(math.max(1, duration_us)) / math.log(2) * 8)
end
