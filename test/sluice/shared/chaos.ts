/** Random faults, and what they do to a world of processes and a store. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { mulberry32 } from '../../../load-tests/figures/random.js'
import { type Network, perfectNetwork, World } from '../../../load-tests/replicas/world.js'
import { wrongs } from './guarantees.js'
import { Process } from './process.js'
import { TestStore } from './test-store.js'

export const LIMIT = 10
export const LEASE = 1000
/** As many jumps of the store's clock as half a lease bears: each may take a beat and a half of it. */
const MOST_JUMPS = 3
/** Milliseconds, of a split brain: the old primary stops before the new one begins. */
const MAX_LAG = 400
const DOWN_AFTER = 400

export type Step =
  | { kind: 'load'; who: number; rate: number }
  | { kind: 'kill' | 'stop' | 'continue' | 'cut' | 'heal' | 'leave' | 'join'; who: number }
  | { kind: 'pause' | 'resume' | 'flush' | 'restart' | 'unite' }
  /** To what there was so many milliseconds ago; `split`: those whose bit is set go on with the old one. */
  | { kind: 'failOver'; ms: number }
  | { kind: 'split'; ms: number; who: number }
  | { kind: 'jump' | 'wall'; who: number; ms: number }
  | { kind: 'advance'; ms: number }

const who = fc.nat(4)
function kinds(weight: number, ...kinds: Step['kind'][]) {
  return { weight, arbitrary: fc.record({ kind: fc.constantFrom(...kinds), who }) }
}
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant('load'), who, rate: fc.constantFrom(0, 0.1, 0.5, 2) }),
  },
  {
    weight: 40,
    arbitrary: fc.record({
      kind: fc.constant('advance'),
      ms: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 50, max: 1500 })),
    }),
  },
  kinds(6, 'stop', 'cut'),
  kinds(10, 'continue', 'heal'),
  kinds(6, 'kill', 'leave', 'join'),
  kinds(5, 'pause', 'flush', 'restart'),
  kinds(6, 'resume', 'unite'),
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('failOver', 'split'),
      ms: fc.nat(2 * LEASE),
      who: fc.nat(15),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('jump', 'wall'),
      who,
      ms: fc.constantFrom(-3_600_000, -400, 400, 3_600_000),
    }),
  },
) as fc.Arbitrary<Step>

type OfStore = 'pause' | 'resume' | 'flush' | 'restart' | 'unite' | 'failOver' | 'split'
type StoreStep = Extract<Step, { kind: OfStore }>

function isOfStore(step: Step): step is StoreStep {
  return /^(pause|resume|flush|restart|unite|failOver|split)$/.test(step.kind)
}

/** Of messages: lost, doubled, late by up to 100 ms, and by up to two leases. */
function badNetwork(seed: number, badness: number): Network {
  const random = mulberry32(seed)
  return {
    delay() {
      const luck = random()
      if (luck < 0.02 * badness) return random() * 2 * LEASE
      return random() * (luck < 0.2 * badness ? 100 : 2)
    },
    copies() {
      const luck = random()
      if (luck < 0.1 * badness) return 0
      return luck < 0.2 * badness ? 2 : 1
    },
  }
}

export class Chaos {
  readonly world = new World()
  readonly store = new TestStore(this.world)
  processes: Process[] = []
  readonly #seed: number
  readonly #random: () => number
  /** How many ask every 5 ms, by process. */
  readonly #rates = new Map<Process, number>()
  #isBusy = true
  readonly #jumps: number[] = []
  #jumped = false
  #born = 0

  constructor(seed: number, badness: number) {
    this.#seed = seed
    this.#random = mulberry32(seed + 1000)
    this.world.network = badNetwork(seed, badness)
    this.world.check = () => this.#check()
    for (let process = 0; process < 4; process++) this.#join()
    this.#work()
    this.#replicate()
  }

  async take(step: Step): Promise<void> {
    const { world } = this
    if (step.kind === 'advance') return world.advance(step.ms)
    if (isOfStore(step)) this.#disturb(step)
    else this.#change(step, this.processes[step.who % this.processes.length] as Process)
    await world.settle()
  }

  /** Everything is mended; all work ends. */
  async mend(): Promise<void> {
    this.#isBusy = false
    this.world.network = perfectNetwork
    this.store.resume()
    this.store.unite()
    for (const process of this.processes) {
      process.continue()
      process.connected = true
    }
    // What is late may still arrive.
    await this.world.advance(8 * LEASE)
    for (const { limiter } of this.processes) {
      expect([limiter.inFlight, limiter.queued]).toEqual([0, 0])
    }
    await this.world.advance(LEASE)
  }

  #disturb(step: StoreStep): void {
    const { store } = this
    if (step.kind === 'failOver') store.failOver(step.ms)
    else if (step.kind === 'split') {
      const { who, ms: age } = step
      const isolated = this.processes.filter((_, index) => (who >> index) & 1)
      const members = isolated.map(({ member }) => member)
      store.split({ isolated: members, age, maxLag: MAX_LAG, downAfter: DOWN_AFTER })
    } else store[step.kind]()
  }

  /** Few enough to be borne; a run without any is held to more. */
  #mayJump(): boolean {
    const recent = this.#jumps.filter((at) => this.world.now - at < LEASE)
    if (recent.length >= MOST_JUMPS) return false
    this.#jumps.push(this.world.now)
    this.#jumped = true
    return true
  }

  #change(step: Exclude<Step, StoreStep | { kind: 'advance' }>, process: Process): void {
    if (step.kind === 'load') this.#rates.set(process, step.rate)
    if (step.kind === 'stop') process.stop()
    if (step.kind === 'continue') process.continue()
    if (step.kind === 'cut') process.connected = false
    if (step.kind === 'heal') process.connected = true
    if (step.kind === 'jump' && this.#mayJump()) this.store.ahead += step.ms
    if (step.kind === 'wall') process.ahead += step.ms
    if (step.kind === 'kill') {
      process.kill()
      this.#join()
    }
    if (step.kind === 'leave') {
      process.limiter.close()
      this.#join()
    }
    if (step.kind === 'join' && this.processes.length < 8) this.#join()
    this.processes = this.processes.filter(({ alive }) => alive)
  }

  /** Most work is short, some outlives a lease. */
  #work(): void {
    for (const process of this.processes) {
      const rate = this.#rates.get(process) ?? 0.5
      for (let ask = rate * 2 * this.#random(); ask > this.#random(); ask--) {
        if (process.stopped || process.limiter.queued > 20) break
        const long = this.#random() < 0.05 ? LEASE : 0
        process.ask(Math.floor(this.#random() * 2), long + 50 * this.#random())
      }
    }
    if (this.#isBusy) this.world.after(5, () => this.#work())
  }

  #replicate(): void {
    this.store.replicate()
    if (this.#isBusy) this.world.after(100, () => this.#replicate())
  }

  #join(): void {
    const mode = this.#born % 2 === 0 ? 'loans' : 'strict'
    const options = { limit: LIMIT, lease: LEASE, mode, fallback: 'closed' } as const
    const process = new Process(this.world, this.store, this.#seed + ++this.#born, options)
    this.processes.push(process)
  }

  #check(): void {
    const grace = this.#jumped ? LEASE / 2 : LEASE
    const wrong = wrongs(this.processes, this.store, LIMIT, grace)
    if (wrong.length > 0) throw new Error(wrong.join('; '))
  }
}
