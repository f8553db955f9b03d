/** Load is driven by hand: the clock is a number, and so is what random gives. */
import { beforeEach, describe, expect, test } from 'vitest'
import { RetryAfter } from '../../../src/sluice/core/shedding/retry-after.js'
import { fakeClock } from '../../support/clock.js'

let clock = fakeClock()
let random = 0
let admitted = 0
let retryAfter = new RetryAfter(clock, () => random)

beforeEach(() => {
  clock = fakeClock(1000)
  random = 0
  admitted = 0
  retryAfter = new RetryAfter(clock, () => random)
})

/** Ten seconds of a hundred a second, so many percent of which are rejected; the last answers. */
function load(percent: number, seconds = 10): number[] {
  const answers: number[] = []
  for (let n = 0; n < seconds * 100; n++) {
    clock.advance(10)
    if ((n * percent) % 100 < percent) answers.push(retryAfter.next(admitted))
    else admitted++
  }
  return answers.slice(-20)
}

/** What the answer can be. */
function range(percent: number): number[] {
  return [0, 0.999].map((value) => {
    random = value
    return load(percent).at(-1) as number
  })
}

test.each([
  [1, [1, 2]],
  [6, [1, 2]],
  [40, [2, 3]],
  [50, [2, 4]],
  [80, [5, 10]],
  [90, [10, 20]],
  // No longer than half a minute, however much comes.
  [99, [16, 32]],
  [100, [16, 32]],
])(
  'Retry-After follows the share that is rejected: at %d %% it is %j seconds',
  (percent, between) => {
    expect(range(percent)).toEqual(between)
  },
)

test('and not the time that this lasts', () => {
  const soon = load(80, 10)
  load(80, 600)
  expect(load(80, 10)).toEqual(soon)
})

describe('once less is rejected, it says so', () => {
  test('within 5 s of a load of which little is', () => {
    expect(load(90).at(-1)).toBe(10)
    expect(load(6, 6).at(-1)).toBe(1)
  })

  test('at once where nothing was for 5 s', () => {
    expect(load(90).at(-1)).toBe(10)
    load(0, 5)
    random = 0.999
    expect(retryAfter.next(admitted)).toBe(2)
  })

  test('also where nothing came at all', () => {
    expect(load(100).at(-1)).toBe(16)
    clock.advance(5001)
    random = 0.999
    expect(retryAfter.next(admitted)).toBe(2)
  })
})

test('those that are rejected together come back spread over it, evenly', () => {
  load(80)
  const counts = new Map<number, number>()
  for (let n = 0; n < 1000; n++) {
    random = n / 1000
    if (n % 4 === 0) admitted++
    const seconds = retryAfter.next(admitted)
    counts.set(seconds, (counts.get(seconds) ?? 0) + 1)
  }
  expect([...counts.keys()]).toEqual([5, 6, 7, 8, 9, 10])
  for (const seconds of [6, 7, 8, 9]) expect(counts.get(seconds)).toBeCloseTo(200, -1)
})

test('the first burst is judged by those that were let in with it', () => {
  admitted = 20
  const answers = Array.from({ length: 100 }, () => retryAfter.next(admitted))
  expect([answers[0], answers.at(-1)]).toEqual([1, 6])
})

/** The part of what is served that had been rejected before: ten a second, of fifty and all that come back. */
function partOfRetries(next: (served: number) => number): number {
  const back = new Map<number, number>()
  let retried = 0
  for (let second = 0; second < 30; second++) {
    const again = back.get(second) ?? 0
    const came = again + 50
    retried += (10 * again) / came
    clock.advance(1000)
    for (let n = 10; n < came; n++) {
      const at = second + next(10 * (second + 1))
      back.set(at, (back.get(at) ?? 0) + 1)
    }
  }
  return retried / 300
}

test('retries leave room for those that come for the first time, though nobody gives up', () => {
  let n = 0
  retryAfter = new RetryAfter(clock, () => {
    n = (n + 0.618) % 1
    return n
  })
  expect(partOfRetries((served) => retryAfter.next(served))).toBeCloseTo(0.36)
  expect(partOfRetries(() => 1)).toBeCloseTo(0.85)
})
