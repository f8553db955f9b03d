import { afterEach, describe, expect, test, vi } from 'vitest'
import { KeyedLimiters } from '../../../src/sluice/core/limiter/keyed-limiters.js'
import type { Waiter } from '../../../src/sluice/core/queue/waiter.js'
import {
  FixedLimit,
  type LimitAlgorithm,
  Limiter,
  type Sample,
  type Token,
} from '../../../src/sluice/index.js'
import { fakeClock } from '../../support/clock.js'
import { turns } from '../../support/deferred.js'

afterEach(() => {
  vi.useRealTimers()
})

/** An algorithm that says what it is told to, and keeps what it was told. */
class ScriptedLimit implements LimitAlgorithm {
  readonly samples: Sample[] = []
  limit: number
  constructor(limit: number) {
    this.limit = limit
  }
  onSample(sample: Sample): number {
    this.samples.push(sample)
    return this.limit
  }
}

/** A limiter with `waiting` named waiters behind its only slot, and the names as they are granted. */
async function crowded(order: 'fifo' | 'lifo' | 'adaptive', clock = fakeClock()) {
  const limiter = new Limiter({ limit: 1, queue: { order }, clock })
  const granted: string[] = []
  const held = await limiter.acquire()
  const join = (name: string, priority = 0): void => {
    limiter.acquire({ priority }).then(
      (token) => {
        granted.push(name)
        token.succeed()
      },
      () => granted.push(`${name} rejected`),
    )
  }
  return { limiter, granted, held, join, clock }
}

test.each([Number.NEGATIVE_INFINITY, -1, Number.POSITIVE_INFINITY])(
  'a free slot is for whoever asks, whatever the priority: %d',
  async (priority) => {
    const limiter = new Limiter({ limit: 3 })
    await limiter.acquire({ priority, timeout: 0 })
    expect(limiter.tryAcquire({ priority })).toBeDefined()
    expect(limiter.take(priority)).toBeDefined()
    // And nobody of the same priority passes who waits.
    const waiting = limiter.acquire({ priority })
    limiter.setLimit(4)
    await waiting
    limiter.acquire({ priority })
    expect([limiter.inFlight, limiter.queued, limiter.take(priority)]).toEqual([4, 1, undefined])
  },
)

describe('guarantee 1: in flight never exceeds the limit', () => {
  test('one beyond it waits until a token ends, however it ends', async () => {
    const limiter = new Limiter({ limit: 1 })
    for (const end of ['succeed', 'drop', 'ignore'] as const) {
      const token = await limiter.acquire()
      const next = limiter.acquire()
      await turns()
      expect([limiter.inFlight, limiter.queued]).toEqual([1, 1])
      token[end]()
      ;(await next).ignore()
      expect([limiter.inFlight, limiter.queued]).toEqual([0, 0])
    }
  })

  test('the slot goes to its waiter at once: no newcomer comes in between', async () => {
    const limiter = new Limiter({ limit: 1 })
    const token = await limiter.acquire()
    const next = limiter.acquire()
    token.succeed()
    expect(limiter.tryAcquire()).toBeUndefined()
    await next
  })

  test('a limit that rises admits waiters at once, one that falls admits nobody', async () => {
    const clock = fakeClock()
    const algorithm = new ScriptedLimit(1)
    const limiter = new Limiter({ limit: algorithm, clock })
    const first = await limiter.acquire()
    const waiters = [limiter.acquire(), limiter.acquire(), limiter.acquire()]
    clock.advance(10)
    algorithm.limit = 2.9
    first.succeed()
    expect([limiter.limit, limiter.inFlight, limiter.queued]).toEqual([2, 2, 1])
    clock.advance(10)
    algorithm.limit = -3
    ;(await waiters[0])?.succeed()
    expect([limiter.limit, limiter.inFlight, limiter.queued]).toEqual([1, 1, 1])
  })
})

