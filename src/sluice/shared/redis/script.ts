/**
 * What one sync does to the store, in Lua: group.ts and memory-store.ts, function by function, with the
 * store's time in whole milliseconds. Tests hold it equal to them.
 *
 * Keys, all of one slot: `s` state, `m` members, `d` their deadlines by the lease clock, `l` limits of
 * live ones, `e` leases, `p` pools by key, `a` accounts, `w` who starves, in the order in which they are
 * served, `i` accounts by pool and by member. Without the state nothing else counts.
 *
 * A full store does not refuse it (`allow-oom`): it is what makes room, and needs next to none.
 * Cost: O(log members) a sync; O(members) once in 100 ms while somebody starves, and after a failover.
 */
import { POOL } from './pool-script.js'

/** Of the keys that the script takes, in their order. */
export const KEYS = ['s', 'm', 'd', 'l', 'e', 'p', 'a', 'w', 'i'] as const

export const SCRIPT = String.raw`#!lua flags=allow-oom
local HUGE = math.huge
-- Milliseconds for which a name that nobody speaks of is kept.
local KEEP = 86400000
local call = redis.call
local STATE, MEMBERS, DEADLINES, LIMITS, LEASES, POOLS, ACCOUNTS, STARVING, INDEX = unpack(KEYS)
local run, id, seq, generation, nonce = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local valid, leaving, limitForAll = ARGV[6] == '1', ARGV[7] == '1', ARGV[8] == '1'
local lease, ownLimit = tonumber(ARGV[9]), tonumber(ARGV[10])
local channel = string.sub(STATE, 1, -2)

local clock = call('TIME')
local time = clock[1] * 1000 + math.floor(clock[2] / 1000)

local state = call('GET', STATE)
local wroteIt, now, lastTime, learningUntil, nextDeadline, shortest, limit, size
if state then
  wroteIt, now, lastTime, learningUntil, nextDeadline, shortest, limit, size = cmsgpack.unpack(state)
else
  call('DEL', MEMBERS, DEADLINES, LIMITS, LEASES, POOLS, ACCOUNTS, STARVING, INDEX)
  wroteIt, now, lastTime, learningUntil = run, 0, time, lease
  nextDeadline, shortest, limit, size = HUGE, HUGE, HUGE, 0
end
${POOL}
local function beatOf(length)
  return length / 10
end

local function learn(length)
  learningUntil = math.max(learningUntil, now + length)
end

local function least(key)
  return tonumber(call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]) or HUGE
end

local function count()
  size, shortest, nextDeadline = call('ZCARD', LIMITS), least(LEASES), least(DEADLINES)
  if size > 0 then limit = least(LIMITS) end
  for _, key in ipairs(KEYS) do call('PEXPIRE', key, KEEP) end
end

local function dropAll(member)
  local prefix = 'm' .. sized(member)
  for _, entry in ipairs(call('ZRANGE', INDEX, '[' .. prefix, '(' .. prefix .. '\255', 'BYLEX')) do
    drop(poolOf(string.sub(entry, #prefix + 1)), member)
  end
  call('ZREM', LIMITS, member)
end

local function forget(member)
  dropAll(member)
  call('HDEL', MEMBERS, member)
  call('ZREM', DEADLINES, member)
  call('ZREM', LEASES, member)
end

local function readMember(raw)
  local member = {}
  member.generation, member.seq, member.lease, member.limit, member.left = cmsgpack.unpack(raw)
  return member
end

local function writeMember(name, member)
  call('HSET', MEMBERS, name,
    cmsgpack.pack(member.generation, member.seq, member.lease, member.limit, member.left))
end

local function changeAll(change)
  local all = call('HGETALL', MEMBERS)
  for at = 1, #all, 2 do
    local member = readMember(all[at + 1])
    change(member, all[at])
    writeMember(all[at], member)
  end
end

-- Time passes.
local length = math.min(lease, shortest)
local passed = math.max(time - lastTime, 0)
lastTime = time
now = now + math.min(passed, 1.5 * beatOf(length))
if passed > length / 2 and size > 0 then learn(3 * beatOf(length)) end
if now >= nextDeadline then
  for _, member in ipairs(call('ZRANGE', DEADLINES, '-inf', now, 'BYSCORE')) do forget(member) end
  count()
end

-- Another store has written this one.
if wroteIt ~= run then
  wroteIt = run
  changeAll(function(member)
    member.generation = ''
    learn(member.lease)
  end)
  learn(lease)
end

local claims = {}
for at = 11, #ARGV, 6 do
  claims[#claims + 1] = {
    key = ARGV[at],
    seen = tonumber(ARGV[at + 1]),
    returned = tonumber(ARGV[at + 2]),
    want = tonumber(ARGV[at + 3]),
    spare = tonumber(ARGV[at + 4]),
    priority = tonumber(ARGV[at + 5]),
  }
end

local raw = call('HGET', MEMBERS, id)
local member = raw and readMember(raw)
local isNews = not member or member.generation == '' or seq > member.seq
if isNews then
  local isKnown = member and member.generation ~= '' and member.generation == generation
  if not isKnown then
    if generation ~= '' and valid and now >= learningUntil then learn(lease) end
    if member then forget(id) end
    member = { generation = nonce .. '.' .. string.format('%.0f', time) }
    member.lease, member.limit, member.left = lease, ownLimit, false
    call('ZADD', LIMITS, ownLimit, id)
    call('ZADD', LEASES, lease, id)
  end
  member.seq = seq
  call('ZADD', DEADLINES, now + lease, id)
  nextDeadline = math.min(nextDeadline, now + lease)
  if leaving then
    dropAll(id)
    member.left = true
  end
  writeMember(id, member)
  if limitForAll then
    changeAll(function(each, name)
      each.limit = ownLimit
      if not each.left then call('ZADD', LIMITS, ownLimit, name) end
    end)
    member.limit = ownLimit
  end
  if not isKnown or leaving or limitForAll then count() end
  if not member.left then
    for _, claim in ipairs(claims) do settle(poolOf(claim.key), claim) end
  end
end

-- Who may not publish is heard with the next beat.
local function tell(to, pool, granted, whose)
  redis.pcall('PUBLISH', channel .. to, cjson.encode({
    generation = whose, key = pool.key, granted = granted,
    contended = isContended(pool), level = pool.level,
  }))
end

if isNews then
  for _, claim in ipairs(claims) do
    local pool = poolOf(claim.key)
    if now >= learningUntil then
      local served = serve(pool)
      lend(pool, claim.spare)
      for account in pairs(served) do
        if account.id ~= id then
          local whose = cmsgpack.unpack(call('HGET', MEMBERS, account.id))
          tell(account.id, pool, account.granted, whose)
        end
      end
    end
    if isToTell(pool) then tell('', pool, 0) end
  end
end

-- Without a live member there is no limit.
local function finite(number)
  return number < HUGE and number or -1
end

local isLearning = now < learningUntil
local again = HUGE
local reply = { seq, member.generation, finite(limit), member.limit, size,
  isLearning and 1 or 0, '' }
for _, claim in ipairs(claims) do
  local pool = poolOf(claim.key)
  local account = accountOf(pool, id)
  if account and account.starving then
    again = math.min(again, (isLearning and learningUntil or nextDeadline) - now, untilTold(pool))
  end
  reply[#reply + 1] = account and account.granted or claim.seen
  reply[#reply + 1] = isContended(pool) and 1 or 0
  reply[#reply + 1] = finite(pool.level)
end
for _, claim in ipairs(claims) do
  local pool = poolOf(claim.key)
  local account = accountOf(pool, id)
  if account and heldBy(account) == 0 and account.want == 0 then drop(pool, id) end
end
savePools()
call('SET', STATE, cmsgpack.pack(
  wroteIt, now, lastTime, learningUntil, nextDeadline, shortest, limit, size), 'PX', KEEP)
if again < HUGE then reply[7] = string.format('%.17g', again) end
return reply
`
