import { expect, test } from 'vitest'
import { served } from '../../../../load-tests/hostile/clients/friend.js'

test('of those that nobody served no latency is told', () => {
  const silent = {
    firstAfter: undefined,
    latency: {},
    answered: 0,
    others: ['503', '503', 'reset'],
  }
  expect(served(silent)).toBe('0 of 3 served, 503, reset')
  expect(served({ ...silent, latency: { p99: 4 }, answered: 3, others: [] })).toBe(
    '3 of 3 served, p99 4.00 ms',
  )
})
