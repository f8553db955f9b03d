/** Shared limiters in a world of numbers: processes, a store, and messages that take a millisecond. */
import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../../src/sluice/shared/memory-store.js'
import type { SharedLimiterOptions } from '../../../src/sluice/shared/options.js'
import { SharedLimiter } from '../../../src/sluice/shared/shared-limiter.js'
import { turns } from '../../support/deferred.js'
import { inFlight, LEASE, stage } from './stage.js'

describe('a limiter like any other', () => {
  test('joins, admits locally what it holds, and asks the store for what it lacks', async () => {
    const { world, join } = stage()
    const a = join()
    expect(a.limiter.state).toBe('joining')
    for (let ask = 0; ask < 8; ask++) a.ask()
    await world.advance(2)
    expect(a.limiter.snapshot()).toMatchObject({
      ...{ limit: 9, share: 9, sharedLimit: 10, members: 1, state: 'joined' },
      ...{ inFlight: 8, queued: 0, admitted: 8 },
    })
    const { syncs } = a
    for (let again = 0; again < 50; again++) {
      a.end()
      a.ask()
      await world.settle()
    }
    expect([a.limiter.admitted, a.syncs]).toEqual([58, syncs])
  })

  test('tryAcquire takes what is at hand, and passes nobody who waits', async () => {
    const { world, join } = stage({ limit: 1 })
    const { limiter } = join()
    expect(limiter.tryAcquire()).toBeUndefined()
    const first = limiter.acquire()
    await world.advance(5)
    const token = await first
    const second = limiter.acquire()
    token.succeed()
    expect(limiter.tryAcquire()).toBeUndefined()
    ;(await second).succeed()
    expect(limiter.tryAcquire()).toBeDefined()
  })

  test('serves by priority, refuses what its queue does not hold, lets waiters abort', async () => {
    const { world, join } = stage({ limit: 1, queue: { size: 2, timeout: 60_000 } })
    const { limiter } = join()
    const served: string[] = []
    const ask = (name: string, priority: number, signal?: AbortSignal) =>
      limiter.acquire({ priority, signal }).then(
        (token) => {
          served.push(name)
          return token
        },
        (error) => void served.push(`${name}: ${error.code}`),
      )
    const first = ask('first', 0)
    await world.advance(5)
    const abort = new AbortController()
    ask('low', 0)
    ask('aborts', 1, abort.signal)
    ask('high', 2)
    ask('none', 0)
    abort.abort({ code: 'aborted' })
    await world.settle()
    ;(await first)?.succeed()
    await world.settle()
    expect(served).toEqual([
      'first',
      'low: SLUICE_QUEUE_FULL',
      'none: SLUICE_QUEUE_FULL',
      'aborts: aborted',
      'high',
    ])
    expect(limiter.rejected).toMatchObject({ queue_full: 2, aborted: 1, store: 0 })
  })

  test.each([
    [{ limit: 0 }, 'limit: got 0, takes an integer in 1..9007199254740991'],
    [{ name: undefined }, 'name: got undefined, takes a name'],
    [{ store: {} }, 'store: got {}, takes a store'],
    [{ lease: 50 }, 'lease: got 50, takes an integer in 100..3600000'],
    [{ mode: 'lax' }, "mode: got \"lax\", takes 'loans' or 'strict'"],
    [{ fallback: -1 }, 'fallback: got -1, takes an integer in 0..9007199254740991'],
    [
      { fallback: 'half' },
      "fallback: got \"half\", takes 'share', 'closed', 'open' or an integer >= 0",
    ],
    [{ queue: { size: -1 } }, 'queue.size: got -1, takes an integer in 0..9007199254740991'],
  ])('bad options are refused: %o', (wrong, message) => {
    const store = new MemoryStore()
    const options = { name: 'db', limit: 1, store, ...wrong } as SharedLimiterOptions
    expect(() => new SharedLimiter(options)).toThrow(message)
  })

  test('runs on the clocks of the process by default', async () => {
    const store = new MemoryStore()
    const limiters = [1, 2].map(() => new SharedLimiter({ name: 'db', limit: 3, store }))
    const [a, b] = limiters as [SharedLimiter, SharedLimiter]
    const tokens = await Promise.all([a.acquire(), a.acquire(), b.acquire()])
    expect([a.share + b.share, b.members]).toEqual([3, 2])
    const waiting = b.acquire()
    await turns()
    expect(b.queued).toBe(1)
    tokens[0]?.succeed()
    ;(await waiting).succeed()
    for (const token of tokens) token?.succeed()
    await Promise.all(limiters.map((limiter) => limiter.leave()))
    store.close()
  })
})

