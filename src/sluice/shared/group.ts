/**
 * The limits of one name, as the store has them: plain data, and what a sync does to it. Its members
 * are live processes; each has a lease, and accounts that are numbered anew (a generation) whenever the
 * store does not know those it speaks of.
 *
 * Learning: for one lease after data may have been lost nothing is granted, so that whoever still
 * holds permits says so, or stops using them. It may have been lost if another store has written it, if
 * a store that does not know whether it is the first has none, and if a member with a valid lease is
 * not known. After half a lease in which nobody could reach the store, all may use what their fallback
 * says: nothing is granted until they have had the time to say so.
 */
import { advance, type LeaseClock } from './lease-clock.js'
import { createPool, drop, heldBy, type Pool, settle } from './pool.js'
import { type Batch, beatOf } from './protocol.js'

/** Beats in which all that can reach the store again do: two for a sync that got lost, one for the next. */
const RETURN = 3

export interface Member {
  readonly id: string
  generation: string
  /** Of the last sync that counted; what is older does not. */
  seq: number
  readonly lease: number
  limit: number
  /** By the lease clock. */
  deadline: number
  /** It holds nothing; kept so that no late message of it counts. */
  left: boolean
}

export interface Group {
  /** Who wrote it. */
  run: string
  readonly clock: LeaseClock
  /** By the lease clock. */
  learningUntil: number
  readonly members: Map<string, Member>
  readonly pools: Map<string, Pool>
  /** No deadline is before this; by the lease clock. */
  nextDeadline: number
  /** The shortest of its members'; Infinity without any. */
  lease: number
  /** The smallest of live members, or what it was while there were some. */
  limit: number
  /** Live members. */
  size: number
}

export function createGroup(run: string, time: number): Group {
  return {
    ...{ run, clock: { now: 0, time }, learningUntil: 0, members: new Map(), pools: new Map() },
    ...{ nextDeadline: Number.POSITIVE_INFINITY, lease: Number.POSITIVE_INFINITY },
    ...{ limit: Number.POSITIVE_INFINITY, size: 0 },
  }
}

export function isLearning({ clock, learningUntil }: Group): boolean {
  return clock.now < learningUntil
}

export function learn(group: Group, lease: number): void {
  group.learningUntil = Math.max(group.learningUntil, group.clock.now + lease)
}

/** Time passes: whoever's lease has ended loses what it holds. @param lease of who says so */
export function passTime(group: Group, time: number, lease: number): void {
  const shortest = Math.min(lease, group.lease)
  const passed = advance(group.clock, time, shortest)
  if (passed > shortest / 2 && group.size > 0) learn(group, RETURN * beatOf(shortest))
  const { now } = group.clock
  if (now < group.nextDeadline) return
  for (const { id, deadline } of group.members.values()) if (deadline <= now) forget(group, id)
  count(group)
}

/** Another store has written this one: its accounts may be old, and get new generations. */
export function succeed(group: Group, run: string, lease: number): void {
  group.run = run
  for (const member of group.members.values()) {
    member.generation = ''
    learn(group, member.lease)
  }
  learn(group, lease)
}

/** Takes what a batch says; false: it is an old one, and says nothing. */
export function take(group: Group, batch: Batch, time: number): boolean {
  const known = group.members.get(batch.member)
  // One that another store wrote has no generation yet, and any sync of it begins one.
  if (known !== undefined && known.generation !== '' && batch.seq <= known.seq) return false
  const member =
    known?.generation === batch.generation && known !== undefined ? known : join(group, batch, time)
  member.seq = batch.seq
  member.deadline = group.clock.now + batch.lease
  group.nextDeadline = Math.min(group.nextDeadline, member.deadline)
  if (batch.leaving) leave(group, member)
  if (batch.limitForAll) for (const each of group.members.values()) each.limit = batch.limit
  if (member !== known || batch.leaving || batch.limitForAll) count(group)
  if (member.left) return true
  for (const claim of batch.claims) settle(poolOf(group, claim.key), member.id, claim)
  return true
}

/** A member without accounts, whatever it had. */
function join(group: Group, batch: Batch, time: number): Member {
  const { member: id, nonce, seq, lease, limit } = batch
  if (batch.generation !== undefined && batch.valid && !isLearning(group)) learn(group, lease)
  forget(group, id)
  const generation = `${nonce}.${time}`
  const member: Member = { id, generation, seq, lease, limit, deadline: 0, left: false }
  group.members.set(id, member)
  return member
}

function leave(group: Group, member: Member): void {
  for (const pool of group.pools.values()) drop(pool, member.id)
  member.left = true
}

function forget(group: Group, id: string): void {
  for (const pool of group.pools.values()) drop(pool, id)
  group.members.delete(id)
}

/** What neither holds nor wants anything need not be kept: an account, and a limit without any. */
export function tidy(group: Group, key: string, id: string): void {
  const pool = poolOf(group, key)
  const account = pool.accounts.get(id)
  if (account !== undefined && heldBy(account) === 0 && account.want === 0) drop(pool, id)
  if (pool.accounts.size === 0) group.pools.delete(key)
}

export function poolOf(group: Group, key: string): Pool {
  let pool = group.pools.get(key)
  if (pool === undefined) {
    pool = createPool(group.limit)
    group.pools.set(key, pool)
  }
  return pool
}

/** After members came, went or changed: O(members), and O(keys) where the limit is another. */
function count(group: Group): void {
  const members = [...group.members.values()]
  const live = members.filter(({ left }) => !left)
  group.size = live.length
  group.lease = Math.min(...members.map(({ lease }) => lease))
  group.nextDeadline = Math.min(...members.map(({ deadline }) => deadline))
  if (live.length > 0) group.limit = Math.min(...live.map(({ limit }) => limit))
  for (const pool of group.pools.values()) pool.limit = group.limit
}
