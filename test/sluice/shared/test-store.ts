/** A store in the world: it can stop, lose its data, fall back to older ones, and its clock can jump. */

import type { World } from '../../../load-tests/replicas/world.js'
import { type StoreState, sync } from '../../../src/sluice/shared/memory-store.js'
import { heldBy } from '../../../src/sluice/shared/pool.js'
import type { Batch, Push, Reply } from '../../../src/sluice/shared/protocol.js'

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
  #replica: StoreState | undefined
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
    this.syncs++
    const before = this.#granted(batch.name)
    const { reply, pushes } = sync(this.#state, batch, this.world.now + this.ahead)
    this.#checkGrants(batch, before)
    for (const [member, told] of pushes) {
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
    this.#state = { ...this.#state, run: `run ${++this.#run}`, groups: new Map() }
  }

  /** What it has now is what a replica will have. */
  replicate(): void {
    this.#replica = structuredClone(this.#state)
  }

  /** The replica takes over, with what it had. */
  failOver(): void {
    const { groups } = structuredClone(this.#replica ?? { groups: new Map() })
    this.#state = { ...this.#state, run: `run ${++this.#run}`, groups }
  }

  /** What a member holds as the store has it; undefined: it does not know it by that generation. */
  held(name: string, member: string, generation: string | undefined): number | undefined {
    const group = this.#state.groups.get(name)
    if (group?.run !== this.#state.run) return undefined
    if (group.members.get(member)?.generation !== generation) return undefined
    const account = group.pools.get('')?.accounts.get(member)
    return account === undefined ? 0 : heldBy(account)
  }

  /** Held by all, as the store has it. */
  out(name: string): number {
    return this.#state.groups.get(name)?.pools.get('')?.out ?? 0
  }

  #granted(name: string): Map<string, number> {
    const accounts = this.#state.groups.get(name)?.pools.get('')?.accounts.values() ?? []
    return new Map(Array.from(accounts, ({ member, granted }) => [member, granted]))
  }

  #checkGrants({ name, member, claims }: Batch, before: Map<string, number>): void {
    const pool = this.#state.groups.get(name)?.pools.get('')
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
