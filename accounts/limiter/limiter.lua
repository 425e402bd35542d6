-- One step about several limits, all or nothing. Each kind of limit keeps its charges in its own way:
--   log     requests in a window: a list of times, oldest first
--   tokens  amounts in a window: a sorted set of charges by time, and a hash of their amounts with the sum under 'used'
--   slots   runs at once: a sorted set of charges by the end of their lease
--   day     requests of a calendar day (UTC): a hash of the day and its count
--
-- Steps: 'take' charges all limits if all have room, 'look' charges none, 'back' undoes a charge made at a time,
-- 'settle' puts the true amount in place of the reserved one, 'hold' renews a slot or takes it unasked.
--
-- KEYS: two for each limit. ARGV: step, charge, time of the charge (for 'back'); then kind, limit, span, amount of each.
-- All times are in microseconds, by this server's clock.
local step, charge, at = ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local DAY = 86400000000

local function text(number)
  return string.format('%.0f', number)
end

local function keep(key, span)
  redis.call('PEXPIRE', key, math.ceil(span / 1000) + 1000)
end

local log, tokens, slots, day = {}, {}, {}, {}

function log.latest(l)
  return tonumber(redis.call('LINDEX', l.key, -1) or 0)
end

function log.used(l)
  local function has_left(index)
    local entry = redis.call('LINDEX', l.key, index)
    return entry and tonumber(entry) <= now - l.span
  end
  -- In hundreds first, so that the call after a long burst does not pay for all of it.
  while has_left(99) do redis.call('LPOP', l.key, 100) end
  while has_left(0) do redis.call('LPOP', l.key) end
  return redis.call('LLEN', l.key)
end

function log.take(l)
  redis.call('RPUSH', l.key, text(now))
  keep(l.key, l.span)
end

function log.back(l)
  -- Equal times are equal charges: whichever goes, the log says the same.
  redis.call('LREM', l.key, -1, text(at))
end

function log.wait(l, used, more)
  -- A limit that was lowered may find more in its log than it allows now.
  local entry = redis.call('LINDEX', l.key, math.max(used + more - l.limit - 1, 0))
  return entry and entry + l.span - now or 0
end

function tokens.latest(l)
  return tonumber(redis.call('ZRANGE', l.key, -1, -1, 'WITHSCORES')[2] or 0)
end

function tokens.put(l, id, amount)
  local before = tonumber(redis.call('HGET', l.amounts, id) or 0)
  redis.call('HINCRBY', l.amounts, 'used', text(amount - before))
  if amount > 0 then
    redis.call('HSET', l.amounts, id, text(amount))
  else
    redis.call('HDEL', l.amounts, id)
    redis.call('ZREM', l.key, id)
  end
end

-- Without the charge itself: a reservation that is made again takes the place of the first.
function tokens.used(l)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', l.key, '-inf', text(now - l.span))) do
    tokens.put(l, id, 0)
  end
  if redis.call('EXISTS', l.key) == 0 then redis.call('DEL', l.amounts) end
  return (redis.call('HGET', l.amounts, 'used') or 0) - (redis.call('HGET', l.amounts, charge) or 0)
end

function tokens.take(l)
  if l.amount == 0 then return end
  tokens.put(l, charge, l.amount)
  redis.call('ZADD', l.key, text(now), charge)
  keep(l.key, l.span)
  keep(l.amounts, l.span)
end

function tokens.settle(l)
  if redis.call('ZSCORE', l.key, charge) then tokens.put(l, charge, l.amount) end
end

function tokens.back(l)
  l.amount = 0
  tokens.settle(l)
end

function tokens.wait(l, used, more)
  local excess, first = math.max(used + more - l.limit, 1), 0
  while true do
    local page = redis.call('ZRANGE', l.key, first, first + 99, 'WITHSCORES')
    if #page == 0 then return 0 end
    for i = 1, #page, 2 do
      if page[i] ~= charge or not l.refuses then
        excess = excess - (redis.call('HGET', l.amounts, page[i]) or 0)
        if excess <= 0 then return page[i + 1] + l.span - now end
      end
    end
    first = first + 100
  end
end

function slots.latest()
  return 0
end

function slots.used(l)
  redis.call('ZREMRANGEBYSCORE', l.key, '-inf', text(now))
  return redis.call('ZCARD', l.key) - (redis.call('ZSCORE', l.key, charge) and 1 or 0)
end

function slots.take(l)
  redis.call('ZADD', l.key, text(now + l.span), charge)
  keep(l.key, l.span)
end

slots.hold = slots.take

function slots.back(l)
  redis.call('ZREM', l.key, charge)
end

function slots.wait(l)
  local first = redis.call('ZRANGE', l.key, 0, 0, 'WITHSCORES')[2]
  return first and first - now or 0
end

function day.latest()
  return 0
end

-- A clock that was set back stays in the day it had reached.
function day.today(l)
  return math.max(math.floor(now / DAY), tonumber(redis.call('HGET', l.key, 'day') or 0))
end

function day.used(l)
  if tonumber(redis.call('HGET', l.key, 'day') or 0) < day.today(l) then redis.call('DEL', l.key) end
  return tonumber(redis.call('HGET', l.key, 'count') or 0)
end

function day.take(l)
  redis.call('HSET', l.key, 'day', text(day.today(l)))
  redis.call('HINCRBY', l.key, 'count', 1)
  keep(l.key, DAY)
end

function day.back(l)
  local count = tonumber(redis.call('HGET', l.key, 'count') or 0)
  if count > 0 and day.today(l) == math.floor(at / DAY) then redis.call('HINCRBY', l.key, 'count', -1) end
end

function day.wait(l)
  return (day.today(l) + 1) * DAY - now
end

local kinds = {log = log, tokens = tokens, slots = slots, day = day}
local limits = {}
for i = 1, #KEYS / 2 do
  limits[i] = {
    key = KEYS[2 * i - 1], amounts = KEYS[2 * i], kind = kinds[ARGV[4 * i]],
    limit = tonumber(ARGV[4 * i + 1]), span = tonumber(ARGV[4 * i + 2]), amount = tonumber(ARGV[4 * i + 3])
  }
end

if step ~= 'take' and step ~= 'look' then
  for _, l in ipairs(limits) do
    if l.kind[step] then l.kind[step](l) end
  end
  return {1, now}
end

-- A clock that was set back stands still until it has caught up.
for _, l in ipairs(limits) do now = math.max(now, l.kind.latest(l)) end

local admitted = 1
for _, l in ipairs(limits) do
  l.before = l.kind.used(l)
  l.refuses = l.before + l.amount > l.limit
  if l.refuses then admitted = 0 end
end

local answer = {admitted, now}
for i, l in ipairs(limits) do
  local used = l.before
  if admitted == 1 and step == 'take' then
    l.kind.take(l)
    used = used + l.amount
  end
  local more = l.refuses and l.amount or used >= l.limit and 1 or 0
  answer[3 * i] = used
  answer[3 * i + 1] = l.kind.wait(l, used, more)
  answer[3 * i + 2] = l.refuses and 1 or 0
end
return answer
