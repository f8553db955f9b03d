/**
 * A store in the world: it can stop, lose its data, fall back to older ones, and its clock can jump. And
 * it can split: a replica takes over, while the old primary goes on for those that are cut off with it.
 */

import type { World } from '../../../load-tests/replicas/world.js'
import { type StoreState, sync } from '../../../src/sluice/shared/memory-store.js'
import { heldBy } from '../../../src/sluice/shared/pool.js'
import type { Batch, Push, Reply } from '../../../src/sluice/shared/protocol.js'

type Groups = StoreState['groups']

/** The old primary, and those that are on its side. */
interface Isolated {
  readonly state: StoreState
  readonly members: ReadonlySet<string>
  /** It goes on for so long: `min-replicas-max-lag`. */
  readonly until: number
}

export interface Split {
  /** Of members on the side of the old primary. */
  readonly isolated: readonly string[]
  /** Milliseconds that the replica is behind. */
  readonly age: number
  readonly maxLag: number
  /** Milliseconds until the replica takes over. */
  readonly downAfter: number
}

const REPLICAS = 20

export class TestStore {
  readonly world: World
  /** Milliseconds that its clock is ahead. */
  ahead = 0
  #paused = false
  syncs = 0
  pushes = 0
  /** What it granted when more was out than the limit, or so that more was: G1. */
  readonly wrongs: string[] = []
  readonly listeners = new Map<string, (push: Push) => void>()
  #state: StoreState
  /** What it had, the oldest first. */
  readonly #replicas: { at: number; groups: Groups }[] = []
  #isolated: Isolated | undefined
  #downUntil = Number.NEGATIVE_INFINITY
  #run = 1
  #waiting: (() => void)[] = []

  constructor(world: World, isFirst = false) {
    this.world = world
    this.#state = { run: 'run 1', isFirst, groups: new Map() }
  }

  receive(batch: Batch, answer: (reply: Reply) => void): void {
    if (this.#paused) {
      this.#waiting.push(() => this.receive(batch, answer))
      return
    }
    const { now } = this.world
    const isolated = this.#isolatedWith(batch.member)
    if (isolated === undefined ? now < this.#downUntil : now >= isolated.until) return
    this.syncs++
    const { state } = isolated ?? { state: this.#state }
    const before = granted(state, batch.name)
    const { reply, pushes } = sync(state, batch, now + this.ahead)
    this.#checkGrants(state, batch, before)
    for (const [member, told] of pushes) {
      if (this.#isolatedWith(member) !== isolated) continue
      this.pushes += told.length
      for (const push of told) {
        this.world.send(push, (message) => this.listeners.get(member)?.(message))
      }
    }
    answer(reply)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    for (const receive of this.#waiting.splice(0)) receive()
  }

  /** FLUSHALL. */
  flush(): void {
    this.#state = { ...this.#state, groups: new Map() }
  }

  /** It comes up without what it had. */
  restart(): void {
    this.#begin(new Map())
  }

  /** What it has now is what a replica will have. */
  replicate(): void {
    const { groups } = structuredClone(this.#state)
    this.#replicas.push({ at: this.world.now, groups })
    if (this.#replicas.length > REPLICAS) this.#replicas.shift()
  }

  /** A replica takes over, with what there was so many milliseconds ago, or nothing. */
  failOver(age = 0): void {
    const at = this.world.now - age
    const replica = this.#replicas.findLast((replica) => replica.at <= at)
    this.#begin(structuredClone(replica?.groups ?? new Map()))
  }

  /** Split brain. */
  split({ isolated, age, maxLag, downAfter }: Split): void {
    const { now } = this.world
    this.#isolated = { state: this.#state, members: new Set(isolated), until: now + maxLag }
    this.#downUntil = now + downAfter
    this.failOver(age)
  }

  /** Those that were isolated find the new primary. */
  unite(): void {
    this.#isolated = undefined
  }

  /** What a member holds as the store has it; undefined: it does not know it by that generation. */
  held(name: string, member: string, generation: string | undefined): number | undefined {
    const { state } = this.#isolatedWith(member) ?? { state: this.#state }
    const group = state.groups.get(name)
    if (group?.run !== state.run) return undefined
    if (group.members.get(member)?.generation !== generation) return undefined
    const account = group.pools.get('')?.accounts.get(member)
    return account === undefined ? 0 : heldBy(account)
  }

  /** Held by all, as the store has it. */
  out(name: string): number {
    return this.#state.groups.get(name)?.pools.get('')?.out ?? 0
  }

  #begin(groups: Groups): void {
    this.#state = { ...this.#state, run: `run ${++this.#run}`, groups }
  }

  #isolatedWith(member: string): Isolated | undefined {
    return this.#isolated?.members.has(member) ? this.#isolated : undefined
  }

  #checkGrants(
    { groups }: StoreState,
    { name, member, claims }: Batch,
    before: Map<string, number>,
  ): void {
    const pool = groups.get(name)?.pools.get('')
    if (pool === undefined) return
    let out = 0
    let grew = false
    for (const account of pool.accounts.values()) {
      out += heldBy(account)
      const seen = account.member === member ? (claims[0]?.seen ?? 0) : 0
      grew ||= account.granted > Math.max(before.get(account.member) ?? 0, seen)
    }
    if (out !== pool.out) this.wrongs.push(`out is ${out}, counted as ${pool.out}`)
    if (grew && out > pool.limit) this.wrongs.push(`granted with ${out} out of ${pool.limit}`)
  }
}

/** By member. */
function granted({ groups }: StoreState, name: string): Map<string, number> {
  const accounts = groups.get(name)?.pools.get('')?.accounts.values() ?? []
  return new Map(Array.from(accounts, ({ member, granted }) => [member, granted]))
}