describe('guarantee 2: a token ends exactly once', () => {
  test('the first call wins', async () => {
    const clock = fakeClock()
    const algorithm = new ScriptedLimit(5)
    const limiter = new Limiter({ limit: algorithm, clock })
    const token = await limiter.acquire()
    clock.advance(3)
    token.drop()
    token.succeed()
    token[Symbol.dispose]()
    expect([limiter.inFlight, algorithm.samples.length]).toEqual([0, 1])
  })

  test('what its holder says of the work at its end is the sample, whatever the time since the grant', async () => {
    const clock = fakeClock()
    const algorithm = new ScriptedLimit(5)
    const limiter = new Limiter({ limit: algorithm, queue: { shares: { 1: 0.5 } }, clock })
    const [first, second] = [await limiter.acquire(), await limiter.acquire()]
    const granted = clock()
    clock.advance(10)
    first.end('succeeded', 4, 1)
    second.end('succeeded')
    expect(algorithm.samples).toEqual([
      { startTime: granted + 6, rtt: 4, inFlight: 1, dropped: false },
      { startTime: granted, rtt: 10, inFlight: 2, dropped: false },
    ])
  })

  test('when the algorithm throws, the slot has returned and the waiter is admitted', async () => {
    const clock = fakeClock()
    const limiter = new Limiter({
      limit: {
        limit: 1,
        onSample() {
          throw new Error('bad algorithm')
        },
      },
      clock,
    })
    const token = await limiter.acquire()
    const next = limiter.acquire()
    clock.advance(1)
    expect(() => token.succeed()).toThrow('bad algorithm')
    ;(await next).ignore()
    expect(limiter.inFlight).toBe(0)
  })

  test.each([
    [Number.NaN, 'NaN'],
    ['3', '"3"'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
  ])(
    'or its limit is %o: the limit stays, and whoever ended the token is told',
    async (nonsense, got) => {
      const clock = fakeClock()
      const algorithm = new ScriptedLimit(2)
      const limiter = new Limiter({ limit: algorithm, clock })
      const tokens = [await limiter.acquire(), await limiter.acquire()]
      const next = limiter.acquire()
      clock.advance(1)
      algorithm.limit = nonsense as number
      expect(() => tokens[0]?.succeed()).toThrow(
        new RangeError(`limit: got an algorithm whose limit is ${got}, takes a finite one`),
      )
      expect([limiter.limit, limiter.inFlight]).toEqual([2, 2])
      algorithm.limit = 1
      tokens[1]?.succeed()
      ;(await next).ignore()
      expect([limiter.limit, limiter.inFlight]).toEqual([1, 0])
    },
  )
})

describe('guarantee 3: the order of the queue', () => {
  test('fifo, by priority first', async () => {
    const { held, granted, join } = await crowded('fifo')
    join('a')
    join('b')
    join('high', 1)
    held.succeed()
    await turns()
    expect(granted).toEqual(['high', 'a', 'b'])
  })

  test('lifo, by priority first', async () => {
    const { held, granted, join } = await crowded('lifo')
    join('a')
    join('b')
    join('high', 1)
    held.succeed()
    await turns()
    expect(granted).toEqual(['high', 'b', 'a'])
  })

  test('adaptive: first come first served while the queue is young', async () => {
    const { held, granted, join, clock } = await crowded('adaptive')
    join('a')
    join('b')
    clock.advance(100)
    held.succeed()
    await turns()
    expect(granted).toEqual(['a', 'b'])
  })

  test('adaptive: newest first once it was non-empty for more than 100 ms, until it was empty', async () => {
    const { limiter, held, granted, join, clock } = await crowded('adaptive')
    join('a')
    join('b')
    clock.advance(101)
    held.succeed()
    await turns()
    expect(granted).toEqual(['b', 'a'])
    const again = await limiter.acquire()
    join('c')
    join('d')
    again.succeed()
    await turns()
    expect(granted.slice(2)).toEqual(['c', 'd'])
  })

  test('a full queue takes a higher newcomer in place of its lowest, newest waiter', async () => {
    const limiter = new Limiter({ limit: 1, queue: { size: 3 } })
    const held = await limiter.acquire()
    const outcome: string[] = []
    const join = (name: string, priority: number): void => {
      limiter.acquire({ priority }).then(
        (token) => {
          outcome.push(name)
          token.ignore()
        },
        ({ code }) => outcome.push(`${name}: ${code}`),
      )
    }
    join('low', 0)
    join('lower', -1)
    join('lowest, newest', -1)
    join('equal', -1)
    join('high', 1)
    await turns()
    expect(outcome).toEqual(['equal: SLUICE_QUEUE_FULL', 'lowest, newest: SLUICE_QUEUE_FULL'])
    held.ignore()
    await turns()
    expect(outcome.slice(2)).toEqual(['high', 'low', 'lower'])
  })
})

describe('deadlines: what cannot be done in time is not started', () => {
  /** One slot, and what is known of runs: `count` of 100 ms. */
  async function experienced(count: number) {
    const clock = fakeClock(1)
    const limiter = new Limiter({ limit: 1, queue: { size: 20_000 }, clock })
    const run = async (ms: number, deadline = Number.POSITIVE_INFINITY): Promise<void> => {
      const first = await limiter.acquire()
      const next = limiter.wait(0, deadline) as Waiter<Token>
      first.ignore()
      clock.advance(ms)
      ;(await next.promise).succeed()
    }
    for (let index = 0; index < count; index++) await run(100)
    return { limiter, clock, run }
  }

  /** What becomes of two that wait, the first of them with so much time left when its turn comes. */
  async function turnOf(limiter: Limiter, now: number, left: number): Promise<string[]> {
    const held = await limiter.acquire()
    const outcome: string[] = []
    for (const deadline of [now + left, undefined]) {
      ;(limiter.wait(0, deadline) as Waiter<Token>).promise.then(
        (token) => {
          outcome.push('admitted')
          token.ignore()
        },
        ({ code }) => outcome.push(code),
      )
    }
    held.ignore()
    await turns()
    return outcome
  }

  test('with less time left than any recent run took it is rejected, and the next one runs', async () => {
    const { limiter, clock } = await experienced(10)
    expect(await turnOf(limiter, clock(), 99)).toEqual(['SLUICE_DEADLINE', 'admitted'])
    expect(limiter.snapshot().rejected.deadline).toBe(1)
  })

  test('with as much time as the shortest run took it is started', async () => {
    const { limiter, clock, run } = await experienced(10)
    expect(await turnOf(limiter, clock(), 100)).toEqual(['admitted', 'admitted'])
    await run(40)
    expect(await turnOf(limiter, clock(), 40)).toEqual(['admitted', 'admitted'])
  })

  test('nine runs prove nothing, nor do those of more than 20 s ago', async () => {
    const few = await experienced(9)
    expect(await turnOf(few.limiter, few.clock(), 1)).toEqual(['admitted', 'admitted'])
    const { limiter, clock } = await experienced(10)
    clock.advance(20_000)
    expect(await turnOf(limiter, clock(), 1)).toEqual(['admitted', 'admitted'])
  })

  test('twenty thousand that are late leave at once, one after the other', async () => {
    const { limiter, clock } = await experienced(10)
    const held = await limiter.acquire()
    for (let index = 0; index < 20_000; index++) {
      ;(limiter.wait(0, clock() + 50) as Waiter<Token>).promise.catch(() => {})
    }
    held.ignore()
    expect([limiter.queued, limiter.inFlight]).toEqual([0, 0])
    expect(limiter.snapshot().rejected.deadline).toBe(20_000)
  })
})

describe('a limit that is set', () => {
  test('higher admits waiters before it returns, lower lets those out finish first', async () => {
    const limiter = new Limiter({ limit: 1 })
    const tokens = [await limiter.acquire()]
    const waiters = [1, 2, 3].map(() => limiter.acquire())
    limiter.setLimit(3)
    expect([limiter.limit, limiter.inFlight, limiter.queued]).toEqual([3, 3, 1])
    tokens.push(...(await Promise.all(waiters.slice(0, 2))))
    limiter.setLimit(2)
    expect([limiter.limit, limiter.inFlight, limiter.queued]).toEqual([2, 3, 1])
    tokens[0]?.succeed()
    expect([limiter.inFlight, limiter.queued]).toEqual([2, 1])
    tokens[1]?.succeed()
    expect([limiter.inFlight, limiter.queued]).toEqual([2, 0])
    expect(limiter.snapshot().limit).toBe(2)
  })

  test('of a closed limiter, admits nobody', async () => {
    const limiter = new Limiter({ limit: 1 })
    await limiter.acquire()
    limiter.close()
    limiter.setLimit(5)
    expect(limiter.tryAcquire()).toBeUndefined()
  })

  test('guarantee 8: takes an integer >= 1, and none where an algorithm finds it', () => {
    const fixed = new Limiter({ limit: new FixedLimit(4) })
    for (const bad of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => fixed.setLimit(bad)).toThrow(`limit: got ${bad}, takes an integer in 1..`)
    }
    expect(() => fixed.setLimit('5' as never)).toThrow('limit: got "5", takes a number')
    expect(fixed.limit).toBe(4)
    const found = new Limiter({ limit: new ScriptedLimit(4) })
    expect([fixed.isFixed, found.isFixed]).toEqual([true, false])
    expect(() => found.setLimit(5)).toThrow('limit: got 5, takes only what its algorithm finds')
  })

  test('is that of each key, known, idle and to come', async () => {
    const keyed = new KeyedLimiters({ name: 'key', limit: 1, maxKeys: 10 })
    const busy = keyed.take('busy') as Limiter
    await busy.acquire()
    const waiter = busy.acquire()
    keyed.take('idle')
    keyed.settle('idle')
    keyed.setLimit(2)
    await waiter
    expect(busy.inFlight).toBe(2)
    expect([keyed.take('idle')?.limit, keyed.take('new')?.limit, keyed.limit]).toEqual([2, 2, 6])
    expect(() => keyed.setLimit(0)).toThrow('limit: got 0, takes an integer in 1..')
  })
})