describe('G1, G2: one limit over all processes', () => {
  test('all of it is used, and never more', async () => {
    const { world, join } = stage()
    const processes = [join(), join(), join()]
    for (const process of processes) for (let ask = 0; ask < 20; ask++) process.ask()
    await world.advance(300)
    expect(inFlight(...processes).reduce((sum, each) => sum + each)).toBe(10)
  })

  test.each(['loans', 'strict'] as const)('%s: it evens out as work ends', async (mode) => {
    const { world, join } = stage({ mode })
    const [a, b] = [join(), join()]
    for (let ask = 0; ask < 50; ask++) a.ask()
    await world.advance(10)
    expect(inFlight(a, b)).toEqual([10, 0])
    for (let ask = 0; ask < 50; ask++) b.ask()
    await world.advance(150)
    for (let end = 0; end < 6; end++) {
      a.end()
      await world.advance(5)
    }
    expect(inFlight(a, b)).toEqual([5, 5])
  })

  test('an odd permit goes round', async () => {
    const { world, join } = stage({ limit: 1 })
    const [a, b] = [join(), join()]
    for (let ask = 0; ask < 20; ask++) {
      a.ask()
      b.ask()
    }
    await world.advance(200)
    const turns: number[][] = []
    for (let end = 0; end < 6; end++) {
      turns.push(inFlight(a, b))
      a.end()
      b.end()
      await world.advance(10)
    }
    // Whose turn is first is as it was before there was anybody else.
    expect(turns.slice(1)).toEqual([
      [1, 0],
      [0, 1],
      [1, 0],
      [0, 1],
      [1, 0],
    ])
  })

  test('whoever is more important is served first, in whatever process', async () => {
    const { world, join } = stage({ limit: 1 })
    const [a, b, c] = [join(), join(), join()]
    a.ask()
    await world.advance(10)
    b.ask(0)
    c.ask(1)
    await world.advance(10)
    a.end()
    await world.advance(10)
    expect(inFlight(a, b, c)).toEqual([0, 0, 1])
  })
})

describe('modes', () => {
  test('loans: idle permits stay, and go back at once when somebody starves', async () => {
    const { world, join } = stage()
    const [a, b] = [join(), join()]
    for (let ask = 0; ask < 10; ask++) a.ask()
    await world.advance(3)
    for (let end = 0; end < 10; end++) a.end()
    await world.advance(10)
    expect(a.limiter.share).toBe(10)
    for (let ask = 0; ask < 6; ask++) b.ask()
    await world.advance(8)
    expect([a.limiter.share, b.limiter.inFlight]).toEqual([0, 6])
  })

  test('strict: idle permits go back at once', async () => {
    const { world, store, join } = stage({ mode: 'strict' })
    const a = join()
    a.ask()
    await world.advance(5)
    expect([a.limiter.share, store.out('shared')]).toEqual([1, 1])
    a.end()
    await world.advance(2)
    expect([a.limiter.share, store.out('shared')]).toEqual([0, 0])
  })
})

describe('without the store', () => {
  test('nobody waits: what the fallback does not admit is rejected with SLUICE_STORE', async () => {
    const { world, join } = stage({ fallback: 'closed', limit: 1 })
    const a = join()
    a.ask()
    await world.advance(5)
    a.ask()
    a.connected = false
    await world.advance(LEASE)
    a.ask()
    await world.advance(1)
    expect(a.rejected).toEqual(['SLUICE_STORE', 'SLUICE_STORE'])
    expect(a.limiter.snapshot()).toMatchObject({ rejected: { store: 2 }, state: 'lost', limit: 0 })
    a.connected = true
    a.end()
    await world.advance(LEASE)
    a.ask()
    await world.advance(5)
    expect(a.limiter.snapshot()).toMatchObject({ inFlight: 1, state: 'joined' })
  })

  test('share: each goes on with an even part of the limit, and no more together', async () => {
    const { world, store, join } = stage({ fallback: 'share' })
    const processes = [join(), join(), join()]
    await world.advance(250)
    store.pause()
    await world.advance(2 * LEASE)
    for (const process of processes) for (let ask = 0; ask < 5; ask++) process.ask()
    await world.advance(10)
    expect(inFlight(...processes)).toEqual([3, 3, 3])
  })
})

