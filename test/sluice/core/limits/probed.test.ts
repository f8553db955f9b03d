/** When a limit is probed, and for how long, in exact numbers. */
import { expect, test } from 'vitest'
import type { LimitAlgorithm } from '../../../../src/sluice/core/limits/limit.js'
import { ProbedLimit } from '../../../../src/sluice/core/limits/probed.js'

const LIMIT = 10

/** Of a limit that stays at 10: what it is after a sample that ended `at`, and what it was told of. */
function probe() {
  const told: boolean[] = []
  const delegate: LimitAlgorithm = {
    limit: LIMIT,
    onSample({ dropped }) {
      told.push(dropped)
      return LIMIT
    },
  }
  const limit = new ProbedLimit(
    () => delegate,
    1,
    () => 0,
  )
  const end = (at: number, rtt: number, dropped = false): number =>
    limit.onSample({ startTime: at - rtt, rtt, inFlight: 1, dropped })
  return { end, told }
}

test('a probe halves the limit a second after the first sample, for three times what work takes', () => {
  const { end } = probe()
  expect([end(100, 100), end(1099, 100), end(1100, 100)]).toEqual([LIMIT, LIMIT, LIMIT / 2])
  expect([end(1399, 100), end(1400, 100)]).toEqual([LIMIT / 2, LIMIT])
})

test.each([1, 5000])('drops are no work: it lasts as long however long they took: %d ms', (rtt) => {
  const { end, told } = probe()
  end(100, 100)
  for (let at = 200; at < 1100; at += 10) end(at, rtt, true)
  expect(end(1100, 100)).toBe(LIMIT / 2)
  expect([end(1399, 100), end(1400, 100)]).toEqual([LIMIT / 2, LIMIT])
  expect(told.filter((dropped) => dropped)).toHaveLength(90)
})

test('drops alone begin none: of what work takes, they say nothing', () => {
  const { end } = probe()
  for (let at = 100; at < 20_000; at += 100) expect(end(at, 50, true)).toBe(LIMIT)
})
