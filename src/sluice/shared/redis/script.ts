/**
 * What one sync does to the store, in Lua: group.ts and memory-store.ts, step by step, with the store's
 * time in whole milliseconds. Tests hold it equal to them.
 *
 * Keys, all of one slot: `s` state, `m` members, `d` their deadlines by the lease clock, `l` limits of
 * live ones, `e` leases, `p` pools by key, `a` accounts, `w` who starves, in the order in which they are
 * served, `i` accounts by pool and by member. Without the state nothing else counts.
 *
 * A full store does not refuse it (`allow-oom`): it is what makes room, and needs next to none.
 * Cost: O(log members) a sync; O(members) once in 100 ms while somebody starves, and after a failover.
 */
import { RARE_GROUP } from './group-script.js'
import { POOL, RARE_POOL } from './pool-script.js'

/** Of the keys that the script takes, in their order. */
export const KEYS = ['s', 'm', 'd', 'l', 'e', 'p', 'a', 'w', 'i'] as const

export const SCRIPT = `#!lua flags=allow-oom
local call, HUGE = redis.call, math.huge
-- Milliseconds for which a name that nobody speaks of is kept.
local KEEP = 86400000
local key = {
  members = KEYS[2], deadlines = KEYS[3], limits = KEYS[4], leases = KEYS[5], pools = KEYS[6],
  accounts = KEYS[7], starving = KEYS[8], index = KEYS[9],
}
local run, id, seq, generation, nonce = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local valid, leaving, limitForAll = ARGV[6] == '1', ARGV[7] == '1', ARGV[8] == '1'
local lease, ownLimit = tonumber(ARGV[9]), tonumber(ARGV[10])

local clock = call('TIME')
local now = { id = id, time = clock[1] * 1000 + math.floor(clock[2] / 1000), pools = {} }
local wroteIt, passed, lastTime, learningUntil
local state = call('GET', KEYS[1])
if state then
  wroteIt, passed, lastTime, learningUntil, now.nextDeadline, now.shortest, now.limit, now.size =
    cmsgpack.unpack(state)
else
  call('DEL', unpack(KEYS))
  wroteIt, passed, lastTime, learningUntil = run, 0, now.time, lease
  now.nextDeadline, now.shortest, now.limit, now.size = HUGE, HUGE, HUGE, 0
end

-- What few syncs need.
local rarely
${POOL}
local rare
function rarely()
  if rare then return rare end
  rare = {}
  ${RARE_POOL}${RARE_GROUP}
  return rare
end

-- Time passes. A beat is a tenth of a lease.
local length, since = math.min(lease, now.shortest), math.max(now.time - lastTime, 0)
passed = passed + math.min(since, 1.5 * (length / 10))
if since > length / 2 and now.size > 0 then
  learningUntil = math.max(learningUntil, passed + 3 * (length / 10))
end
if passed >= now.nextDeadline then
  local late = call('ZRANGE', key.deadlines, '-inf', passed, 'BYSCORE')
  for _, member in ipairs(late) do rarely().forget(member) end
  rarely().count()
end

-- Another store has written this one.
if wroteIt ~= run then
  wroteIt = run
  rarely().changeAll(function(_, _, each, itsLease, ...)
    learningUntil = math.max(learningUntil, passed + itsLease)
    return '', each, itsLease, ...
  end)
  learningUntil = math.max(learningUntil, passed + lease)
end

-- What a member says of itself.
local known = call('HGET', key.members, id)
local itsGeneration, itsSeq, itsLease, itsLimit, hasLeft
if known then itsGeneration, itsSeq, itsLease, itsLimit, hasLeft = cmsgpack.unpack(known) end
local isNews = not known or itsGeneration == '' or seq > itsSeq
if isNews then
  local isSame = known and itsGeneration ~= '' and itsGeneration == generation
  if not isSame then
    if generation ~= '' and valid and passed >= learningUntil then learningUntil = passed + lease end
    if known then rarely().forget(id) end
    itsGeneration = nonce .. '.' .. string.format('%.0f', now.time)
    itsLease, itsLimit, hasLeft = lease, ownLimit, false
    call('ZADD', key.limits, ownLimit, id)
    call('ZADD', key.leases, lease, id)
  end
  call('ZADD', key.deadlines, passed + lease, id)
  now.nextDeadline = math.min(now.nextDeadline, passed + lease)
  if leaving then
    rarely().leave(id)
    hasLeft = true
  end
  if limitForAll then
    itsLimit = ownLimit
    rarely().changeAll(function(member, its, each, length, _, left)
      if not left then call('ZADD', key.limits, ownLimit, member) end
      return its, each, length, ownLimit, left
    end)
  end
  call('HSET', key.members, id, cmsgpack.pack(itsGeneration, seq, itsLease, itsLimit, hasLeft))
  if limitForAll and hasLeft then call('ZREM', key.limits, id) end
  if not isSame or leaving or limitForAll then rarely().count() end
end

-- What it says of its accounts. Both counts only grow.
for at = 11, isNews and not hasLeft and #ARGV or 0, 6 do
  local seen, returned = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local pool = poolOf(ARGV[at])
  local account = accountOf(pool, id)
  if not account then
    account = { id = id, granted = 0, returned = 0, turn = 0, starving = false, below = false }
    account.entry = false
    pool.accounts[id] = account
    pool.size = pool.size + 1
  end
  local before, wasOver = account.granted - account.returned, pool.out > now.limit
  account.granted = math.max(account.granted, seen)
  account.returned = math.max(account.returned, returned)
  account.want, account.priority = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 5])
  local held = account.granted - account.returned
  pool.out = pool.out + held - before
  if pool.out > now.limit and not wasOver then pool.levelSince, pool.untold = -HUGE, true end
  if account.want <= held then
    if account.starving then pool.starving = pool.starving - 1 end
    account.starving = false
  elseif not account.starving then
    if pool.starving == 0 then pool.untold = true end
    pool.turns = pool.turns + 1
    account.turn, account.starving = pool.turns, true
    pool.starving = pool.starving + 1
  end
  if account.entry then rarely().place(pool, account) end
end

-- What is free is handed out, and said to those that it concerns.
local isLearning = passed < learningUntil
for at = 11, isNews and #ARGV or 0, 6 do
  local pool = poolOf(ARGV[at])
  if not isLearning then
    if pool.starving > 0 or pool.out > now.limit then
      for account in pairs(rarely().serve(pool)) do
        if account.id ~= id then
          local whose = cmsgpack.unpack(call('HGET', key.members, account.id))
          rarely().tell(account.id, pool, account.granted, whose)
        end
      end
    end
    local account, spare = accountOf(pool, id), tonumber(ARGV[at + 4])
    if account and spare > 0 and pool.starving == 0 and pool.out < now.limit then
      local lent = math.min(spare, math.floor((now.limit - pool.out) / (2 * pool.size)))
      account.granted = account.granted + lent
      pool.out = pool.out + lent
    end
  end
  if pool.starving == 0 and pool.out <= now.limit then pool.untold = false end
  if pool.untold and (now.time < pool.toldSince or now.time >= pool.toldSince + 20) then
    pool.untold, pool.toldSince, pool.toldLevel = false, now.time, pool.level
    rarely().tell('', pool, 0)
  end
end

-- The answer. Without a live member there is no limit, which is said as -1.
local again = HUGE
local reply = { seq, itsGeneration, now.limit < HUGE and now.limit or -1, itsLimit, now.size,
  isLearning and 1 or 0, '' }
for at = 11, #ARGV, 6 do
  local pool = poolOf(ARGV[at])
  local account = accountOf(pool, id)
  if account and account.starving then
    again = math.min(again, (isLearning and learningUntil or now.nextDeadline) - passed)
    if pool.untold then again = math.min(again, math.max(0, pool.toldSince + 20 - now.time)) end
  end
  reply[#reply + 1] = account and account.granted or tonumber(ARGV[at + 1])
  reply[#reply + 1] = (pool.starving > 0 or pool.out > now.limit) and 1 or 0
  reply[#reply + 1] = pool.level < HUGE and pool.level or -1
end
if again < HUGE then reply[7] = string.format('%.17g', again) end

-- What neither holds nor wants anything is not kept.
for at = 11, #ARGV, 6 do
  local pool = poolOf(ARGV[at])
  local account = accountOf(pool, id)
  if account and account.granted == account.returned and account.want == 0 then
    rarely().drop(pool, id)
  end
end
for _, pool in pairs(now.pools) do save(pool) end
call('SET', KEYS[1], cmsgpack.pack(wroteIt, passed, now.time, learningUntil,
  now.nextDeadline, now.shortest, now.limit, now.size), 'PX', KEEP)
return reply
`
