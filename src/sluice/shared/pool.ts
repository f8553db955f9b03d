/**
 * The permits of one limit, as the store has them. It never grants beyond the limit; what members claim
 * to hold may (a limit that was lowered, a process that was thought dead): then nothing is granted until
 * as many have come back. The starving are served one permit at a time: the more important first, then
 * those below the fair level, then whoever has waited longest since they last got one.
 * Cost: O(starving) a permit, O(members) once in 100 ms while there are any.
 */
import { fairLevel } from './fair-level.js'
import type { Claim } from './protocol.js'

/** Milliseconds between two reckonings of the fair level. */
const LEVEL_EVERY = 100
/** Milliseconds between two messages to all. */
const TELL_EVERY = 20

/** A fall of the level to less than this part of what was told is told at once. */
const LOWER = 7 / 8

/** What one member has of it. */
export interface Account {
  readonly member: string
  granted: number
  returned: number
  want: number
  priority: number
  /** The lower, the sooner it is its turn. */
  turn: number
}

export interface Pool {
  limit: number
  /** Held by all together. */
  out: number
  readonly accounts: Map<string, Account>
  /** Those that want more than they hold. */
  readonly starving: Map<string, Account>
  turns: number
  level: number
  /** By the store's time. */
  levelSince: number
  /** Somebody began to starve, or the level fell, and not all have been told. */
  untold: boolean
  toldSince: number
  toldLevel: number
}

export function createPool(limit: number): Pool {
  return {
    ...{ limit, out: 0, accounts: new Map(), starving: new Map(), turns: 0 },
    ...{ level: limit, levelSince: Number.NEGATIVE_INFINITY },
    ...{ untold: false, toldSince: Number.NEGATIVE_INFINITY, toldLevel: limit },
  }
}

export function heldBy({ granted, returned }: Account): number {
  return granted - returned
}

export function isContended({ starving, out, limit }: Pool): boolean {
  return starving.size > 0 || out > limit
}

/** Takes what a member says. Both counts only grow. */
export function settle(pool: Pool, member: string, claim: Claim): void {
  let account = pool.accounts.get(member)
  if (account === undefined) {
    account = { member, granted: 0, returned: 0, want: 0, priority: 0, turn: 0 }
    pool.accounts.set(member, account)
  }
  const before = heldBy(account)
  const wasOver = pool.out > pool.limit
  account.granted = Math.max(account.granted, claim.seen)
  account.returned = Math.max(account.returned, claim.returned)
  account.want = claim.want
  account.priority = claim.priority
  pool.out += heldBy(account) - before
  if (pool.out > pool.limit && !wasOver) {
    pool.levelSince = Number.NEGATIVE_INFINITY
    pool.untold = true
  }
  if (account.want <= heldBy(account)) pool.starving.delete(member)
  else if (!pool.starving.has(member)) {
    if (pool.starving.size === 0) pool.untold = true
    account.turn = ++pool.turns
    pool.starving.set(member, account)
  }
}

/** All that it holds is free again. */
export function drop(pool: Pool, member: string): void {
  const account = pool.accounts.get(member)
  if (account === undefined) return
  pool.out -= heldBy(account)
  pool.accounts.delete(member)
  pool.starving.delete(member)
}

/**
 * Grants what is free to those that starve.
 * @param time the store's
 * @returns those that got some
 */
export function serve(pool: Pool, time: number): Set<Account> {
  const served = new Set<Account>()
  if (isContended(pool)) reckon(pool, time)
  while (pool.out < pool.limit) {
    const next = first(pool)
    if (next === undefined) break
    give(pool, next, 1)
    next.turn = ++pool.turns
    if (next.want <= heldBy(next)) pool.starving.delete(next.member)
    served.add(next)
  }
  return served
}

/** Permits beyond what a member wants: at most half of an even part of what is free. */
export function lend(pool: Pool, member: string, spare: number): void {
  const account = pool.accounts.get(member)
  if (account === undefined || isContended(pool)) return
  const part = Math.floor((pool.limit - pool.out) / (2 * pool.accounts.size))
  give(pool, account, Math.max(0, Math.min(spare, part)))
}

/** Whom to tell what is untold, if it is time to: those that hold any. */
export function toTell(pool: Pool, time: number): Account[] {
  if (!isContended(pool)) pool.untold = false
  if (!pool.untold || untilTold(pool, time) > 0) return []
  pool.untold = false
  pool.toldSince = time
  pool.toldLevel = pool.level
  return [...pool.accounts.values()].filter((account) => heldBy(account) > 0)
}

/** Milliseconds until it is time to; Infinity: there is nothing to tell. */
export function untilTold({ untold, toldSince }: Pool, time: number): number {
  if (!untold) return Number.POSITIVE_INFINITY
  return time < toldSince ? 0 : Math.max(0, toldSince + TELL_EVERY - time)
}

function give(pool: Pool, account: Account, count: number): void {
  account.granted += count
  pool.out += count
}

function reckon(pool: Pool, time: number): void {
  // A clock that was set back does not keep a level for ever.
  if (time >= pool.levelSince && time < pool.levelSince + LEVEL_EVERY) return
  pool.levelSince = time
  const wants = Array.from(pool.accounts.values(), ({ want }) => want)
  pool.level = fairLevel(wants, pool.limit)
  if (pool.level < pool.toldLevel * LOWER) pool.untold = true
  else pool.toldLevel = Math.max(pool.level, pool.toldLevel)
}

function first(pool: Pool): Account | undefined {
  let best: Account | undefined
  for (const account of pool.starving.values()) {
    if (best === undefined || isBefore(account, best, pool.level)) best = account
  }
  return best
}

function isBefore(a: Account, b: Account, level: number): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority
  const isBelow = heldBy(a) < level
  if (isBelow !== heldBy(b) < level) return isBelow
  return a.turn < b.turn
}
