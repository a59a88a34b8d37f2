-- The cache inside Redis. Each call is one step: nobody sees or loses half of it.
--
-- KEYS[1] begins every key, in braces, so that a cluster keeps them together. ARGV: what to do, the seconds since the
-- epoch (empty: Redis' own), and what it is done with. cache.py says what a key holds.

local HEAD, FORMAT = 25, 1  -- bytes before a value: the format, its order, when it was made, when its time is over
local YEAR = 366 * 86400  -- seconds
local LATE = 3600  -- seconds that a lease is remembered after its end, for an owner who comes back late
local CLEARING = 3600  -- seconds that clearing may take
local PORTION = 1000  -- what one step looks at
local LOOKS, BATCH = 4, 100  -- members of a set that are looked at for each one that is added; so many together

local prefix = KEYS[1]
local verb = ARGV[1]

local function whole(number) return string.format('%.0f', number) end
local function name(...) return prefix .. ':' .. table.concat({...}, ':') end

local function clock()
  if ARGV[2] ~= '' then return tonumber(ARGV[2]) end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local now = clock()
local ENTRY = name('entry', '')

-- The highest number that was given out, or the microseconds of now where Redis has lost it.
local function last()
  return tonumber(redis.call('GET', name('order')) or whole(now * 1e6))
end

-- The first of so many new numbers. Each is higher than any before it: than the last one, and than the microseconds of
-- the clock, so that neither a clock put back nor a counter that was evicted lets them begin anew.
local function take(count)
  local first = math.max(tonumber(redis.call('GET', name('order')) or 0) + 1, math.floor(now * 1e6))
  redis.call('SET', name('order'), whole(first + count - 1))
  return first
end

-- What stands before a value: its order, and whether its time has not come to an end; nil where there is nothing. What
-- another format has written has no order.
local function head(member)
  local raw = redis.call('GETRANGE', ENTRY .. member, 0, HEAD - 1)
  if raw == '' then return nil, false end
  if #raw < HEAD or string.byte(raw) ~= FORMAT then return nil, true end
  local _, order, made, till = struct.unpack('>Bddd', raw)
  return order, made <= now and now < till
end

-- ── Entries ────────────────────────────────────────────────────────────────────────────────────────────────────────

-- Some members of a set have lost their entries since: those that a few looks find are taken out, so that a set which
-- is added to for ever comes to hold a quarter of them, and no more.
local function prune(set, looks)
  local members, gone = redis.call('ZRANDMEMBER', set, math.min(looks, LOOKS * PORTION)), {}
  for first = 1, #members, BATCH do
    local keys, final = {}, math.min(first + BATCH - 1, #members)
    for at = first, final do keys[#keys + 1] = ENTRY .. members[at] end
    local missing = #keys - redis.call('EXISTS', unpack(keys))
    for at = first, missing > 0 and final or 0 do
      if redis.call('EXISTS', ENTRY .. members[at]) == 0 then gone[#gone + 1] = members[at] end
    end
  end
  if #gone > 0 then redis.call('ZREM', set, unpack(gone)) end
end

-- ARGV: a lease's key and fence, how many entries; of each its member, seconds, value, number of tags, and these.
local function put()
  if ARGV[4] ~= '' and redis.call('HGET', name('lease', ARGV[3]), 'fence') ~= ARGV[4] then return 0 end
  local count, at, sets = tonumber(ARGV[5]), 6, {}
  local order = take(count)
  for index = 0, count - 1 do
    local member, seconds, value, tags = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
    local till = seconds == '' and math.huge or now + tonumber(seconds)
    local life = math.ceil(math.min(till - now, YEAR) * 1000)
    if life > 0 then
      local first = struct.pack('>Bddd', FORMAT, order + index, now, till)
      redis.call('SET', ENTRY .. member, first .. value, 'PX', whole(life))
      for tag = at + 4, at + 3 + tags do
        local set = name('tag', ARGV[tag])
        redis.call('ZADD', set, whole(order + index), member)
        local row = sets[set] or {added = 0, life = 0}
        sets[set] = {added = row.added + 1, life = math.max(row.life, life)}
      end
    else
      redis.call('UNLINK', ENTRY .. member)
    end
    at = at + 4 + tags
  end
  for set, row in pairs(sets) do
    if redis.call('PTTL', set) < row.life then redis.call('PEXPIRE', set, whole(row.life)) end
    prune(set, LOOKS * row.added)
  end
  return 1
end

-- ── What has a tag ─────────────────────────────────────────────────────────────────────────────────────────────────

-- Removes a portion of what had the tag when it began. ARGV: the tag; where it began, or empty.
-- Replies: where it began, how many entries went, whether there is more.
local function forget()
  local set, bound, gone = name('tag', ARGV[3]), ARGV[4], 0
  if bound == '' then bound = whole(last()) end
  local rows = redis.call('ZRANGE', set, '-inf', bound, 'BYSCORE', 'LIMIT', 0, PORTION, 'WITHSCORES')
  for at = 1, #rows, 2 do
    local order, alive = head(rows[at])
    if (order or tonumber(rows[at + 1])) == tonumber(rows[at + 1]) then
      if redis.call('UNLINK', ENTRY .. rows[at]) == 1 and alive then gone = gone + 1 end
    end
  end
  if #rows > 0 then redis.call('ZREMRANGEBYSCORE', set, '-inf', rows[#rows]) end
  return {bound, gone, #rows == 2 * PORTION and 1 or 0}
end

-- A portion of the keys that have a tag in a room. ARGV: the tag, the room, the order after which to look.
-- Replies: the order after which there is more, or empty; then the keys.
local function tagged()
  local set, room, gone = name('tag', ARGV[3]), ARGV[4] .. ':', {}
  local cleared = redis.call('MGET', name('cleared'), name('cleared', ARGV[4]))
  local bound = math.max(tonumber(cleared[1] or 0), tonumber(cleared[2] or 0))
  local rows = redis.call('ZRANGE', set, '(' .. ARGV[5], '+inf', 'BYSCORE', 'LIMIT', 0, PORTION, 'WITHSCORES')
  local reply = {#rows == 2 * PORTION and rows[#rows] or ''}
  for at = 1, #rows, 2 do
    if string.sub(rows[at], 1, #room) == room then
      local order, alive = head(rows[at])
      if order ~= tonumber(rows[at + 1]) then
        gone[#gone + 1] = rows[at]
      elseif alive and order > bound then
        reply[#reply + 1] = string.sub(rows[at], #room + 1)
      end
    end
  end
  if #gone > 0 then redis.call('ZREM', set, unpack(gone)) end
  return reply
end

-- ── Everything ─────────────────────────────────────────────────────────────────────────────────────────────────────

-- From here on nothing is found that was put before. ARGV: the rooms, or none for all. Replies: up to which order.
local function clear()
  local bound = whole(last())
  redis.pcall('SET', name('order'), bound)  -- what is put within the same microsecond comes after it
  local marks = {name('cleared')}
  for at = 3, #ARGV do marks[at - 2] = name('cleared', ARGV[at]) end
  -- Where there is no room for a mark, entries are found until they are removed.
  for _, mark in ipairs(marks) do redis.pcall('SET', mark, bound, 'EX', CLEARING) end
  return bound
end

-- Removes a portion of what was put before. ARGV: a pattern of names, where to go on, up to which order.
-- Replies: where to go on, how many entries went.
local function sweep()
  local page, gone, first = redis.call('SCAN', ARGV[4], 'MATCH', ARGV[3], 'COUNT', PORTION), 0, #ENTRY
  for _, key in ipairs(page[2]) do
    local order, alive = head(string.sub(key, first + 1))
    if (order or 0) <= tonumber(ARGV[5]) and redis.call('UNLINK', key) == 1 and alive then gone = gone + 1 end
  end
  return {page[1], gone}
end

-- Counts a portion of all keys. ARGV: where to go on.
-- Replies: where to go on, how many keys that were, and of each room its name, its entries, the bytes of their values.
local function census()
  local page, entries, size = redis.call('SCAN', ARGV[3], 'COUNT', PORTION), {}, {}
  for _, key in ipairs(page[2]) do
    if string.sub(key, 1, #ENTRY) == ENTRY then
      local member = string.sub(key, #ENTRY + 1)
      local order, alive = head(member)
      if order and alive then
        local room = string.match(member, '^[^:]*')
        entries[room] = (entries[room] or 0) + 1
        size[room] = (size[room] or 0) + redis.call('STRLEN', key) - HEAD
      end
    end
  end
  local reply = {page[1], #page[2]}
  for room, number in pairs(entries) do
    reply[#reply + 1] = room
    reply[#reply + 1] = number
    reply[#reply + 1] = whole(size[room])
  end
  return reply
end

-- ── Leases ─────────────────────────────────────────────────────────────────────────────────────────────────────────

-- ARGV: the key, the owner, the seconds. Replies: the fence, or nothing while somebody else has it. A lease from a clock
-- that was put back since is over.
local function claim()
  local key, owner, seconds = name('lease', ARGV[3]), ARGV[4], math.min(tonumber(ARGV[5]), YEAR)
  local row = redis.call('HMGET', key, 'owner', 'begun', 'until', 'fence')
  local held = row[1] and tonumber(row[2]) <= now and now < tonumber(row[3])
  if held and row[1] ~= owner then return false end
  local fence = held and row[4] or whole(take(1))
  local times = {string.format('%.6f', now), string.format('%.6f', now + seconds)}
  redis.call('HSET', key, 'owner', owner, 'begun', times[1], 'until', times[2], 'fence', fence)
  redis.call('PEXPIRE', key, whole(math.ceil((math.max(seconds, 0) + LATE) * 1000)))
  return fence
end

-- ARGV: the key, the fence, which is still known afterwards.
local function release()
  local key = name('lease', ARGV[3])
  if redis.call('HGET', key, 'fence') == ARGV[4] then redis.call('HDEL', key, 'owner') end
  return 1
end

if verb == 'put' then return put() end
if verb == 'forget' then return forget() end
if verb == 'tagged' then return tagged() end
if verb == 'clear' then return clear() end
if verb == 'sweep' then return sweep() end
if verb == 'census' then return census() end
if verb == 'claim' then return claim() end
return release()
