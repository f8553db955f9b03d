/**
 * pool.ts in Lua: the permits of one limit. Pools and accounts are read once a sync and written at its
 * end where they changed. Those that starve are kept in the order in which they are served, so that the
 * next is found in O(log starving); the fair level takes O(members), once in 100 ms while there are any.
 *
 * Lua makes all functions of a script anew with each call, and that took most of it: there are few, and
 * those of a sync in which nobody starves and nobody comes or goes are the three of `POOL`.
 */

/** Uses what script.ts has before it: `call`, `HUGE`, `key`, `now` and `rarely`. */
export const POOL = `
local function poolOf(name)
  local pool = now.pools[name]
  if pool then return pool end
  local raw = call('HGET', key.pools, name)
  pool = { name = name, prefix = 'k' .. struct.pack('>I4', #name) .. name, accounts = {}, raw = raw }
  if raw then
    pool.out, pool.size, pool.starving, pool.turns, pool.level, pool.levelSince, pool.untold,
      pool.toldSince, pool.toldLevel = cmsgpack.unpack(raw)
  else
    pool.out, pool.size, pool.starving, pool.turns, pool.level = 0, 0, 0, 0, now.limit
    pool.levelSince, pool.untold, pool.toldSince, pool.toldLevel = -HUGE, false, -HUGE, now.limit
  end
  now.pools[name] = pool
  return pool
end

-- nil or false: it has none.
local function accountOf(pool, member, raw)
  local account = pool.accounts[member]
  if account ~= nil then return account end
  raw = raw or call('HGET', key.accounts, pool.prefix .. member)
  if not raw then return end
  account = { id = member, raw = raw, entry = false }
  account.granted, account.returned, account.want, account.priority, account.turn,
    account.starving, account.below = cmsgpack.unpack(raw)
  if account.starving then account.entry = rarely().entryOf(pool, account) end
  pool.accounts[member] = account
  return account
end

local function save(pool)
  for member, account in pairs(pool.accounts) do
    if account then
      if account.starving or account.entry then rarely().place(pool, account) end
      local raw = cmsgpack.pack(account.granted, account.returned, account.want, account.priority,
        account.turn, account.starving, account.below)
      if raw ~= account.raw then
        local field = pool.prefix .. member
        call('HSET', key.accounts, field, raw)
        if not account.raw then
          call('ZADD', key.index, 0, field, 0, rarely().prefixOf(member) .. pool.name)
        end
      end
    end
  end
  local raw = pool.size > 0 and cmsgpack.pack(pool.out, pool.size, pool.starving, pool.turns,
    pool.level, pool.levelSince, pool.untold, pool.toldSince, pool.toldLevel)
  if raw and raw ~= pool.raw then call('HSET', key.pools, pool.name, raw)
  elseif pool.raw and not raw then call('HDEL', key.pools, pool.name) end
end
`

