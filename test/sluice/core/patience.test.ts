/** A queue before a limit that finds itself, and nobody said how long one may wait in it. */
import { beforeEach, describe, expect, test } from 'vitest'
import {
  type LimitAlgorithm,
  Limiter,
  type LimiterAcquireOptions,
  type Token,
} from '../../../src/sluice/index.js'

let now = 1
const clock = () => now

/** Learns, so that it is timed, and stays as it is. */
class Still implements LimitAlgorithm {
  readonly limit: number
  constructor(limit: number) {
    this.limit = limit
  }
  onSample(): number {
    return this.limit
  }
}

beforeEach(() => {
  now = 1
})

/** Ten times what one slot can do: in the time of one piece of work, ten ask for it. */
class Flood {
  readonly limiter: Limiter
  /** What became of each, since `reset`. */
  waits: number[] = []
  refused: Record<string, number> = {}
  readonly #work: number
  #running: { ends: number; token: Token }[] = []

  /** @param work milliseconds that one piece takes */
  constructor(limiter: Limiter, work = 50) {
    this.limiter = limiter
    this.#work = work
  }

  async go(milliseconds: number): Promise<void> {
    this.waits = []
    this.refused = {}
    for (const until = now + milliseconds; now < until; now += this.#work / 10) {
      await this.#finish()
      this.ask()
      await settle()
    }
  }

  /** Nobody asks. */
  async rest(milliseconds: number): Promise<void> {
    for (const until = now + milliseconds; now < until; now += this.#work / 10) await this.#finish()
  }

  async #finish(): Promise<void> {
    const over = this.#running.filter(({ ends }) => ends <= now)
    this.#running = this.#running.filter(({ ends }) => ends > now)
    for (const { token } of over) token.succeed()
    await settle()
  }

