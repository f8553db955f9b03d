/** A replica of a service, as the simulation sees it: callers that ask again when they have paused. */
import type { SharedLimiterOptions } from '../../src/sluice/shared/options.js'
import { SharedLimiter } from '../../src/sluice/shared/shared-limiter.js'
import { mulberry32 } from '../figures/random.js'
import type { World } from './world.js'

export interface Replica {
  readonly inFlight: number
  /** Callers that wait or work. */
  readonly busy: number
  callers: number
}

/** Milliseconds that a piece of work takes, on average; between half of it and half more. */
const WORK = 50

function about(ms: number, random: () => number): number {
  return ms * (0.5 + random())
}

/** Has a limit that somebody else sets. */
export class CountedReplica implements Replica {
  inFlight = 0
  readonly #world: World
  readonly #random: () => number
  readonly #pause: number
  #limit: number
  #callers = 0
  #pausing = 0

  /** @param pause milliseconds between two calls of one caller, on average */
  constructor(world: World, seed: number, limit: number, pause: number) {
    this.#world = world
    this.#random = mulberry32(seed)
    this.#limit = limit
    this.#pause = pause
  }

  get busy(): number {
    return Math.max(this.inFlight, this.#callers - this.#pausing)
  }

  get callers(): number {
    return this.#callers
  }

  set callers(callers: number) {
    this.#callers = callers
    this.#start()
  }

  set limit(limit: number) {
    this.#limit = limit
    this.#start()
  }

  #start(): void {
    while (this.inFlight < Math.min(this.#limit, this.#callers - this.#pausing)) {
      this.inFlight++
      this.#world.after(about(WORK, this.#random), () => {
        this.inFlight--
        this.#pausing++
        this.#world.after(about(this.#pause, this.#random), () => {
          this.#pausing--
          this.#start()
        })
      })
    }
  }
}

/** Has a shared limiter. */
export class SharedReplica implements Replica {
  readonly limiter: SharedLimiter
  readonly #world: World
  readonly #random: () => number
  readonly #pause: number
  #callers = 0
  /** Callers that wait, work or pause. */
  #here = 0
  #moved = new AbortController()

  /** @param pause as a `CountedReplica`'s */
  constructor(world: World, seed: number, pause: number, options: SharedLimiterOptions) {
    this.#world = world
    this.#pause = pause
    this.#random = mulberry32(seed)
    this.limiter = new SharedLimiter({
      ...options,
      queue: { size: Number.MAX_SAFE_INTEGER, timeout: Number.POSITIVE_INFINITY },
      clock: () => world.now,
      wallClock: () => world.now,
      timers: { start: (callback, ms) => world.after(ms, callback) },
      random: this.#random,
    })
  }

  get inFlight(): number {
    return this.limiter.inFlight
  }

  get busy(): number {
    return this.limiter.inFlight + this.limiter.queued
  }

  get callers(): number {
    return this.#callers
  }

  /** Those that are too many leave the queue. */
  set callers(callers: number) {
    const isFewer = callers < this.#callers
    this.#callers = callers
    if (isFewer) {
      this.#moved.abort()
      this.#moved = new AbortController()
    }
    while (this.#here < callers) this.#call()
  }

  #call(): void {
    this.#here++
    this.limiter.acquire({ signal: this.#moved.signal }).then(
      (token) =>
        this.#world.after(about(WORK, this.#random), () => {
          token.succeed()
          this.#world.after(about(this.#pause, this.#random), () => this.#done())
        }),
      (error: { code?: unknown }) => {
        // A store that cannot be reached is asked again later.
        if (error.code === 'SLUICE_STORE') this.#world.after(WORK, () => this.#done())
        else this.#done()
      },
    )
  }

  #done(): void {
    this.#here--
    if (this.#here < this.#callers) this.#call()
  }
}
