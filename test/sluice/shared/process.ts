/** A process in the world: a shared limiter, and what runs under it. */

import { mulberry32 } from '../../../load-tests/figures/random.js'
import type { World } from '../../../load-tests/replicas/world.js'
import type { Token } from '../../../src/sluice/core/limiter/token.js'
import type { SharedLimiterOptions } from '../../../src/sluice/shared/options.js'
import type { SharedStore } from '../../../src/sluice/shared/protocol.js'
import { SharedLimiter } from '../../../src/sluice/shared/shared-limiter.js'
import type { TestStore } from './test-store.js'

export interface Work {
  readonly token: Token
  readonly since: number
  /** It outlived the lease of its process. */
  outlived: boolean
}

type Options = Partial<Omit<SharedLimiterOptions, 'store'>>

export class Process {
  readonly limiter: SharedLimiter
  readonly work = new Set<Work>()
  readonly world: World
  readonly name: string
  readonly lease: number
  alive = true
  /** It hears and is heard. */
  connected = true
  /** Milliseconds that its time of day is ahead. */
  ahead = 0
  /** How fast its clocks run. */
  pace = 1
  /** When its last answered sync was sent. */
  answered = Number.NEGATIVE_INFINITY
  member = ''
  /** As it last said. */
  generation: string | undefined
  /** Codes, or names of errors. */
  readonly rejected: string[] = []
  syncs = 0
  stopped = false
  #missed: (() => void)[] = []
  #lastSeq = 0

  constructor(world: World, store: TestStore, seed: number, options: Options = {}) {
    this.world = world
    this.name = options.name ?? 'shared'
    this.lease = options.lease ?? 1000
    this.limiter = new SharedLimiter({
      ...{ name: this.name, limit: 10, lease: this.lease, store: this.#storeOver(store) },
      // Nobody is impatient.
      queue: { timeout: Number.POSITIVE_INFINITY },
      clock: () => world.now * this.pace,
      wallClock: () => world.now * this.pace + this.ahead,
      timers: {
        start: (callback, ms) => world.after(this.#timerOf(ms), () => this.#run(callback)),
      },
      random: mulberry32(seed),
      ...options,
    })
  }

  /** Work that goes on for so many milliseconds, or until somebody ends it. */
  ask(priority = 0, duration = Number.POSITIVE_INFINITY): void {
    this.#run(() => {
      this.limiter.acquire({ priority }).then(
        (token) => {
          const work = { token, since: this.world.now, outlived: false }
          this.work.add(work)
          if (duration < Number.POSITIVE_INFINITY) {
            this.world.after(duration, () => this.#run(() => this.#end(work)))
          }
        },
        (error) => this.rejected.push(error.code ?? error.name),
      )
    })
  }

  /** Ends the oldest. */
  end(): void {
    this.#run(() => {
      const [first] = this.work
      if (first !== undefined) this.#end(first)
    })
  }

  /** -9 */
  kill(): void {
    this.alive = false
    this.work.clear()
  }

  /** SIGSTOP. */
  stop(): void {
    this.stopped = true
  }

  /** SIGCONT. */
  continue(): void {
    this.stopped = false
    for (const run of this.#missed.splice(0)) this.#run(run)
  }

  /** Not early by a rounding, which would go on for ever. */
  #timerOf(ms: number): number {
    return this.pace === 1 ? ms : Math.ceil(ms / this.pace)
  }

  #end(work: Work): void {
    this.work.delete(work)
    work.token.succeed()
  }

  #run(what: () => void): void {
    if (!this.alive) return
    if (this.stopped) this.#missed.push(what)
    else what()
  }

  #storeOver(store: TestStore): SharedStore {
    const { world } = this
    return {
      sync: (batch) =>
        new Promise((resolve) => {
          this.syncs++
          this.member = batch.member
          this.generation = batch.generation
          this.#lastSeq = batch.seq
          const sent = world.now
          world.send(batch, (message) => {
            if (!this.connected) return
            store.receive(message, (reply) =>
              world.send(reply, (answer) => {
                if (!this.connected) return
                this.#run(() => {
                  // Nobody hears an answer to another one.
                  if (answer.seq === this.#lastSeq) this.answered = Math.max(this.answered, sent)
                  resolve(answer)
                })
              }),
            )
          })
        }),
      listen: (member, callback) => {
        store.listeners.set(member, (push) => {
          if (this.connected) this.#run(() => callback(push))
        })
        return { [Symbol.dispose]: () => void store.listeners.delete(member) }
      },
      close: () => {},
    }
  }
}