  ask(options: LimiterAcquireOptions = {}): void {
    const asked = now
    this.limiter.acquire(options).then(
      (token) => {
        this.waits.push(now - asked)
        this.#running.push({ ends: now + this.#work, token })
      },
      ({ code }) => {
        this.refused[code] = (this.refused[code] ?? 0) + 1
      },
    )
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve()
}

test('while it stands nobody waits more than twice what the work takes, and others are told at once', async () => {
  const limiter = new Limiter({ limit: new Still(1), clock })
  const flood = new Flood(limiter)
  await flood.go(2000)
  await flood.go(5000)
  expect(Math.max(...flood.waits)).toBeLessThanOrEqual(105)
  // The slot is never left empty.
  expect(flood.waits.length).toBeGreaterThanOrEqual(95)
  expect(flood.refused.SLUICE_QUEUE_FULL).toBeGreaterThan(850)
  expect(limiter.queued).toBeLessThanOrEqual(3)
  const { admitted, rejected } = limiter.snapshot()
  expect(admitted + rejected.queue_full + rejected.queue_timeout + limiter.queued).toBe(1400)
})

test('slow work may be waited for as long as it takes', async () => {
  const flood = new Flood(new Limiter({ limit: new Still(1), clock }), 400)
  await flood.go(10_000)
  await flood.go(20_000)
  expect(Math.max(...flood.waits)).toBeGreaterThanOrEqual(400)
  expect(Math.max(...flood.waits)).toBeLessThanOrEqual(840)
})

test('after a pause the last of those that are too late is run', async () => {
  const limiter = new Limiter({ limit: new Still(1), clock })
  const flood = new Flood(limiter)
  await flood.go(3000)
  const waiting = limiter.queued
  expect(waiting).toBeGreaterThanOrEqual(2)
  now += 150
  await flood.go(5)
  expect(flood.refused.SLUICE_QUEUE_TIMEOUT).toBe(waiting - 1)
  expect(flood.waits).toHaveLength(1)
  expect(flood.waits[0]).toBeGreaterThan(105)
})

test('a queue that is empty again and again does not stand, however long some wait', async () => {
  const limiter = new Limiter({ limit: new Still(1), clock })
  let refused = 0
  for (let cycle = 0; cycle < 50; cycle++) {
    const begun = now
    const tokens: Token[] = []
    for (let i = 0; i < 3; i++) {
      limiter.acquire().then(
        (token) => tokens.push(token),
        () => refused++,
      )
    }
    // The first is let in at once and takes longer than an average run; the others wait for it.
    for (const work of [100, 20, 20]) {
      await settle()
      now += work
      tokens.shift()?.succeed()
    }
    await settle()
    now = begun + 200
  }
  expect(refused).toBe(0)
})

test('a burst is let wait, however long it takes', async () => {
  const limiter = new Limiter({ limit: new Still(2), clock })
  const ends: number[] = []
  const tokens: { succeed(): void }[] = []
  for (let i = 0; i < 6; i++) {
    limiter.acquire().then((token) => {
      ends.push(now)
      tokens.push(token)
    })
  }
  for (let i = 0; i < 3; i++) {
    await settle()
    now += 3000
    for (const token of tokens.splice(0)) token.succeed()
  }
  expect(ends).toEqual([1, 1, 3001, 3001, 6001, 6001])
  expect(limiter.snapshot().rejected).toMatchObject({ queue_full: 0, queue_timeout: 0 })
})

test('a timeout of the queue is kept in its place', async () => {
  const flood = new Flood(
    new Limiter({ limit: new Still(1), clock, queue: { timeout: Number.POSITIVE_INFINITY } }),
  )
  await flood.go(3000)
  expect(flood.refused).toEqual({})
  expect(flood.limiter.queued).toBeGreaterThan(500)
})

test('a timeout of the call is kept in its place, however full the queue is', async () => {
  const flood = new Flood(new Limiter({ limit: new Still(1), clock }))
  await flood.go(3000)
  for (let i = 0; i < 20; i++) flood.ask({ timeout: Number.POSITIVE_INFINITY })
  expect(flood.limiter.queued).toBeGreaterThanOrEqual(20)
  await flood.go(3000)
  // All others were refused or have had their turn; these wait longer than any of them, and get it.
  expect(flood.waits.filter((wait) => wait > 110).length).toBeGreaterThanOrEqual(17)
})

describe('a fixed limit', () => {
  test.each([1, 5])('of %d bounds its queue as well, by how fast it moves', async (limit) => {
    const flood = new Flood(new Limiter({ limit, clock }), 50 * limit)
    await flood.go(5000)
    await flood.go(10_000)
    expect(Math.max(...flood.waits)).toBeLessThanOrEqual(Math.max(105, 110 * limit))
    // No slot is ever left empty.
    expect(flood.waits.length).toBeGreaterThanOrEqual((10_000 / 50) * 0.98)
    expect(flood.refused.SLUICE_QUEUE_FULL).toBeGreaterThan(500 / limit)
  })

  test('a burst that is over soon may wait, again and again', async () => {
    const flood = new Flood(new Limiter({ limit: 2, clock }))
    for (let burst = 0; burst < 20; burst++) {
      for (let n = 0; n < 12; n++) flood.ask()
      await flood.rest(1000)
    }
    expect(flood.refused).toEqual({})
    expect(flood.waits).toHaveLength(240)
  })

  test('jobs of three seconds, five at once for two slots, and later five more, are all done', async () => {
    const flood = new Flood(new Limiter({ limit: 2, clock }), 3000)
    for (let crowd = 0; crowd < 3; crowd++) {
      for (let n = 0; n < 5; n++) flood.ask()
      await flood.rest(20_000)
    }
    expect([flood.waits.length, flood.refused]).toEqual([15, {}])
  })

  test('whose queue has a timeout, Infinity as well, sheds nobody else', async () => {
    const queue = { timeout: Number.POSITIVE_INFINITY }
    const flood = new Flood(new Limiter({ limit: 1, queue, clock }))
    await flood.go(3000)
    expect(flood.refused).toEqual({})
  })

  test('times nothing for it: the clock is not read for those that need not wait', async () => {
    let reads = 0
    const limiter = new Limiter({ limit: 2, clock: () => ++reads })
    for (let n = 0; n < 100; n++) (await limiter.acquire()).succeed()
    expect(reads).toBe(0)
  })
})
