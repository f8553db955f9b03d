/** /metrics is what the formats say: by a strict parser, and by Prometheus' own where it is installed. */
import type { FastifyInstance } from 'fastify'
import { Counter, Histogram, Summary } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildApp } from '../../../src/app.js'
import { createRegistry } from '../../../src/sluice/metrics/prometheus.js'
import { type Format, parseExposition } from '../../support/exposition.js'
import { promtool } from '../../support/promtool.js'

const OPEN = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
const TEXT = 'text/plain; version=0.0.4; charset=utf-8'

let app: FastifyInstance

beforeAll(async () => {
  app = await buildApp({ TIME_SCALE: 0, LIMIT: 3 })
  app.get('/quoted "\\', async () => '')
  for (const url of ['/fast', '/limited', '/nowhere', '/quoted%20%22%5C']) await app.inject(url)
})
afterAll(() => app.close())

async function scrape(accept?: string): Promise<{ type: string; text: string }> {
  const headers = accept === undefined ? {} : { accept }
  const response = await app.inject({ url: '/metrics', headers })
  expect(response.headers.vary).toBe('accept')
  return { type: String(response.headers['content-type']), text: response.body }
}

describe('the format is negotiated', () => {
  test.each([
    [undefined, TEXT],
    ['*/*', TEXT],
    ['text/html,application/xhtml+xml,*/*;q=0.8', TEXT],
    ['application/openmetrics-text', OPEN],
    ['Application/OpenMetrics-Text; version=0.0.1, text/plain', OPEN],
    ['text/plain, application/openmetrics-text;q=0.5', TEXT],
    ['application/openmetrics-text;q=0.5, text/*;q=0.6', TEXT],
    ['application/openmetrics-text;q=0.5, text/plain;q=0.4, */*', OPEN],
    ['application/openmetrics-text;q=0, */*;q=0.1', TEXT],
    ['application/openmetrics-text-not', TEXT],
    // Prometheus 2.42, and 3 with what it says of names.
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      OPEN,
    ],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      OPEN,
    ],
  ])('%s: %s', async (accept, type) => {
    expect((await scrape(accept)).type).toBe(type)
  })
})

test('a metric that is registered later is in both', async () => {
  const registers = [app.concurrency.registry]
  new Counter({ name: 'later_total', help: 'Later.', registers }).inc(2)
  for (const accept of ['text/plain', 'application/openmetrics-text']) {
    expect([accept, (await scrape(accept)).text]).toEqual([
      accept,
      expect.stringContaining('\nlater_total 2\n'),
    ])
  }
})

describe.each([
  ['text', 'text/plain'],
  ['open', 'application/openmetrics-text'],
] as [Format, string][])('as %s', (format, accept) => {
  test('a strict parser finds nothing wrong, at the first scrape and at the next', async () => {
    for (let scrapes = 0; scrapes < 2; scrapes++) {
      const families = parseExposition((await scrape(accept)).text, format)
      expect([...families.keys()]).toContain('nodejs_gc_duration_seconds')
      const { samples, help } = families.get('http_server_active_requests') ?? {}
      expect(help).toBe('Requests in progress.')
      expect(samples).toContainEqual({
        name: 'http_server_active_requests',
        labels: { method: 'GET', route: '/quoted "\\' },
        value: 0,
      })
    }
  })
})

test("a user's own metrics in the registry are as right, in both formats", async () => {
  const registry = createRegistry([])
  const registers = [registry]
  new Counter({ name: 'mine_total', help: 'Mine.', registers }).inc(3)
  new Histogram({ name: 'mine_seconds', help: 'Mine.', buckets: [0.5, 1, 2], registers }).observe(1)
  new Summary({ name: 'mine_bytes', help: 'Mine.', percentiles: [0.5, 1], registers }).observe(7)
  const open = parseExposition(await registry.openMetrics().metrics(), 'open')
  expect(open.get('mine')?.samples).toEqual([{ name: 'mine_total', labels: {}, value: 3 }])
  const labels = (family: string): unknown[] =>
    (open.get(family)?.samples ?? []).map(({ labels: { le, quantile } }) => le ?? quantile)
  expect(labels('mine_seconds')).toEqual(['0.5', '1.0', '2.0', '+Inf', undefined, undefined])
  expect(labels('mine_bytes')).toEqual(['0.5', '1.0', undefined, undefined])
  const text = parseExposition(await registry.metrics(), 'text')
  expect([...text.keys()]).toEqual(['mine_total', 'mine_seconds', 'mine_bytes'])
})

test.skipIf(promtool === undefined)(
  'promtool finds fault with nothing of ours (needs promtool, of the Debian package prometheus)',
  async () => {
    const { output } = promtool?.(['check', 'metrics'], (await scrape()).text) ?? {}
    const faults = output?.split('\n').filter((line) => line !== '')
    // Gauges of prom-client's, named like counters.
    expect(faults?.filter((line) => !/^nodejs_active_\w+_total non-counter/.test(line))).toEqual([])
  },
)

describe('the strict parser refuses', () => {
  const gauge = '# HELP a A.\n# TYPE a gauge\n'
  const counter = '# HELP a A.\n# TYPE a counter\n'
  const histogram = '# HELP a A.\n# TYPE a histogram\n'
  const bucket = (le: string, value: number): string => `a_bucket{le="${le}"} ${value}\n`
  const end = 'a_sum 1\na_count 2\n'
  test.each<[string, string, Format]>([
    ['no newline at the end', `${gauge}a 1`, 'text'],
    ['# EOF is not of this format', `${gauge}a 1\n# EOF\n`, 'text'],
    ['no # EOF at the end', `${gauge}a 1\n`, 'open'],
    ['no sample', `${gauge}\na 1\n# EOF\n`, 'open'],
    ['a sample before its family', 'a 1\n', 'text'],
    ['type without its help', '# TYPE a gauge\na 1\n', 'text'],
    ['no type behind the help', '# HELP a A.\na 1\n', 'text'],
    ['no such type', '# HELP a A.\n# TYPE a number\n', 'text'],
    ['a family in two places', `${gauge}a 1\n${gauge}`, 'text'],
    ['no sample of gauge a', `${gauge}b 1\n`, 'text'],
    ['a series twice', `${gauge}a{x="1",y="2"} 1\na{y="2",x="1"} 1\n`, 'text'],
    ['a label twice', `${gauge}a{x="1",x="2"} 1\n`, 'text'],
    ['no label', `${gauge}a{x="a"b"} 1\n`, 'text'],
    ['a comma at the end', `${gauge}a{x="1",} 1\n`, 'text'],
    ['no number', `${gauge}a one\n`, 'text'],
    ['no _total', `${counter}a 1\n`, 'text'],
    ['no sample of counter a', `${counter}a 1\n# EOF\n`, 'open'],
    ['a count below 0', `${counter}a_total -1\n# EOF\n`, 'open'],
    ['le where it is not', `${histogram}a_bucket 1\n`, 'text'],
    ['a bound that is not canonical', `${histogram}${bucket('1', 1)}# EOF\n`, 'open'],
    ['bounds do not rise to +Inf', `${histogram}${bucket('1', 1)}${end}`, 'text'],
    ['buckets do not add up', `${histogram}${bucket('1', 3)}${bucket('+Inf', 2)}${end}`, 'text'],
    ['sum and count are not', `${histogram}${bucket('1', 1)}${bucket('+Inf', 3)}${end}`, 'text'],
  ])('%s', (problem, text, format) => {
    expect(() => parseExposition(text, format)).toThrow(problem)
  })
})