describe('idle keys', () => {
  const of = (clock: () => number) =>
    new KeyedLimiters({ name: 'key', limit: 1, maxKeys: 10, clock })

  test('go when nobody has come for a minute, without any other call', () => {
    vi.useFakeTimers()
    const clock = fakeClock()
    const keyed = of(clock)
    const pass = (ms: number) => {
      clock.advance(ms)
      vi.advanceTimersByTime(ms)
    }
    for (const key of ['a', 'b', 'busy']) keyed.take(key)
    keyed.settle('a')
    pass(20_000)
    keyed.settle('b')
    pass(39_999)
    expect(keyed.keys).toBe(3)
    pass(1)
    expect(keyed.keys).toBe(2)
    // One that comes again begins anew.
    keyed.take('b')
    pass(30_000)
    keyed.settle('b')
    pass(59_999)
    expect(keyed.keys).toBe(2)
    pass(1)
    expect([keyed.keys, vi.getTimerCount()]).toEqual([1, 0])
  })

  test('keep no process alive, and are gone once closed', () => {
    vi.useFakeTimers()
    const keyed = of(fakeClock())
    keyed.take('idle')
    keyed.settle('idle')
    keyed.take('busy')
    keyed.close()
    expect([keyed.keys, vi.getTimerCount()]).toEqual([1, 0])
    keyed.settle('busy')
    expect([keyed.keys, vi.getTimerCount()]).toEqual([0, 0])
  })

  test('their limiters are the same again within the minute', () => {
    vi.useFakeTimers()
    const clock = fakeClock()
    const keyed = of(clock)
    const first = keyed.take('a')
    keyed.settle('a')
    expect(keyed.take('a')).toBe(first)
    keyed.settle('a')
    clock.advance(60_000)
    vi.advanceTimersByTime(60_000)
    expect(keyed.take('a')).not.toBe(first)
    keyed.close()
  })
})

