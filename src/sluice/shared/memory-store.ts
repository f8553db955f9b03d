/**
 * The store in the memory of one process: what the primary of a cluster keeps for its workers, and the
 * model of what any other store does.
 * Cost: that of a pool's steps (see pool.ts), and O(members + keys) where members come or go.
 */
import { type Clock, systemClock } from '../core/clock.js'
import { ClosedError } from '../core/errors.js'
import {
  createGroup,
  type Group,
  isLearning,
  learn,
  type Member,
  passTime,
  poolOf,
  succeed,
  take,
  tidy,
} from './group.js'
import { type Account, isContended, lend, type Pool, serve, toTell, untilTold } from './pool.js'
import type { Batch, Claim, Push, Reply, SharedStore, Standing } from './protocol.js'

/** All that a store knows. */
export interface StoreState {
  /** Of this run of it; another one has other data, or older ones. */
  readonly run: string
  /** Nobody can hold permits that an earlier run granted. */
  readonly isFirst: boolean
  readonly groups: Map<string, Group>
}

/** By member. */
type Pushes = Map<string, Push[]>

export interface Synced {
  readonly reply: Reply
  readonly pushes: Pushes
}

/** The store in the memory of one process: of one that is alone, of tests, or of a cluster's primary. */
export class MemoryStore implements SharedStore {
  readonly #clock: Clock
  readonly #state: StoreState = { run: '', isFirst: true, groups: new Map() }
  readonly #listeners = new Map<string, (push: Push) => void>()
  #closed = false

  /** @param clock monotonic milliseconds; default `performance.now` */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  async sync(batch: Batch): Promise<Reply> {
    if (this.#closed) throw new ClosedError()
    const { reply, pushes } = sync(this.#state, batch, this.#clock())
    for (const [member, told] of pushes) {
      for (const push of told) this.#listeners.get(member)?.(push)
    }
    return reply
  }

  listen(member: string, callback: (push: Push) => void): Disposable {
    this.#listeners.set(member, callback)
    return { [Symbol.dispose]: () => void this.#listeners.delete(member) }
  }

  close(): void {
    this.#closed = true
    this.#listeners.clear()
  }
}

/** What one sync does to the store. @param time the store's, in milliseconds */
export function sync(state: StoreState, batch: Batch, time: number): Synced {
  const group = groupOf(state, batch, time)
  passTime(group, time, batch.lease)
  if (group.run !== state.run) succeed(group, state.run, batch.lease)
  const isNews = take(group, batch, time)
  const pushes: Pushes = new Map()
  if (isNews) for (const claim of batch.claims) share(group, batch.member, claim, time, pushes)
  const member = group.members.get(batch.member) as Member
  const again = Math.min(
    ...batch.claims.map(({ key }) => untilMore(group, key, batch.member, time)),
  )
  const reply = {
    ...{ seq: batch.seq, generation: member.generation, ownLimit: member.limit },
    ...{ limit: group.limit, members: group.size, learning: isLearning(group) },
    ...(again < Number.POSITIVE_INFINITY && { again }),
    standings: batch.claims.map((claim) => standingOf(group, batch.member, claim)),
  }
  for (const { key } of batch.claims) tidy(group, key, batch.member)
  return { reply, pushes }
}

function groupOf(state: StoreState, { name, lease }: Batch, time: number): Group {
  let group = state.groups.get(name)
  if (group === undefined) {
    group = createGroup(state.run, time)
    if (!state.isFirst) learn(group, lease)
    state.groups.set(name, group)
  }
  return group
}

/** Hands out what is free of one limit, and says so to those that it concerns. */
function share(group: Group, asking: string, claim: Claim, time: number, pushes: Pushes): void {
  const pool = poolOf(group, claim.key)
  const isOpen = !isLearning(group)
  const served = isOpen ? serve(pool, time) : []
  if (isOpen) lend(pool, asking, claim.spare)
  for (const account of new Set([...served, ...toTell(pool, time)])) {
    const member = group.members.get(account.member)
    if (member === undefined || member.id === asking) continue
    const { generation } = member
    const push = { generation, ...standing(claim.key, pool, account.granted) }
    pushes.set(member.id, [...(pushes.get(member.id) ?? []), push])
  }
}

/** Milliseconds until one that starves may get more by asking again. */
function untilMore(group: Group, key: string, asking: string, time: number): number {
  const pool = group.pools.get(key)
  if (pool?.starving.has(asking) !== true) return Number.POSITIVE_INFINITY
  const { clock, learningUntil, nextDeadline } = group
  const until = isLearning(group) ? learningUntil : nextDeadline
  return Math.min(until - clock.now, untilTold(pool, time))
}

function standingOf(group: Group, asking: string, claim: Claim): Standing {
  const pool = poolOf(group, claim.key)
  const account: Account | undefined = pool.accounts.get(asking)
  return standing(claim.key, pool, account?.granted ?? claim.seen)
}

function standing(key: string, pool: Pool, granted: number): Standing {
  return { key, granted, contended: isContended(pool), level: pool.level }
}
