/**
 * group.ts in Lua, what of it few syncs need: members come, go, change, and are told something. Members
 * of `rare`; uses what script.ts has before it.
 */
export const RARE_GROUP = String.raw`
local function least(zset)
  return tonumber(call('ZRANGE', zset, 0, 0, 'WITHSCORES')[2]) or HUGE
end

function rare.count()
  now.size, now.shortest = call('ZCARD', key.limits), least(key.leases)
  now.nextDeadline = least(key.deadlines)
  if now.size > 0 then now.limit = least(key.limits) end
  for _, each in ipairs(KEYS) do call('PEXPIRE', each, KEEP) end
end

function rare.leave(member)
  local prefix = rare.prefixOf(member)
  local entries = call('ZRANGE', key.index, '[' .. prefix, '(' .. prefix .. '\255', 'BYLEX')
  for _, entry in ipairs(entries) do
    rare.drop(poolOf(string.sub(entry, #prefix + 1)), member)
  end
  call('ZREM', key.limits, member)
end

function rare.forget(member)
  rare.leave(member)
  call('HDEL', key.members, member)
  call('ZREM', key.deadlines, member)
  call('ZREM', key.leases, member)
end

function rare.changeAll(change)
  local all = call('HGETALL', key.members)
  for at = 1, #all, 2 do
    local changed = cmsgpack.pack(change(all[at], cmsgpack.unpack(all[at + 1])))
    call('HSET', key.members, all[at], changed)
  end
end

-- Who may not publish is heard with the next beat.
function rare.tell(to, pool, granted, generation)
  local contended = pool.starving > 0 or pool.out > now.limit
  redis.pcall('PUBLISH', string.sub(KEYS[1], 1, -2) .. to, cjson.encode({
    generation = generation, key = pool.name, granted = granted,
    contended = contended, level = pool.level,
  }))
end
`
