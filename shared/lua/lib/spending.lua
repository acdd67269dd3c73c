-- What calls cost, in billionths of a US dollar: by day (UTC) and in all, and what a budget for a
-- day still pays for.

local DAY_MS = 24 * 3600 * 1000
local SPENT_KEPT_MS = 400 * DAY_MS

local function spent_today(prefix, now)
  return tonumber(redis.call('HGET', prefix .. ':spent:' .. math.floor(now / DAY_MS), 'nanousd') or 0)
end

local function spend_in(all, label, numbers, now)
  local today, amounts = all .. ':' .. math.floor(now / DAY_MS), {nanousd = numbers.nanousd}
  for name, number in pairs(numbers) do
    if tonumber(number) > 0 then amounts[label .. '|' .. name] = number end
  end
  add_to(today, amounts)
  add_to(all, amounts)
  redis.call('PEXPIRE', today, SPENT_KEPT_MS, 'NX')
end

-- Adds the numbers of a table, by name, to what stands under `label` for today and in all; and for
-- the owner of the photo, if it has a name.
local function spend(prefix, owner, label, numbers, now)
  spend_in(prefix .. ':spent', label, numbers, now)
  if owner ~= '' then spend_in(prefix .. ':owner-spent:' .. owner, label, numbers, now) end
end

-- Returns how many more calls the budget for a day pays for: each, and each of those `under_way`
-- that are not counted yet, is taken to cost what the endpoint's latest have on average.
-- `costs`: their list.
local function affordable(prefix, costs, budget, under_way, now)
  local spent, total, latest = spent_today(prefix, now), 0, redis.call('LRANGE', costs, 0, -1)
  for _, cost in ipairs(latest) do total = total + cost end
  if total == 0 then return spent < budget and math.huge or 0 end
  local left = math.max(0, math.floor((budget - spent) / (total / #latest)) - under_way)
  -- A day begins with a call: what was dear yesterday, with another model, need not be today.
  return spent == 0 and under_way == 0 and math.max(1, left) or left
end
