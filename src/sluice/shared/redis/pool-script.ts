/**
 * pool.ts in Lua: the permits of one limit. Pools and accounts are read once a sync and written at its
 * end where they changed. Those that starve are kept in the order in which they are served, so that the
 * next is found in O(log starving); the fair level takes O(members), once in 100 ms while there are any.
 *
 * It uses what script.ts has before it: `call`, `HUGE`, keys, `id` (who asks), `time`, `limit`.
 */
export const POOL = String.raw`
local LEVEL_EVERY, TELL_EVERY, LOWER = 100, 20, 7 / 8
-- As many values as a call can safely take.
local CHUNK = 4000
-- What stands between a pool's prefix and a member's id in the order of the starving.
local RANK = 1 + 8 + 1 + 16

local pools = {}

local function sized(text)
  return struct.pack('>I4', #text) .. text
end

local function poolOf(key)
  local pool = pools[key]
  if pool then return pool end
  pool = { key = key, prefix = 'k' .. sized(key), accounts = {}, raw = call('HGET', POOLS, key) }
  if pool.raw then
    pool.out, pool.size, pool.starving, pool.turns, pool.level, pool.levelSince, pool.untold,
      pool.toldSince, pool.toldLevel = cmsgpack.unpack(pool.raw)
  else
    pool.out, pool.size, pool.starving, pool.turns = 0, 0, 0, 0
    pool.level, pool.levelSince = limit, -HUGE
    pool.untold, pool.toldSince, pool.toldLevel = false, -HUGE, limit
  end
  pools[key] = pool
  return pool
end

local function heldBy(account)
  return account.granted - account.returned
end

local function isContended(pool)
  return pool.starving > 0 or pool.out > limit
end

-- Higher priorities first: bytes that sort as numbers do, of the number with its sign changed.
local function rank(priority)
  if priority <= 0 then return '1' .. struct.pack('>d', 0 - priority) end
  return '0' .. string.gsub(struct.pack('>d', priority), '.', function(byte)
    return string.char(255 - string.byte(byte))
  end)
end

local function entryOf(pool, account)
  return pool.prefix .. rank(account.priority) .. (account.below and '0' or '1')
    .. string.format('%016d', account.turn) .. account.id
end

local function load(pool, member, raw)
  local account = { id = member, raw = raw }
  account.granted, account.returned, account.want, account.priority, account.turn,
    account.starving, account.below = cmsgpack.unpack(raw)
  account.entry = account.starving and entryOf(pool, account)
  pool.accounts[member] = account
  return account
end

-- nil or false: it has none.
local function accountOf(pool, member)
  local account = pool.accounts[member]
  if account ~= nil then return account end
  local raw = call('HGET', ACCOUNTS, pool.prefix .. member)
  return raw and load(pool, member, raw)
end

-- Where it stands among the starving, if it does.
local function place(pool, account)
  account.below = account.starving and heldBy(account) < pool.level
  local entry = account.starving and entryOf(pool, account)
  if entry == account.entry then return end
  if account.entry then call('ZREM', STARVING, account.entry) end
  if entry then call('ZADD', STARVING, 0, entry) end
  account.entry = entry
end

local function starve(pool, account, starving)
  if account.starving == starving then return end
  account.starving = starving
  pool.starving = pool.starving + (starving and 1 or -1)
end

local function settle(pool, claim)
  local account = accountOf(pool, id)
  if not account then
    account = { id = id, granted = 0, returned = 0, want = 0, priority = 0, turn = 0 }
    account.starving, account.entry = false, false
    pool.accounts[id] = account
    pool.size = pool.size + 1
  end
  local before = heldBy(account)
  local wasOver = pool.out > limit
  account.granted = math.max(account.granted, claim.seen)
  account.returned = math.max(account.returned, claim.returned)
  account.want, account.priority = claim.want, claim.priority
  pool.out = pool.out + heldBy(account) - before
  if pool.out > limit and not wasOver then pool.levelSince, pool.untold = -HUGE, true end
  if account.want <= heldBy(account) then
    starve(pool, account, false)
  elseif not account.starving then
    if pool.starving == 0 then pool.untold = true end
    pool.turns = pool.turns + 1
    account.turn = pool.turns
    starve(pool, account, true)
  end
  if account.entry then place(pool, account) end
end

local function drop(pool, member)
  local account = accountOf(pool, member)
  if not account then return end
  pool.out = pool.out - heldBy(account)
  pool.size = pool.size - 1
  starve(pool, account, false)
  place(pool, account)
  pool.accounts[member] = false
  if not account.raw then return end
  call('HDEL', ACCOUNTS, pool.prefix .. member)
  call('ZREM', INDEX, pool.prefix .. member, 'm' .. sized(member) .. pool.key)
end

local function give(pool, account, count)
  account.granted = account.granted + count
  pool.out = pool.out + count
end

-- fair-level.ts: those who want least have it, and the rest is even.
local function fairLevel(counts, size)
  local wants, left = {}, limit
  for want in pairs(counts) do wants[#wants + 1] = want end
  table.sort(wants)
  for _, want in ipairs(wants) do
    local part = math.floor(left / size)
    if want > part then return part end
    left, size = left - want * counts[want], size - counts[want]
  end
  return limit
end

local function reckon(pool)
  if time >= pool.levelSince and time < pool.levelSince + LEVEL_EVERY then return end
  pool.levelSince = time
  local counts, waiting = {}, {}
  local function add(want) counts[want] = (counts[want] or 0) + 1 end
  for member, account in pairs(pool.accounts) do
    if account then add(account.want) end
  end
  local stored = call('ZRANGE', INDEX, '[' .. pool.prefix, '(' .. pool.prefix .. '\255', 'BYLEX')
  for from = 1, #stored, CHUNK do
    local to = math.min(from + CHUNK - 1, #stored)
    for at, raw in ipairs(call('HMGET', ACCOUNTS, unpack(stored, from, to))) do
      local member = string.sub(stored[from + at - 1], #pool.prefix + 1)
      if pool.accounts[member] == nil then
        local granted, returned, want, _, _, starving, below = cmsgpack.unpack(raw)
        add(want)
        if starving then waiting[#waiting + 1] = { member, raw, granted - returned, below } end
      end
    end
  end
  pool.level = fairLevel(counts, pool.size)
  for _, each in ipairs(waiting) do
    local member, raw, held, below = unpack(each)
    if (held < pool.level) ~= below then load(pool, member, raw) end
  end
  for member, account in pairs(pool.accounts) do
    if account and account.entry then place(pool, account) end
  end
  if pool.level < pool.toldLevel * LOWER then pool.untold = true
  else pool.toldLevel = math.max(pool.level, pool.toldLevel) end
end

-- Whose turn it is. Who asks takes its place only where others wait too.
local function first(pool)
  local asking = pool.accounts[id]
  if asking and asking.starving then
    if pool.starving == 1 then return asking end
    if not asking.entry then place(pool, asking) end
  end
  local entry = call('ZRANGE', STARVING, '[' .. pool.prefix, '(' .. pool.prefix .. '\255', 'BYLEX',
    'LIMIT', 0, 1)[1]
  return accountOf(pool, string.sub(entry, #pool.prefix + RANK + 1))
end

local function serve(pool)
  local served = {}
  if isContended(pool) then reckon(pool) end
  while pool.out < limit and pool.starving > 0 do
    local account = first(pool)
    local count = 1
    if pool.starving == 1 then
      count = math.min(limit - pool.out, account.want - heldBy(account))
    end
    give(pool, account, count)
    pool.turns = pool.turns + count
    account.turn = pool.turns
    if account.want <= heldBy(account) then starve(pool, account, false) end
    if account.entry then place(pool, account) end
    served[account] = true
  end
  return served
end

local function lend(pool, spare)
  local account = accountOf(pool, id)
  if not account or isContended(pool) then return end
  local part = math.floor((limit - pool.out) / (2 * pool.size))
  give(pool, account, math.max(0, math.min(spare, part)))
end

local function untilTold(pool)
  if not pool.untold then return HUGE end
  return time < pool.toldSince and 0 or math.max(0, pool.toldSince + TELL_EVERY - time)
end

local function isToTell(pool)
  if not isContended(pool) then pool.untold = false end
  if untilTold(pool) > 0 then return false end
  pool.untold, pool.toldSince, pool.toldLevel = false, time, pool.level
  return true
end

local function save(pool, member, account)
  place(pool, account)
  local raw = cmsgpack.pack(account.granted, account.returned, account.want, account.priority,
    account.turn, account.starving, account.below)
  if raw == account.raw then return end
  call('HSET', ACCOUNTS, pool.prefix .. member, raw)
  if account.raw then return end
  call('ZADD', INDEX, 0, pool.prefix .. member, 0, 'm' .. sized(member) .. pool.key)
end

local function savePools()
  for key, pool in pairs(pools) do
    for member, account in pairs(pool.accounts) do
      if account then save(pool, member, account) end
    end
    local raw = pool.size > 0 and cmsgpack.pack(pool.out, pool.size, pool.starving, pool.turns,
      pool.level, pool.levelSince, pool.untold, pool.toldSince, pool.toldLevel)
    if raw and raw ~= pool.raw then call('HSET', POOLS, key, raw)
    elseif pool.raw and not raw then call('HDEL', POOLS, key) end
  end
end
`
