#!lua
-- (Without that line a Redis that is full would stop the script in the middle, and not before it.)
--
-- The ledger in Redis. One call of this script is one step that nothing comes between.
--
-- KEYS[1] is the prefix, which all keys share: in braces, so that they lie on one node of a cluster. ARGV[1] is the
-- verb, ARGV[2] the time in seconds or '' for the server's own, ARGV[3] what it is about, as JSON. Billionths of a
-- dollar come and go as texts: Lua counts in doubles, which are exact below 2^53, and cjson writes 14 digits alone.
--
--   claim:<id>            hash: state, second, nano, tokens of each kind, and `claim`, the whole as JSON
--   open, estimated       sorted sets of ids by the time they began
--   pot:<month>:<pot>     hash: what is spent and claimed, by day and in the whole `month`
--   rate:<what>:<pot>     hash: what was taken in which second
--   spent:<day>           hash: <account>|<reported>|<figure>
--   days                  set

local WINDOW, DAY = 60, 86400
local prefix = KEYS[1]
local FIGURES = {'input', 'cached', 'written', 'output', 'nano'}

local function whole(number) return string.format('%.0f', number + 0) end  -- which makes 0 of -0
local function key(...) return prefix .. ':' .. table.concat({...}, ':') end

local function clock()
  if ARGV[2] ~= '' then return tonumber(ARGV[2]) end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local function add_to_pots(claim, nano)
  if nano == 0 then return end
  for _, pot in ipairs(claim.pots) do
    local name = key('pot', string.sub(claim.day, 1, 7), pot)
    redis.call('HINCRBY', name, claim.day, whole(nano))
    redis.call('HINCRBY', name, 'month', whole(nano))
  end
end

local function add_to_spent(claim, figures, reported, requests)
  local name = key('spent', claim.day)
  local row = claim.account .. '|' .. reported .. '|'
  redis.call('SADD', key('days'), claim.day)
  local left = redis.call('HINCRBY', name, row .. 'requests', requests)
  for _, figure in ipairs(FIGURES) do
    redis.call('HINCRBY', name, row .. figure, whole(requests * tonumber(figures[figure])))
    if left == 0 then redis.call('HDEL', name, row .. figure) end
  end
  if left == 0 then redis.call('HDEL', name, row .. 'requests') end
end

local function write(claim, state, figures, second)
  local name = key('claim', claim.id)
  redis.call('DEL', name)
  local row = {'state', state, 'claim', claim.whole, 'second', second}
  for _, figure in ipairs(FIGURES) do
    row[#row + 1] = figure
    row[#row + 1] = figures[figure]
  end
  redis.call('HSET', name, unpack(row))
  redis.call('ZREM', key('open'), claim.id)
  redis.call('ZREM', key('estimated'), claim.id)
  if state == 'open' or state == 'estimated' then
    redis.call('ZADD', key(state), claim.begun, claim.id)
  end
  -- What is done is remembered for a day, should it come twice; an estimate for as long as it may be corrected.
  if state ~= 'open' then redis.call('EXPIRE', name, state == 'estimated' and 62 * DAY or DAY) end
end

local function correct(claim, second, tokens, requests)
  if second == '' then return end
  for _, rate in ipairs(claim.rates) do
    local name = key('rate', rate.what, rate.pot)
    local change = rate.what == 'tokens' and tokens or requests
    local had = redis.call('HGET', name, second)
    if had then redis.call('HSET', name, second, whole(math.max(0, tonumber(had) + change))) end
  end
end

-- What was taken of a limit, by second, in order. What lies ahead, as after a clock was put back, was taken just now.
local function seconds(rate, here)
  local name = key('rate', rate.what, rate.pot)
  local rows, ahead, found = redis.call('HGETALL', name), 0, {}
  for at = 1, #rows, 2 do
    local second, amount = tonumber(rows[at]), tonumber(rows[at + 1])
    if second > here then
      ahead = ahead + amount
      redis.call('HDEL', name, rows[at])
    elseif second < here - WINDOW then
      redis.call('HDEL', name, rows[at])
    else
      found[#found + 1] = {second, amount}
    end
  end
  if ahead > 0 then
    redis.call('HINCRBY', name, whole(here), whole(ahead))
    found[#found + 1] = {here, ahead}
  end
  table.sort(found, function(one, other) return one[1] < other[1] end)
  return found
end

local function reserve(claim)
  if redis.call('EXISTS', key('claim', claim.id)) == 1 then return {'ok'} end
  local nano = tonumber(claim.figures.nano)
  for index, budget in ipairs(claim.budgets) do
    local name = key('pot', string.sub(claim.day, 1, 7), budget.pot)
    local field = budget.period == 'day' and claim.day or 'month'
    local spent = redis.call('HGET', name, field) or '0'
    if nano > 0 and tonumber(spent) + nano > tonumber(budget.nano) then return {'budget', index, spent} end
  end
  local now = clock()
  local here = math.floor(now)
  for index, limit in ipairs(claim.limits) do
    local taken, sum = seconds(limit, here), 0
    for _, row in ipairs(taken) do sum = sum + row[2] end
    if sum + limit.amount > limit.number then
      local reply = {'rate', index, string.format('%.6f', now)}
      for _, row in ipairs(taken) do
        reply[#reply + 1] = whole(row[1])
        reply[#reply + 1] = whole(row[2])
      end
      return reply
    end
  end
  write(claim, 'open', claim.figures, #claim.rates > 0 and whole(here) or '')
  add_to_pots(claim, nano)
  for _, rate in ipairs(claim.rates) do
    local name = key('rate', rate.what, rate.pot)
    redis.call('HINCRBY', name, whole(here), whole(rate.amount))
    redis.call('EXPIRE', name, 2 * WINDOW + 1)
  end
  return {'ok'}
end

local function settle(claim, figures, reported)
  local name = key('claim', claim.id)
  local state = redis.call('HGET', name, 'state')
  if state == 'settled' or (state == 'estimated' and reported == 0) then return {'ok'} end
  local had = 0
  if state == 'open' or state == 'estimated' then had = tonumber(redis.call('HGET', name, 'nano')) end
  if state == 'estimated' then
    local old = {}
    for _, figure in ipairs(FIGURES) do old[figure] = redis.call('HGET', name, figure) end
    add_to_spent(claim, old, 0, -1)
  elseif state == 'open' then
    local used = figures.input + figures.output
    correct(claim, redis.call('HGET', name, 'second'), used - (claim.figures.input + claim.figures.output), 0)
  end
  write(claim, reported == 1 and 'settled' or 'estimated', figures, '')
  add_to_spent(claim, figures, reported, 1)
  add_to_pots(claim, tonumber(figures.nano) - had)
  return {'ok'}
end

local function release(claim)
  local nothing = {input = 0, cached = 0, written = 0, output = 0, nano = '0'}
  local name = key('claim', claim.id)
  local state = redis.call('HGET', name, 'state')
  if state and state ~= 'open' then return {'ok'} end
  if state == 'open' then
    add_to_pots(claim, -tonumber(redis.call('HGET', name, 'nano')))
    correct(claim, redis.call('HGET', name, 'second'), -(claim.figures.input + claim.figures.output), -1)
  end
  write(claim, 'released', nothing, '')
  return {'ok'}
end

local given = cjson.decode(ARGV[3])
if ARGV[1] == 'reserve' then return reserve(given) end
if ARGV[1] == 'settle' then return settle(given, given.used, given.reported) end
return release(given)