describe('rejections', () => {
  test('each reason is counted once, and the wait of the admitted only is kept', async () => {
    vi.useFakeTimers()
    const clock = fakeClock()
    const limiter = new Limiter({ name: 'db', limit: 1, queue: { size: 2, timeout: 100 }, clock })
    const held = await limiter.acquire()
    const controller = new AbortController()
    const waits = [
      limiter.acquire(),
      limiter.acquire({ signal: controller.signal, timeout: Number.POSITIVE_INFINITY }),
      limiter.acquire(),
      limiter.acquire({ timeout: 0 }),
      limiter.acquire({ signal: AbortSignal.abort(new Error('early')) }),
    ]
    const outcomes = Promise.allSettled(waits)
    controller.abort(new Error('left'))
    vi.advanceTimersByTime(100)
    const admitted = limiter.acquire()
    clock.advance(40)
    held.succeed()
    ;(await admitted).succeed()
    limiter.close()
    const closed = limiter.acquire()
    await expect(closed).rejects.toMatchObject({ code: 'SLUICE_CLOSED' })
    const reasons = (await outcomes).map((outcome) =>
      outcome.status === 'rejected' ? (outcome.reason.code ?? outcome.reason.message) : 'admitted',
    )
    expect(reasons).toEqual([
      'SLUICE_QUEUE_TIMEOUT',
      'left',
      'SLUICE_QUEUE_FULL',
      'SLUICE_QUEUE_TIMEOUT',
      'early',
    ])
    expect(limiter.snapshot()).toEqual({
      name: 'db',
      limit: 1,
      inFlight: 0,
      queued: 0,
      admitted: 2,
      rejected: {
        queue_full: 1,
        queue_timeout: 2,
        deadline: 0,
        pressure: 0,
        closed: 1,
        aborted: 2,
      },
      abandoned: 0,
      waitMs: { p50: 0, p99: 40 },
    })
  })

  test('size 0 rejects at once; closing rejects those that wait and leaves tokens valid', async () => {
    const none = new Limiter({ limit: 1, queue: { size: 0 } })
    await none.acquire()
    await expect(none.acquire()).rejects.toMatchObject({ code: 'SLUICE_QUEUE_FULL' })

    const limiter = new Limiter({ limit: 1 })
    const held = await limiter.acquire()
    const waiter = limiter.acquire()
    limiter.close()
    await expect(waiter).rejects.toMatchObject({ code: 'SLUICE_CLOSED' })
    held.succeed()
    expect(limiter.inFlight).toBe(0)
    expect(limiter.tryAcquire()).toBeUndefined()
  })
})

