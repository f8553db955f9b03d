/**
 * Simulated time, so that minutes cost milliseconds: requests arrive at random, pass a limiter, and go
 * to a downstream that does `slots` at once in `rtt` milliseconds and thrashes beyond them.
 */
import { Limiter, type LimitOption, type Token } from '../../src/sluice/index.js'
import { fakeClock } from './clock.js'

export interface World {
  /** Arrivals a second. */
  rate: number
  seconds: number
  /** By the second. */
  slots(at: number): number
  rtt(at: number): number
}

/** The limit at the end of each second, and how many were done in it. */
export interface Path {
  limits: number[]
  done: number[]
}

export function simulate(limit: LimitOption, world: World, random: () => number): Path {
  const clock = fakeClock(1)
  const limiter = new Limiter({ limit, clock })
  const path: Path = { limits: [], done: [] }
  /** Ends that are due, by the millisecond. */
  const ends: Token[][] = []
  let inside = 0
  let queued = 0
  let done = 0
  let due = 0
  for (let now = 1; now < world.seconds * 1000; now++) {
    clock.advance(1)
    for (const token of ends[now] ?? []) {
      inside--
      done++
      token.succeed()
    }
    delete ends[now]
    // As many as random moments bring, on the average.
    for (due += 2 * random() * (world.rate / 1000); due >= 1; due--)
      queued = Math.min(queued + 1, 50)
    for (; queued > 0; queued--) {
      const token = limiter.tryAcquire()
      if (token === undefined) break
      const second = now / 1000
      const crowding = Math.max(1, ++inside / world.slots(second)) ** 1.3
      const end = now + Math.ceil(world.rtt(second) * crowding + 2 * random())
      ends[end] ??= []
      ends[end].push(token)
    }
    if (now % 1000 === 0) {
      path.limits.push(limiter.limit)
      path.done.push(done)
      done = 0
    }
  }
  return path
}

/** A generator of [0, 1) that always gives the same (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