describe('G4: a process that was stopped', () => {
  test('finds its lease over as it wakes up, and starts nothing', async () => {
    const { world, join } = stage({ limit: 1, fallback: 'closed' })
    const a = join()
    a.ask()
    await world.advance(5)
    a.end()
    a.stop()
    await world.advance(LEASE)
    a.continue()
    expect([a.limiter.state, a.limiter.tryAcquire()]).toEqual(['lost', undefined])
  })

  test('what it had in flight is paid back first', async () => {
    const { world, store, join } = stage()
    const [a, b] = [join(), join()]
    for (let ask = 0; ask < 4; ask++) a.ask()
    await world.advance(10)
    a.stop()
    for (let ask = 0; ask < 20; ask++) b.ask()
    await world.advance(LEASE + 20)
    expect([...inFlight(a, b), store.out('shared')]).toEqual([4, 10, 10])
    a.continue()
    await world.advance(50)
    expect(store.out('shared')).toBe(14)
    for (let end = 0; end < 4; end++) b.end()
    await world.advance(50)
    expect([...inFlight(a, b), store.out('shared')]).toEqual([4, 6, 10])
  })
})

describe('G4: after its lease was over', () => {
  /** Two with all of the limit, of which the first was stopped for a time. */
  async function afterStop(ms: number) {
    const { world, store, join } = stage({ fallback: 'closed' })
    const [a, b] = [join(), join()]
    for (let ask = 0; ask < 4; ask++) a.ask()
    await world.advance(10)
    for (let ask = 0; ask < 20; ask++) b.ask()
    a.stop()
    await world.advance(ms)
    a.continue()
    return { world, store, a, b }
  }

  test('G3: what is in flight on permits that are others by now admits nobody as it ends, however early', async () => {
    const { world, store, a, b } = await afterStop(LEASE + 20)
    // Nobody tells it that there is none to spare.
    store.flush()
    // What it says of its work is on the way.
    await world.advance(0.5)
    for (let end = 0; end < 4; end++) a.end()
    await world.advance(2)
    for (let ask = 0; ask < 4; ask++) a.ask()
    await world.advance(5)
    expect(inFlight(a, b)).toEqual([0, 10])
  })

  test('permits that the store has kept for it are used on', async () => {
    const { world, a, b } = await afterStop(0.7 * LEASE)
    await world.advance(2.5)
    for (let ask = 0; ask < 4; ask++) a.ask()
    for (let end = 0; end < 4; end++) a.end()
    await world.advance(0)
    expect(inFlight(a, b)).toEqual([4, 6])
  })
})

describe('G5: permits come back', () => {
  test("a killed process's within its lease", async () => {
    const { world, join } = stage()
    const [a, b] = [join(), join()]
    for (let ask = 0; ask < 10; ask++) a.ask()
    await world.advance(10)
    for (let ask = 0; ask < 10; ask++) b.ask()
    a.kill()
    await world.advance(LEASE)
    expect(inFlight(b)).toEqual([10])
  })

  test('those of one that leaves at once, and of its last work as it ends', async () => {
    const { world, join } = stage()
    const [a, b] = [join(), join()]
    for (let ask = 0; ask < 10; ask++) a.ask()
    await world.advance(10)
    for (let end = 0; end < 8; end++) a.end()
    for (let ask = 0; ask < 20; ask++) b.ask()
    let left = false
    a.limiter.leave().then(() => {
      left = true
    })
    await world.advance(5)
    expect([b.limiter.inFlight, left]).toEqual([8, false])
    a.ask()
    a.end()
    a.end()
    await world.advance(5)
    expect([b.limiter.inFlight, left]).toEqual([10, true])
    expect(a.rejected).toEqual(['SLUICE_CLOSED'])
  })

  test('close does the same', async () => {
    const { world, store, join } = stage()
    const a = join()
    a.ask()
    await world.advance(5)
    a.limiter.close()
    a.end()
    await world.advance(5)
    expect(store.out('shared')).toBe(0)
  })
})

describe('G3: a store that lost its data', () => {
  test('G3: nothing is granted for a lease beyond what was held', async () => {
    const { world, store, join } = stage({ fallback: 'closed' }, false)
    const a = join()
    await world.advance(LEASE)
    for (let ask = 0; ask < 6; ask++) a.ask()
    await world.advance(5)
    store.flush()
    const b = join()
    for (let ask = 0; ask < 10; ask++) b.ask()
    await world.advance(LEASE - 50)
    expect([b.limiter.state, ...inFlight(a, b)]).toEqual(['learning', 6, 0])
    await world.advance(100)
    expect([b.limiter.state, ...inFlight(a, b)]).toEqual(['joined', 6, 4])
  })
})

test('setLimit is for all processes', async () => {
  const { world, join } = stage()
  const [a, b] = [join(), join()]
  await world.advance(5)
  for (let ask = 0; ask < 30; ask++) b.ask()
  await world.advance(5)
  a.limiter.setLimit(25)
  await world.advance(105)
  expect([b.limiter.inFlight, b.limiter.sharedLimit]).toEqual([25, 25])
  expect(() => a.limiter.setLimit(0)).toThrow(RangeError)
})
