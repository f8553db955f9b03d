import { describe, expect, test } from 'vitest'
import { Histogram } from '../../../src/sluice/core/histogram.js'

function of(...durations: number[]): Histogram {
  const histogram = new Histogram()
  for (const duration of durations) histogram.record(duration)
  return histogram
}

describe('Histogram', () => {
  test('is all zeros without data', () => {
    expect([of().count, of().sum, of().quantile(0.5), of().quantile(1)]).toEqual([0, 0, 0, 0])
  })

  test('a bound is inclusive, and the last bucket counts what is beyond', () => {
    expect([...of(0, 5, 5.001, 10_000, 10_001).buckets]).toEqual([
      2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1,
    ])
  })

  test('quantiles are within an eighth of an octave, from microseconds to half an hour', () => {
    for (const scale of [0.01, 1, 100, 10_000]) {
      const histogram = of(...Array.from({ length: 100 }, (_, index) => (index + 1) * scale))
      for (const q of [0.5, 0.9, 0.99]) {
        expect(Math.abs(histogram.quantile(q) / (q * 100 * scale) - 1)).toBeLessThan(0.125)
      }
    }
  })

  test('a quantile never leaves what was recorded', () => {
    expect([of(3000).quantile(0), of(3000).quantile(0.5), of(3000).quantile(1)]).toEqual([
      3000, 3000, 3000,
    ])
    expect(of(0, 0, 0).quantile(0.99)).toBe(0)
    expect(of(1e9).quantile(0.5)).toBe(1e9)
  })

  test('merging adds up', () => {
    const merged = Histogram.merge([of(1, 2), of(), of(300)])
    expect([merged.count, merged.sum, merged.quantile(1)]).toEqual([3, 303, 300])
  })

  test('what came since an earlier state is what was recorded in between', () => {
    const histogram = of(5000, 0.5, 1e9)
    const earlier = Histogram.merge([histogram])
    expect(histogram.since(earlier).count).toBe(0)
    expect(histogram.since(earlier).quantile(0.99)).toBe(0)
    for (const duration of [10, 20, 30]) histogram.record(duration)
    const since = histogram.since(earlier)
    expect([since.count, since.sum, [...since.buckets]]).toEqual([
      3,
      60,
      [0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ])
    // Within the buckets that they fell in, 12.5 % wide.
    for (const [q, exact] of [
      [0, 10],
      [0.5, 20],
      [1, 30],
    ] as const) {
      expect(Math.abs(since.quantile(q) / exact - 1)).toBeLessThan(0.125)
    }
  })
})
