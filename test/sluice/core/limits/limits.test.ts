/** What each limit learns, in exact numbers, and what its options refuse. */
import { describe, expect, test } from 'vitest'
import {
  AimdLimit,
  Gradient2Limit,
  type LimitAlgorithm,
  Limiter,
  VegasLimit,
  WindowedLimit,
} from '../../../../src/sluice/index.js'
import { fakeClock } from '../../../support/clock.js'

function feed(limit: LimitAlgorithm, rtt: number, inFlight = 1000, dropped = false): number {
  return limit.onSample({ startTime: 0, rtt, inFlight, dropped })
}

describe('AimdLimit', () => {
  test('one more while used by half, backoffRatio of it after a drop or a slow sample', () => {
    const limit = new AimdLimit({ initial: 100, timeout: 50 })
    expect([feed(limit, 10, 50), feed(limit, 10, 50)]).toEqual([101, 101])
    expect([feed(limit, 51), feed(limit, 10, 0, true)]).toEqual([90, 81])
  })

  test('stays within its bounds', () => {
    const limit = new AimdLimit({ initial: 2, min: 2, max: 3 })
    expect([feed(limit, 1), feed(limit, 1), feed(limit, 1, 0, true)]).toEqual([3, 3, 2])
  })
})

describe('VegasLimit', () => {
  test('grows by beta without a queue, by log10 with a short one, shrinks with a long one', () => {
    const limit = new VegasLimit({ initial: 100, probeMultiplier: 1e6 })
    feed(limit, 100)
    expect(feed(limit, 100)).toBe(112)
    expect(feed(limit, 100 / (1 - 4 / 112))).toBe(114)
    expect(feed(limit, 200)).toBe(112)
    expect(feed(limit, 100, 0, true)).toBe(110)
  })

  test('learns nothing while the app uses less than half of it', () => {
    const limit = new VegasLimit({ initial: 100, probeMultiplier: 1e6 })
    feed(limit, 100)
    expect(feed(limit, 100, 49)).toBe(100)
  })

  test('probes after about probeMultiplier * limit samples: that sample is the new baseline', () => {
    const path = (random: number): number[] => {
      const options = { initial: 100, max: 1000, probeMultiplier: 1, random: () => random }
      const limit = new VegasLimit(options)
      feed(limit, 1)
      return Array.from({ length: 100 }, () => feed(limit, 100))
    }
    // Each sample of 100 ms lowers the limit by 1 or 2, until one of them becomes the baseline.
    const probedAt = (random: number): number => {
      const limits = path(random)
      return limits.findIndex((limit, index) => limit > (limits[index - 1] ?? 100))
    }
    expect(probedAt(0)).toBeLessThan(probedAt(0.999))
    expect(probedAt(0)).toBeGreaterThan(10)
  })
})

describe('Gradient2Limit', () => {
  test('grows by queueSize, smoothed, while samples are as fast as the average', () => {
    const limit = new Gradient2Limit({ initial: 20, smoothing: 0.5, queueSize: 4 })
    expect([feed(limit, 10), feed(limit, 10)]).toEqual([22, 24])
  })

  test('shrinks in proportion to how much slower they are, at most by half', () => {
    const limit = new Gradient2Limit({ initial: 100, min: 1, smoothing: 1, queueSize: 0 })
    for (let sample = 0; sample < 10; sample++) feed(limit, 10, 0)
    expect(feed(limit, 20)).toBe(75)
    expect(feed(limit, 1000)).toBe(37)
  })

  test('learns nothing while the app uses less than half of it', () => {
    const limit = new Gradient2Limit({ initial: 100 })
    expect(feed(limit, 10, 49)).toBe(100)
  })
})

