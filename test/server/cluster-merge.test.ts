/** Several processes told as one: which numbers add up, and which do not. */
import { Histogram } from 'prom-client'
import { expect, test } from 'vitest'
import { buildApp } from '../../src/app.js'
import {
  aggregatorsOf,
  countsOf,
  mergeMetrics,
  toOpenMetrics,
} from '../../src/server/cluster/merge-metrics.js'
import {
  countsOf as countsOfSnapshot,
  mergeSnapshots,
} from '../../src/server/cluster/merge-snapshots.js'

const text = (total: number, late: number) => `# HELP x_total It counts.
# TYPE x_total counter
x_total{route="/a b"} ${total}

# HELP late How late.
# TYPE late gauge
late ${late}
`
const aggregators = { late: 'max' } as const

test('counts add up, and what says how bad it is tells of the worst', () => {
  expect(mergeMetrics([text(1, 5), text(2, 3)], aggregators)).toBe(text(3, 5))
  expect(mergeMetrics([text(1, 5), text(2, 3)], { late: 'average' })).toBe(text(3, 4))
  expect(mergeMetrics([text(1, 5), text(2, 3)], { late: 'omit' })).not.toContain('late')
})

test('a series that one process has alone is told', () => {
  const other = '# HELP x_total It counts.\n# TYPE x_total counter\nx_total{route="/b"} 7\n'
  expect(mergeMetrics([text(1, 5), other], aggregators)).toContain('x_total{route="/b"} 7')
})

test('of one that ended the counts stay, and nothing else', () => {
  expect(mergeMetrics([text(1, 5), countsOf(text(2, 9))], aggregators)).toBe(text(3, 5))
})

test('real metrics of an app, doubled, are the same families with twice the counts; as OpenMetrics, too', async () => {
  const app = await buildApp({ TIME_SCALE: 0 })
  const { registry } = app.concurrency
  new Histogram({ name: 'own', help: 'own', registers: [registry], buckets: [1, 2.5] }).observe(2)
  await app.inject('/hello')
  const one = await registry.metrics()
  const both = mergeMetrics([one, one], aggregatorsOf(registry.getMetricsAsArray()))
  const families = (of: string) => of.match(/^# TYPE .*$/gm)
  // When it started is of one process, and prom-client leaves it out.
  expect(families(both)).toEqual(
    families(one)?.filter((line) => !line.includes('process_start_time')),
  )
  expect(both).toContain('count{method="GET",route="/hello",status="200"} 2')
  expect(both).toContain('own_bucket{le="2.5"} 2')
  const open = toOpenMetrics(mergeMetrics([one], aggregatorsOf(registry.getMetricsAsArray())))
  const expected = await registry.openMetrics().metrics()
  expect(families(open)).toEqual(
    families(expected)?.filter((line) => !line.includes('process_start_time')),
  )
  const buckets = (of: string) => of.match(/^\S+_bucket\{.*?\} /gm)
  expect(buckets(open)).toEqual(buckets(expected))
  expect(open.endsWith('\n# EOF\n')).toBe(true)
  await app.close()
})

test('snapshots add up by limiter and route; of one that ended the counts stay', async () => {
  const app = await buildApp({ TIME_SCALE: 0, LIMIT: 'auto' })
  await app.inject('/limited')
  const one = app.concurrency.snapshot()
  const busy = { ...one, eventLoop: { utilization: 1, delayMs: { p50: 1e6, p99: 1e6 } } }
  const both = mergeSnapshots([one, busy])
  expect(Object.keys(both)).toEqual(Object.keys(one))
  expect(both.requests).toMatchObject({ total: 2, answered: 2, active: 0, peak: 1 })
  expect(both.eventLoop).toEqual(busy.eventLoop)
  const limited = (of: typeof one) => of.limiters.find(({ name }) => name === 'GET /limited')
  expect(limited(both)).toMatchObject({ limit: 4, admitted: 2 })
  expect(both.limiters.map(({ name }) => name)).toEqual(one.limiters.map(({ name }) => name))
  expect(both.routes).toMatchObject([{ route: '/limited', total: 2 }])
  const later = mergeSnapshots([one, countsOfSnapshot(one)])
  expect(limited(later)).toMatchObject({ limit: 2, admitted: 2 })
  expect(later).toMatchObject({ draining: false, requests: { total: 2 } })
  expect(mergeSnapshots([one])).toEqual(JSON.parse(JSON.stringify(one)))
  await app.close()
})
