import { expect, test } from 'vitest'
import { RetryAfter } from '../../src/core/retry-after.js'
import { fakeClock } from '../support/clock.js'

/** `perSecond` rejections a second for `seconds`; returns the last answer. */
function reject(
  retryAfter: RetryAfter,
  clock: ReturnType<typeof fakeClock>,
  perSecond: number,
  seconds: number,
) {
  let last = 0
  for (let n = 0; n < perSecond * seconds; n++) {
    clock.advance(1000 / perSecond)
    last = retryAfter.next()
  }
  return last
}

test('Retry-After doubles under a steady flood, up to 32 s, and comes down when it ends', () => {
  const clock = fakeClock()
  const retryAfter = new RetryAfter(clock, () => 0)
  expect(retryAfter.next()).toBe(1)
  expect(reject(retryAfter, clock, 10, 2)).toBe(2)
  expect(reject(retryAfter, clock, 10, 200)).toBe(32)
  for (const [quiet, then] of [
    [33_000, 32],
    [33_000, 31],
    [31_000 + 30_000 + 29_000, 28],
    [3_600_000, 1],
  ] as const) {
    clock.advance(quiet)
    expect(retryAfter.next()).toBe(then)
  }
})

test('Retry-After is spread over [r, 2r], so that clients do not return together', () => {
  const clock = fakeClock()
  const answers = [0, 0.5, 0.999].map((random) => {
    const retryAfter = new RetryAfter(clock, () => random)
    reject(retryAfter, clock, 10, 20)
    return retryAfter.next()
  })
  expect(answers[1]).toBeGreaterThan(answers[0] as number)
  expect(answers[2]).toBe(2 * (answers[0] as number))
})