describe('maxRtt: an incident does not become the new normal', () => {
  /** Where the limit stands after 5,000 samples of 100 ms, from a service that took 10. */
  function afterIncident(limit: LimitAlgorithm): number {
    for (let sample = 0; sample < 100; sample++) feed(limit, 10)
    const before = limit.limit
    for (let sample = 0; sample < 5000; sample++) feed(limit, 100)
    return limit.limit / before
  }

  test('Gradient2: the long average does not rise above it', () => {
    const options = { initial: 100, min: 1, max: 100 }
    expect(afterIncident(new Gradient2Limit(options))).toBe(1)
    expect(afterIncident(new Gradient2Limit({ ...options, maxRtt: 20 }))).toBeLessThan(0.1)
  })

  test('Vegas: a probe does not raise the baseline above it', () => {
    const options = { initial: 100, max: 100, probeMultiplier: 5, random: () => 0 }
    expect(afterIncident(new VegasLimit(options))).toBe(1)
    expect(afterIncident(new VegasLimit({ ...options, maxRtt: 20 }))).toBeLessThan(0.1)
  })

  test('it bounds the very first samples, too', () => {
    const gradient2 = new Gradient2Limit({ initial: 100, min: 1, maxRtt: 20 })
    const vegas = new VegasLimit({ initial: 100, probeMultiplier: 1e6, maxRtt: 20 })
    for (const limit of [gradient2, vegas]) {
      expect([feed(limit, 100), feed(limit, 100)].at(-1)).toBeLessThan(100)
    }
  })
})

describe('a function that gives nonsense throws at that sample, and teaches nothing', () => {
  type Give = () => unknown

  test.each<[string, unknown, (give: Give) => LimitAlgorithm, string]>([
    [
      'maxRtt',
      Number.NaN,
      (give) => gradient2({ maxRtt: give }),
      'milliseconds > 0, or a function',
    ],
    ['maxRtt', 0, (give) => vegas({ maxRtt: give }), 'milliseconds > 0, or a function'],
    [
      'queueSize',
      '4',
      (give) => gradient2({ queueSize: give }),
      'a finite number >= 0, or a function of',
    ],
    ['queueSize', Infinity, (give) => gradient2({ queueSize: give }), 'a finite number >= 0, or a'],
    ['alpha', undefined, (give) => vegas({ alpha: give, threshold: 0 }), 'a number >= 0, or a'],
    ['beta', -1, (give) => vegas({ beta: give }), 'a number >= 0, or a function of the limit'],
    ['threshold', Number.NaN, (give) => vegas({ threshold: give }), 'a number >= 0, or a'],
  ])('%s: %o', (name, nonsense, create, takes) => {
    let gives: unknown = 10
    const limit = create(() => gives)
    const spared = create(() => 10)
    const both = (rtt: number): number => {
      const learnt = feed(limit, rtt)
      expect(learnt).toBe(feed(spared, rtt))
      return learnt
    }
    both(9)
    const before = both(9.9)
    gives = nonsense
    const got = typeof nonsense === 'string' ? `"${nonsense}"` : nonsense
    const error = new RegExp(`^${name}: got a function that gives ${got}, takes ${takes}`)
    expect(() => feed(limit, 9.9)).toThrow(RangeError)
    expect(() => feed(limit, 9.9)).toThrow(error)
    expect(limit.limit).toBe(before)
    gives = 10
    for (const rtt of [9.9, 30, 12, 9.9]) both(rtt)
  })

  test('random, as soon as it is asked', () => {
    expect(() => vegas({ random: () => 1 })).toThrow(
      new RangeError('random: got a function that gives 1, takes a function that gives [0, 1)'),
    )
  })

  function vegas(options: object): VegasLimit {
    return new VegasLimit({ initial: 100, probeMultiplier: 1e6, ...options })
  }

  function gradient2(options: object): Gradient2Limit {
    return new Gradient2Limit({ initial: 100, ...options })
  }
})

describe('WindowedLimit', () => {
  test('gives its limit one sample a window: the average, the most in flight, any drop', () => {
    const samples: object[] = []
    const inner: LimitAlgorithm = {
      limit: 5,
      onSample(sample) {
        samples.push(sample)
        return 5
      },
    }
    const limit = new WindowedLimit(inner, { windowSize: 3 })
    const at = (startTime: number, rtt: number, inFlight: number, dropped = false): void => {
      limit.onSample({ startTime, rtt, inFlight, dropped })
    }
    at(0, 10, 1)
    // The first window ends with its first sample, too few to be worth one.
    at(100, 10, 7, true)
    at(200, 0.05, 99)
    at(300, 20, 3)
    expect(samples).toEqual([])
    at(1000, 30, 5)
    expect(samples).toEqual([{ startTime: 1000, rtt: 20, inFlight: 7, dropped: true }])
  })
})

test('a limiter takes its limit from the algorithm after each sample', async () => {
  const clock = fakeClock()
  const limiter = new Limiter({ limit: new AimdLimit({ initial: 20 }), clock })
  const tokens = await Promise.all(Array.from({ length: 20 }, () => limiter.acquire()))
  clock.advance(10)
  tokens[19]?.succeed()
  expect(limiter.limit).toBe(21)
  tokens[18]?.drop()
  expect(limiter.limit).toBe(20)
})

