/** A limit that is only named: what it becomes, and what its options refuse. */
import { describe, expect, test } from 'vitest'
import { Limiter, type LimitOption } from '../../../../src/sluice/index.js'

describe('by name', () => {
  test.each(['aimd', 'vegas', 'gradient2'] as const)('%s starts at 20', (limit) => {
    expect(new Limiter({ limit }).limit).toBe(20)
  })

  test('options are those of the algorithm; what is absent or undefined has its default', () => {
    const limitOf = (limit: LimitOption): number => new Limiter({ limit }).limit
    expect(limitOf({ algorithm: 'vegas', initial: 5, min: 2, max: 9 })).toBe(5)
    expect(limitOf({ algorithm: 'gradient2', tolerance: undefined, max: 7 })).toBe(7)
    expect(limitOf({ algorithm: 'aimd', min: 30 })).toBe(30)
  })
})

describe('guarantee 8: bad options get a clear error', () => {
  test.each([
    [
      'tcp',
      `limit: got "tcp", takes an integer >= 1, 'auto', 'aimd', 'vegas' or 'gradient2', an object`,
    ],
    ['toString', 'limit: got "toString", takes'],
    [{}, 'limit: got {}, takes'],
    [{ algorithm: 5 }, `limit.algorithm: got 5, takes 'auto', 'aimd', 'vegas' or 'gradient2'`],
    [{ algorithm: 'aimd', initial: 0 }, 'limit.initial: got 0, takes an integer in 1..'],
    [{ algorithm: 'aimd', min: 9, max: 5 }, 'limit.min: got 9, takes at most max, 5'],
    [{ algorithm: 'vegas', min: 2, initial: 1 }, 'limit.initial: got 1, takes an integer in 2..'],
    [{ algorithm: 'aimd', tolerance: 2 }, 'limit.tolerance: got 2, takes no such name; initial,'],
    [{ algorithm: 'gradient2', tolerance: 0 }, 'limit.tolerance: got 0, takes a number >= 1'],
    [{ limit: 5, onSample: 1 }, 'limit: got {"limit":5,"onSample":1}, takes'],
    [{ limit: Number.NaN, onSample() {} }, 'limit: got an algorithm whose limit is NaN, takes a'],
  ])('%j', (limit, message) => {
    expect(() => new Limiter({ limit: limit as never })).toThrow(message)
  })
})
