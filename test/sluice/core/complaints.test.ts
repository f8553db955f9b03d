/** Guarantee 9: bad input is named with what it got and what it takes, in words and in parts. */
import { describe, expect, test } from 'vitest'
import {
  AimdLimit,
  collectDefaultMetrics,
  Gradient2Limit,
  Limiter,
  Semaphore,
  VegasLimit,
  WindowedLimit,
} from '../../../src/sluice/index.js'

const semaphore = new Semaphore(1)
const permit = semaphore.tryAcquire()
const adaptive = new Limiter({ limit: 'aimd' })
const own = new AimdLimit()
new Limiter({ limit: own })
const integer = 'an integer in 1..2147483647'
const bad = (value: unknown) => value as never

describe.each<[string, () => unknown, typeof RangeError, string, string, string]>([
  ['a type', () => new Semaphore(bad('2')), TypeError, 'permits', '"2"', 'a number'],
  ['an integer', () => semaphore.tryAcquire(1.5), RangeError, 'permits', '1.5', integer],
  [
    'a wait',
    () => new Limiter({ limit: 1, queue: { timeout: -1 } }),
    RangeError,
    'queue.timeout',
    '-1',
    'milliseconds >= 0',
  ],
  [
    'an unknown name',
    () => new Limiter(bad({ limit: 1, size: 2 })),
    TypeError,
    'size',
    '2',
    'no such name; name, limit, queue, clock',
  ],
  [
    'no object',
    () => new Limiter({ limit: 1, queue: bad([]) }),
    TypeError,
    'queue',
    'an array of 0',
    'a plain object',
  ],
  [
    'what looks like the message itself',
    () => new Limiter({ limit: 1, queue: { order: bad('a: got b, takes c') } }),
    RangeError,
    'queue.order',
    '"a: got b, takes c"',
    "'fifo', 'lifo' or 'adaptive'",
  ],
  ['a name', () => new Limiter({ name: bad(5), limit: 1 }), TypeError, 'name', '5', 'a string'],
  [
    'a clock',
    () => new Limiter({ limit: 1, clock: bad(5) }),
    TypeError,
    'clock',
    '5',
    'a function',
  ],
  [
    'no algorithm',
    () => new Limiter({ limit: { algorithm: bad('tcp') } }),
    TypeError,
    'limit.algorithm',
    '"tcp"',
    "'auto', 'aimd', 'vegas' or 'gradient2'",
  ],
  [
    "a named algorithm's type",
    () => new Limiter({ limit: { algorithm: 'vegas', smoothing: bad('1') } }),
    TypeError,
    'limit.smoothing',
    '"1"',
    'a number',
  ],
  [
    "a named algorithm's value",
    () => new Limiter({ limit: { algorithm: 'aimd', min: 5, max: 2 } }),
    RangeError,
    'limit.min',
    '5',
    'at most max, 2',
  ],
  [
    'a limit that is no number',
    () => new Limiter({ limit: { limit: Number.NaN, onSample: () => 1 } }),
    RangeError,
    'limit',
    'an algorithm whose limit is NaN',
    'a finite one',
  ],
  [
    'a shared algorithm',
    () => new Limiter({ limit: own }),
    RangeError,
    'limit',
    'AimdLimit, which another limiter has',
    'an algorithm of its own',
  ],
  [
    'a limit that finds itself',
    () => adaptive.setLimit(3),
    TypeError,
    'limit',
    '3',
    'only what its algorithm finds',
  ],
  [
    'shares',
    () => new Limiter({ limit: 1, queue: { shares: { 0: 0.8, 1: 0.7 } } }),
    RangeError,
    'queue.shares',
    '1.5 together',
    'at most 1',
  ],
  [
    'a share without a priority',
    () => new Limiter({ limit: 1, queue: { shares: bad({ x: 0.8 }) } }),
    RangeError,
    'queue.shares',
    '"x"',
    'priorities: numbers',
  ],
  [
    'a function',
    () => new VegasLimit({ random: bad(0.5) }),
    TypeError,
    'random',
    '0.5',
    'a function',
  ],
  [
    'what a function gives',
    () =>
      new Gradient2Limit({ queueSize: () => -1 }).onSample({
        startTime: 1,
        rtt: 1,
        inFlight: 20,
        dropped: false,
      }),
    RangeError,
    'queueSize',
    'a function that gives -1',
    'a finite number >= 0, or a function of the limit',
  ],
  [
    'a delegate',
    () => new WindowedLimit(bad({})),
    TypeError,
    'delegate',
    '{}',
    'a limit algorithm',
  ],
  ['no permit', () => permit?.merge(bad(1)), TypeError, 'other', '1', 'a permit'],
  [
    'no registry',
    () => collectDefaultMetrics(bad(1)),
    TypeError,
    'registry',
    '1',
    'a registry of prom-client',
  ],
])('%s', (_, act, Kind, option, got, takes) => {
  test(`is a ${Kind.name} that says ${option}, got ${got}`, () => {
    let error: unknown
    try {
      act()
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(Kind)
    expect(error).toMatchObject({
      name: Kind.name,
      message: `${option}: got ${got}, takes ${takes}`,
      option,
      got,
      takes,
    })
  })
})

test('an acquire rejects with the same', async () => {
  const parts = { option: 'signal', got: '5', takes: 'an AbortSignal' }
  await expect(semaphore.acquire({ signal: bad(5) })).rejects.toMatchObject(parts)
  await expect(adaptive.acquire({ signal: bad(5) })).rejects.toMatchObject(parts)
  const nan = { option: 'priority', got: 'NaN', takes: 'a number' }
  await expect(semaphore.acquire({ priority: Number.NaN })).rejects.toMatchObject(nan)
})

test("what the code of a named algorithm's options throws stays what it is", () => {
  const frozen = Object.freeze(new Error('boom'))
  const random = () => {
    throw frozen
  }
  expect(() => new Limiter({ limit: { algorithm: 'vegas', random } })).toThrow(frozen)
})
