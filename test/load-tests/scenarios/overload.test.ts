import { expect, test } from 'vitest'
import { courseOf } from '../../../load-tests/clients/course.js'
import type { Ended } from '../../../load-tests/clients/open-loop.js'
import { Latency } from '../../../load-tests/figures/latency.js'
import type { Point } from '../../../load-tests/measures/goodput.js'
import { tableOf, thresholds } from '../../../load-tests/scenarios/overload.js'

const none = { due: 1000, answered: 0, refused: 0, failed: 0, hanging: 1000 }
const all = { due: 10_000, answered: 1000, refused: 9000, failed: 0, hanging: 0 }

function point(change: Partial<Point> = {}): Point {
  const latency = { p50: 20, p90: 30, p99: 40, p999: 50, max: 60 }
  return {
    ...{ workload: 'cpu', contender: 'Sluice', factor: 10, capacity: 200, share: 0.1 },
    ...{ seconds: 5, all, newcomers: all, latency, refusals: latency, behind: latency },
    ...{ unsent: 0, goodput: 1, cpu: 1, overhead: 70, operators: [9, 8], course: [], looks: [] },
    ...change,
  }
}

test('there is no latency of nobody, neither in what is written nor in what is shown', () => {
  expect(new Latency().quantiles()).toEqual({})
  const { rows } = tableOf('work', [point({ all: none, newcomers: none, latency: {} }), point()])
  expect(rows.map(([, , , ...cells]) => cells)).toEqual([
    ...[['', '', '0 %', '100 %', '100 %', '', '9.00 ms']],
    ...[['20.0 ms', '40.0 ms', '90 %', '0 %', '0 %', '70 µs', '9.00 ms']],
  ])
})

test('a latency of nobody keeps no threshold', () => {
  const judged = (latency: Point['latency']) =>
    thresholds([point({ latency })], []).find(({ name }) => name.startsWith('p99 of what'))
  expect(judged({ p99: 40 })).toMatchObject({ ok: true, detail: '40.0 ms' })
  expect(judged({ p99: 501 })).toMatchObject({ ok: false, detail: '501 ms' })
  expect(judged({})).toMatchObject({ ok: false, detail: 'nobody was answered' })
})

test('what the client had no connection for is said beneath the table, and only then', () => {
  const noteOf = (...unsent: number[]) =>
    tableOf(
      'work',
      unsent.map((one, index) => point({ unsent: one, factor: index + 1 })),
    ).note
  expect(noteOf(0, 0)).not.toContain('never sent')
  expect(noteOf(0, 1234)).toMatch(/never sent, as 8,000 connections .*: Sluice 2 ×: 1,234\.$/)
})

test('a course is a rate by when requests were due, of the warm-up nothing', () => {
  const ended = [900, 1000, 1999, 2000, 2400].map(
    (due, index): Ended => ({
      ...{ due, took: 50, newcomer: false },
      outcome: index === 2 ? 'refused' : 'answered',
    }),
  )
  expect(courseOf(ended, 1000, 1.5)).toEqual([
    { due: 2, answered: 1 },
    { due: 4, answered: 4 },
  ])
})