/** Members of `rare`; uses what script.ts and `POOL` have before it. */
export const RARE_POOL = String.raw`
-- Of a member's entries in the index.
function rare.prefixOf(member)
  return 'm' .. struct.pack('>I4', #member) .. member
end

-- In the order of the starving: higher priorities first (bytes that sort as numbers do, of the number
-- with its sign changed), then those below the fair level, then by turn. 26 bytes before the member.
function rare.entryOf(pool, account)
  local rank
  if account.priority <= 0 then
    rank = '1' .. struct.pack('>d', 0 - account.priority)
  else
    rank = '0' .. string.gsub(struct.pack('>d', account.priority), '.', function(byte)
      return string.char(255 - string.byte(byte))
    end)
  end
  return pool.prefix .. rank .. (account.below and '0' or '1')
    .. string.format('%016d', account.turn) .. account.id
end

-- Where it stands among the starving, if it does.
function rare.place(pool, account)
  account.below = account.starving and account.granted - account.returned < pool.level
  local entry = account.starving and rare.entryOf(pool, account)
  if entry == account.entry then return end
  if account.entry then call('ZREM', key.starving, account.entry) end
  if entry then call('ZADD', key.starving, 0, entry) end
  account.entry = entry
end

function rare.drop(pool, member)
  local account = accountOf(pool, member)
  if not account then return end
  pool.out = pool.out - account.granted + account.returned
  pool.size = pool.size - 1
  if account.starving then
    account.starving = false
    pool.starving = pool.starving - 1
  end
  rare.place(pool, account)
  pool.accounts[member] = false
  if not account.raw then return end
  call('HDEL', key.accounts, pool.prefix .. member)
  call('ZREM', key.index, pool.prefix .. member, rare.prefixOf(member) .. pool.name)
end

-- fair-level.ts: those who want least have it, and the rest is even.
-- @param counts how many want so many
local function fairLevel(counts, size)
  local wants, left = {}, now.limit
  for want in pairs(counts) do wants[#wants + 1] = want end
  table.sort(wants)
  for _, want in ipairs(wants) do
    local part = math.floor(left / size)
    if want > part then return part end
    left, size = left - want * counts[want], size - counts[want]
  end
  return now.limit
end

local function reckon(pool)
  if now.time >= pool.levelSince and now.time < pool.levelSince + 100 then return end
  pool.levelSince = now.time
  local counts, waiting = {}, {}
  for _, account in pairs(pool.accounts) do
    if account then counts[account.want] = (counts[account.want] or 0) + 1 end
  end
  local fields = call('ZRANGE', key.index, '[' .. pool.prefix, '(' .. pool.prefix .. '\255', 'BYLEX')
  -- As many at a time as a call can safely take.
  for from = 1, #fields, 4000 do
    local to = math.min(from + 3999, #fields)
    for at, raw in ipairs(call('HMGET', key.accounts, unpack(fields, from, to))) do
      local member = string.sub(fields[from + at - 1], #pool.prefix + 1)
      if pool.accounts[member] == nil then
        local granted, returned, want, _, _, starving, below = cmsgpack.unpack(raw)
        counts[want] = (counts[want] or 0) + 1
        if starving then waiting[#waiting + 1] = { member, raw, granted - returned, below } end
      end
    end
  end
  pool.level = fairLevel(counts, pool.size)
  for _, each in ipairs(waiting) do
    if (each[3] < pool.level) ~= each[4] then accountOf(pool, each[1], each[2]) end
  end
  for _, account in pairs(pool.accounts) do
    if account and account.entry then rare.place(pool, account) end
  end
  if pool.level < pool.toldLevel * 7 / 8 then pool.untold = true
  else pool.toldLevel = math.max(pool.level, pool.toldLevel) end
end

-- Whose turn it is. Who asks takes its place only where others wait too.
local function first(pool)
  local asking = pool.accounts[now.id]
  if asking and asking.starving then
    if pool.starving == 1 then return asking end
    if not asking.entry then rare.place(pool, asking) end
  end
  local from, to = '[' .. pool.prefix, '(' .. pool.prefix .. '\255'
  local entry = call('ZRANGE', key.starving, from, to, 'BYLEX', 'LIMIT', 0, 1)[1]
  return accountOf(pool, string.sub(entry, #pool.prefix + 27))
end

-- @returns those that got some
function rare.serve(pool)
  local served = {}
  reckon(pool)
  while pool.out < now.limit and pool.starving > 0 do
    local account = first(pool)
    local lacks = account.want - account.granted + account.returned
    local count = pool.starving == 1 and math.min(now.limit - pool.out, lacks) or 1
    account.granted = account.granted + count
    pool.out = pool.out + count
    pool.turns = pool.turns + count
    account.turn = pool.turns
    if lacks == count then
      account.starving = false
      pool.starving = pool.starving - 1
    end
    if account.entry then rare.place(pool, account) end
    served[account] = true
  end
  return served
end
`