describe('samples', () => {
  test('hold the work without its wait, and how many were in flight when it began', async () => {
    const clock = fakeClock(1000)
    const algorithm = new ScriptedLimit(2)
    const limiter = new Limiter({ limit: algorithm, clock })
    const a = await limiter.acquire()
    const b = await limiter.acquire()
    const waiter = limiter.acquire()
    clock.advance(30)
    a.succeed()
    const c = await waiter
    clock.advance(5)
    b.drop()
    c.ignore()
    expect(algorithm.samples).toEqual([
      { startTime: 1000, rtt: 30, inFlight: 1, dropped: false },
      { startTime: 1000, rtt: 35, inFlight: 2, dropped: true },
    ])
  })

  test('work that took no time by the clock is no sample', async () => {
    const algorithm = new ScriptedLimit(2)
    const limiter = new Limiter({ limit: algorithm, clock: fakeClock() })
    ;(await limiter.acquire()).succeed()
    expect(algorithm.samples).toEqual([])
  })
})

describe('guarantee 8: bad options get a clear error', () => {
  test.each([
    [{ limit: 0 }, 'limit: got 0, takes an integer in 1..'],
    [{ limit: 1.5 }, 'limit: got 1.5, takes an integer in 1..'],
    [
      { limit: 'tcp' },
      `limit: got "tcp", takes an integer >= 1, 'auto', 'aimd', 'vegas' or 'gradient2', an`,
    ],
    [{ limit: undefined }, 'limit: got undefined, takes'],
    [{ limit: 1, queue: { size: -1 } }, 'queue.size: got -1, takes an integer in 0..'],
    [{ limit: 1, queue: { timeout: '1s' } }, 'queue.timeout: got "1s", takes a number'],
    [{ limit: 1, queue: { order: 'random' } }, 'queue.order: got "random", takes \'fifo\''],
    [{ limit: 1, queue: { shares: 0.5 } }, 'queue.shares: got 0.5, takes a plain object'],
    [{ limit: 1, queue: { shares: { high: 1 } } }, 'queue.shares: got "high", takes priorities'],
    [{ limit: 1, queue: { shares: { 0: 0 } } }, 'queue.shares.0: got 0, takes a number > 0 and'],
    [{ limit: 1, queue: { shares: { 0: 0.6, 1: 0.5 } } }, 'queue.shares: got 1.1 together, takes'],
    [
      { limit: 1, queue: { shares: { 1: 0.2, '1.0': 0.3 } } },
      'queue.shares: got "1.0", takes a priority once',
    ],
    [{ limit: 1, queue: { shares: { 0: 0.2, '-0': 0.3 } } }, 'got "-0", takes a priority once'],
    [{ limit: 1, queue: { shares: new Map([[0, 0.5]]) } }, 'queue.shares: got Map, takes a plain'],
    [{ limit: 1, queue: new Map() }, 'queue: got Map, takes a plain object'],
    [{ limit: 1, queues: {} }, 'queues: got {}, takes no such name; name, limit, queue, clock'],
    [{ limit: 1, size: 1n }, 'size: got 1, takes no such name'],
    [{ limit: 1, sizes: { few: 1n } }, 'sizes: got an object that is no JSON, takes no such name'],
    [Object.create({ limit: 1 }), 'options: got {}, takes a plain object'],
    [{ limit: 1, name: 7 }, 'name: got 7, takes a string'],
    [{ limit: 1, clock: 0 }, 'clock: got 0, takes a function'],
  ])('%o', (options, message) => {
    expect(() => new Limiter(options as never)).toThrow(message)
  })

  test.each([
    [{ permits: 2 }, 'permits: got 2, takes no such name; signal, timeout, priority'],
    [new Map(), 'options: got Map, takes a plain object'],
    [{ priority: '1' }, 'priority: got "1", takes a number'],
  ])('acquire rejects with it, tryAcquire throws it: %o', async (options, message) => {
    const limiter = new Limiter({ limit: 1 })
    await expect(limiter.acquire(options as never)).rejects.toThrow(message)
    expect(() => limiter.tryAcquire(options as never)).toThrow(TypeError)
    expect(() => limiter.tryAcquire({ timeout: 0 } as never)).toThrow('timeout: got 0, takes no')
    expect(limiter.inFlight).toBe(0)
  })

  test('an algorithm that learns belongs to one limiter, until that is closed', () => {
    const limit = new ScriptedLimit(1)
    const first = new Limiter({ limit })
    expect(() => new Limiter({ limit })).toThrow(
      'limit: got ScriptedLimit, which another limiter has, takes an algorithm of its own',
    )
    first.close()
    expect(new Limiter({ limit }).limit).toBe(1)
    const fixed = new FixedLimit(2)
    expect([new Limiter({ limit: fixed }), new Limiter({ limit: fixed })]).toHaveLength(2)
  })

  test('a fixed limit takes integers >= 1', () => {
    expect(new FixedLimit(3).limit).toBe(3)
    expect(() => new FixedLimit(0)).toThrow(RangeError)
  })
})
