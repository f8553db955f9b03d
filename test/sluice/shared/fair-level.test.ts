/** The fair level, by examples and by what it means. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fairLevel } from '../../../src/sluice/shared/fair-level.js'

test.each([
  { wants: [], limit: 10, level: 10 },
  { wants: [3, 4], limit: 10, level: 10 },
  { wants: [20, 20], limit: 10, level: 5 },
  { wants: [2, 20, 20], limit: 10, level: 4 },
  { wants: [20, 20, 20], limit: 10, level: 3 },
  { wants: [1, 1, 1], limit: 2, level: 0 },
])('of $limit for $wants it is $level', ({ wants, limit, level }) => {
  expect(fairLevel(wants, limit)).toBe(level)
})

test('all fit at the level, and one more each would not', () => {
  const want = fc.nat(50)
  fc.assert(
    fc.property(fc.array(want, { maxLength: 20 }), fc.nat(200), (wants, limit) => {
      const level = fairLevel(wants, limit)
      const sum = (most: number): number =>
        wants.reduce((total, each) => total + Math.min(each, most), 0)
      expect(sum(level)).toBeLessThanOrEqual(limit)
      if (level < limit) expect(sum(level + 1)).toBeGreaterThan(limit)
    }),
  )
})
