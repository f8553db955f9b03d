import { expect, test } from 'vitest'
import { poisson } from '../../../../load-tests/clients/schedule.js'
import { figuresOf } from '../../../../load-tests/services/measures/figures.js'
import { merge } from '../../../../load-tests/services/measures/merge.js'
import { timesOf, windowsOf } from '../../../../load-tests/services/measures/windows.js'
import { seriesOf } from '../../../../load-tests/services/report/tables.js'
import { lossOf } from '../../../../load-tests/services/rules/queue.js'
import { ended, found, point, SECONDS, WARM_UP } from '../found.js'

test('figures are of what was answered in time, and there is none where nothing was', () => {
  const some = ended()
    .slice(0, 100)
    .map((one, index) => {
      if (index === 50) return { ...one, took: 90 }
      // A newcomer, and one that is none.
      return index === 10 || index === 11 ? { ...one, outcome: 'hanging' as const } : one
    })
  expect(figuresOf(some)).toEqual({
    due: 100,
    counts: { answered: 98, refused: 0, failed: 0, hanging: 2 },
    newcomersHanging: 1 / 10,
    ...{ p50: 50, p99: 90, max: 90 },
  })
  const none = figuresOf(ended({ outcome: 'refused' }))
  expect(none).toMatchObject({ p50: undefined, p99: undefined, max: undefined })
})

test('of several seeds each figure is the median', () => {
  const takes = [30, 90, 60].map((took, seed) => point('fetch', { first: ended({ took }) }, seed))
  const { streams, points } = merge('auto', takes)
  expect(streams).toHaveLength(1)
  expect(streams[0]).toMatchObject({ name: 'all', p50: 60, p99: 60, max: 60 })
  expect(points).toEqual(takes)
  const silent = point('fetch', { first: ended({ outcome: 'hanging' }) })
  expect(merge('auto', [silent]).streams[0]).toMatchObject({ p99: undefined, hanging: 1 })
  expect(merge('auto', [silent, silent, takes[0] ?? silent]).streams[0]).toMatchObject({ p99: 30 })
})

test('a trouble parts a load by when requests were due: before, during and after, their beginnings apart', () => {
  const looks = [11_900, 12_000, 23_999, 24_000].flatMap((at, limit) =>
    ['event-loop', 'app'].map((name) => ({ at, name, limit, inFlight: 0, queued: 0 })),
  )
  const windows = windowsOf('trouble', timesOf(WARM_UP, SECONDS), ended(), looks)
  expect(windows.map(({ name, due, limits }) => [name, due, limits])).toEqual([
    ['before', 334, [0]],
    ['trouble: at first', 66, [1]],
    ['trouble: then', 267, []],
    ['after it: at first', 67, [2]],
    ['after it: then', 266, [3]],
  ])
  expect(windows[0]?.goodput).toBeCloseTo(33.4)
})

test('charts are of the highest load: what was due, what each answered, and our limiters', () => {
  expect(seriesOf([found('fetch')]).map(({ name, unit }) => `${name} (${unit})`)).toEqual([
    'due (due/s, fetch 5 ×)',
    ...['unprotected', 'fixed', 'default', 'auto'].map(
      (contender) => `${contender} (answers in time/s, fetch 5 ×)`,
    ),
    ...['event-loop', 'app'].flatMap((limiter) =>
      ['in flight', 'queued', 'limit'].map(
        (name) => `${name} (requests, fetch 5 ×, auto, limiter ${limiter}, warm-up included)`,
      ),
    ),
  ])
})

test('a queue with a bound on the wait loses what is known of M/D/1', () => {
  const loss = (load: number, bound: number): number =>
    lossOf(poisson(load * 200, 2000, 9), 5, bound * 5, 0) * 100
  expect(loss(1, 10)).toBeCloseTo(4.6, 0)
  expect(loss(1, 20)).toBeCloseTo(2.4, 0)
  expect(loss(0.9, 5)).toBeCloseTo(4.7, 0)
  expect(loss(0.8, 20)).toBeLessThan(0.05)
  expect(lossOf([0, 0, 100], 5, 0, 50)).toBe(0)
})