describe('guarantee 8: bad options get a clear error', () => {
  test.each([
    [AimdLimit, { initial: 10, min: 20 }, 'initial: got 10, takes an integer in 20..200'],
    [AimdLimit, { initial: 300, max: 200 }, 'initial: got 300, takes an integer in 20..200'],
    [AimdLimit, { min: 30, max: 20 }, 'min: got 30, takes at most max, 20'],
    [AimdLimit, { min: 0 }, 'min: got 0, takes an integer in 1..'],
    [AimdLimit, { backoffRatio: 1 }, 'backoffRatio: got 1, takes a number >= 0.5 and < 1'],
    [AimdLimit, { timeout: 0 }, 'timeout: got 0, takes milliseconds > 0'],
    [AimdLimit, { ratio: 0.5 }, 'ratio: got 0.5, takes no such name; initial, min,'],
    [VegasLimit, { initial: 0 }, 'initial: got 0, takes an integer in 1..'],
    [VegasLimit, { smoothing: 0 }, 'smoothing: got 0, takes a number > 0 and <= 1'],
    [VegasLimit, { alpha: -1 }, 'alpha: got -1, takes a number >= 0, or a function of the limit'],
    [VegasLimit, { threshold: null }, 'threshold: got null, takes a number'],
    [VegasLimit, { probeMultiplier: 0.5 }, 'probeMultiplier: got 0.5, takes an integer in 1..'],
    [VegasLimit, { maxRtt: 0 }, 'maxRtt: got 0, takes milliseconds > 0'],
    [Gradient2Limit, { maxRtt: '1s' }, 'maxRtt: got "1s", takes a number'],
    [VegasLimit, { random: 0.5 }, 'random: got 0.5, takes a function'],
    [Gradient2Limit, { tolerance: 0.9 }, 'tolerance: got 0.9, takes a number >= 1'],
    [Gradient2Limit, { longWindow: 0 }, 'longWindow: got 0, takes an integer in 1..'],
    [Gradient2Limit, { queueSize: '4' }, 'queueSize: got "4", takes a number'],
    [Gradient2Limit, 5, 'options: got 5, takes a plain object'],
  ])('%o %j', (Limit, options, message) => {
    expect(() => new (Limit as new (options: unknown) => unknown)(options)).toThrow(message)
  })

  test.each([AimdLimit, VegasLimit, Gradient2Limit])('%o takes plain objects', (Limit) => {
    const create = (options: unknown) => () => new Limit(options as object)
    expect(create(new Map())).toThrow('options: got Map, takes a plain object')
    expect(create([])).toThrow('options: got an array of 0, takes a plain object')
    expect(create({ limits: 5 })).toThrow('limits: got 5, takes no such name; initial, min,')
  })

  test.each([
    [{ minWindow: 0 }, 'minWindow: got 0, takes milliseconds > 0'],
    [{ minWindow: 50, maxWindow: 20 }, 'maxWindow: got 20, takes milliseconds >= minWindow, 50'],
    [{ windowSize: 0 }, 'windowSize: got 0, takes an integer in 1..'],
    [new Map(), 'options: got Map, takes a plain object'],
    [{ window: 5 }, 'window: got 5, takes no such name; minWindow, maxWindow'],
    [{ minRtt: -1 }, 'minRtt: got -1, takes milliseconds >= 0'],
  ])('WindowedLimit %j', (options, message) => {
    expect(() => new WindowedLimit(new AimdLimit(), options as never)).toThrow(message)
    expect(() => new WindowedLimit({} as never)).toThrow(
      'delegate: got {}, takes a limit algorithm',
    )
  })

  test('an initial alone stretches the default bounds', () => {
    expect(new AimdLimit({ initial: 500 }).limit).toBe(500)
    expect(new Gradient2Limit({ initial: 3 }).limit).toBe(3)
    expect(new VegasLimit({ initial: 5000 }).limit).toBe(5000)
  })

  test.each([0, -1, Number.NaN])('an rtt of %d is refused by all of them', (rtt) => {
    for (const limit of [
      new AimdLimit(),
      new VegasLimit(),
      new Gradient2Limit(),
      new WindowedLimit(new AimdLimit()),
    ]) {
      expect(() => feed(limit, rtt)).toThrow(RangeError)
    }
  })
})
