/**
 * Named and nothing else, a limit finds what a downstream can do. What is best is known here: as many
 * as it has slots, since beyond them it thrashes.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { seeded, simulate, type World } from '../../../support/downstream.js'

beforeEach(() => {
  // The moments of probes.
  vi.spyOn(Math, 'random').mockImplementation(seeded(7))
})
afterEach(() => {
  vi.restoreAllMocks()
})

const world: World = { rate: 4000, seconds: 30, slots: () => 20, rtt: () => 50 }

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

describe.each([1, 2, 3])('gradient2, seed %d', (seed) => {
  const run = (changes: Partial<World>) =>
    simulate('gradient2', { ...world, ...changes }, seeded(seed))

  test('asked for ten times too much it gives 0.90 of what can be done, from the fifth second on', () => {
    const { limits, done } = run({})
    expect(sum(done.slice(5)) / (done.length - 5)).toBeGreaterThan(0.9 * 400)
    expect(median(limits.slice(5))).toBeGreaterThanOrEqual(15)
    expect(median(limits.slice(5))).toBeLessThanOrEqual(25)
  })

  test('ten minutes of overload do not become the normal case', () => {
    const { limits } = run({ seconds: 600 })
    expect(Math.max(...limits.slice(-60))).toBeLessThanOrEqual(26)
  })

  test('a downstream that gets half as wide is followed within 5 s, and back within 15 s', () => {
    const { limits } = run({
      rate: 800,
      seconds: 70,
      slots: (at) => (at >= 20 && at < 40 ? 10 : 20),
    })
    expect(median(limits.slice(24, 39))).toBeLessThanOrEqual(15)
    expect(median(limits.slice(54))).toBeGreaterThanOrEqual(18)
  })

  test('one that gets twice as slow for good does not keep it small for good', () => {
    const { done } = run({ rate: 800, seconds: 90, rtt: (at) => (at < 30 ? 50 : 100) })
    expect(sum(done.slice(-30)) / 30).toBeGreaterThan(0.85 * 200)
  })

  test('three slots are found as well as two hundred', () => {
    const few = run({ rate: 600, seconds: 90, slots: () => 3 })
    expect(median(few.limits.slice(-30))).toBeLessThanOrEqual(6)
    const many = run({ rate: 20_000, seconds: 40, slots: () => 200, rtt: () => 20 })
    expect(median(many.limits.slice(-10))).toBeGreaterThanOrEqual(150)
    expect(median(many.limits.slice(-10))).toBeLessThanOrEqual(250)
  })

  test('half of what can be done is served without a queue', () => {
    const { done, limits } = run({ rate: 200 })
    expect(sum(done.slice(5)) / (done.length - 5)).toBeGreaterThan(0.97 * 200)
    expect(Math.min(...limits)).toBeGreaterThanOrEqual(10)
  })
})

test('vegas does not take ten minutes of overload for the normal case either', () => {
  const { limits } = simulate('vegas', { ...world, seconds: 600 }, seeded(1))
  expect(median(limits.slice(-60))).toBeLessThanOrEqual(26)
})
