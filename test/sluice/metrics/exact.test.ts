/**
 * Every metric of ours has its exact value after a script with known counts, on a clock that stands
 * still between its steps.
 */
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import metrics from '../../../routes/operators/metrics.js'
import sluice from '../../../src/sluice/index.js'
import type { Concurrency } from '../../../src/sluice/plugin/concurrency.js'
import { type Deferred, deferred } from '../../support/deferred.js'
import { parseExposition, seriesOf } from '../../support/exposition.js'
import { get, listen, send, until, type Wire } from '../../support/wire.js'

let app: FastifyInstance
let port: number
const held = new Map<string, Deferred<void>>()
let now = 1000

beforeEach(async () => {
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  app = fastify()
  await app.register(sluice, { limit: 3, queue: { size: 2 } })
  const hold = async ({ params }: { params: unknown }): Promise<string> => {
    const gate = deferred()
    held.set((params as { name: string }).name, gate)
    await gate.promise
    return 'held'
  }
  app.get('/held/:name', hold)
  app.get('/hasty/:name', { config: { concurrency: { limit: 1, queue: { timeout: 0 } } } }, hold)
  app.get('/due', { config: { concurrency: { group: 'db', limit: 1 } } }, async () => 'due')
  app.get('/late/:name', { config: { concurrency: { group: 'db', timeout: 20 } } }, hold)
  await app.register(metrics)
  port = await listen(app)
})

afterEach(async () => {
  vi.restoreAllMocks()
  for (const gate of held.values()) gate.resolve()
  held.clear()
  await app.close()
})

/** Sends it and waits until it has come as far as `arrived` says. */
async function ask(request: string, arrived: () => boolean): Promise<Wire> {
  const wire = await send(port, request)
  await until(arrived, () => `${request.split('\r\n')[0]} did not arrive`)
  return wire
}

const active = (): number => app.concurrency.snapshot().requests.active

/** And is over for the server too, so that the clock may go on. */
async function answered(request: string, pattern: string): Promise<void> {
  const before = active()
  const wire = await send(port, request)
  await wire.received(pattern)
  await until(() => active() === before)
  wire.socket.destroy()
}

async function finish(name: string, wire: Wire, at: number): Promise<void> {
  const before = active()
  now = at
  held.get(name)?.resolve()
  await wire.received('held')
  await until(() => active() === before - 1)
  wire.socket.destroy()
}

const queued = (): number => app.concurrency.limiters.find((one) => one.name === 'app')?.queued ?? 0

/** The whole buckets of a histogram, in seconds, of durations in milliseconds. */
function histogram(name: string, labels: Record<string, string>, ...durations: number[]) {
  const bounds = [5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000]
  const series: [string, number][] = [...bounds, Number.POSITIVE_INFINITY].map((bound) => [
    seriesOf({
      name: `${name}_bucket`,
      labels: { ...labels, le: Number.isFinite(bound) ? String(bound / 1000) : '+Inf' },
    }),
    durations.filter((duration) => duration <= bound).length,
  ])
  const sum = durations.reduce((all, one) => all + one, 0) / 1000
  series.push([seriesOf({ name: `${name}_sum`, labels }), sum])
  series.push([seriesOf({ name: `${name}_count`, labels }), durations.length])
  return series
}

test('every metric has the value that the script gives it', async () => {
  // At 1000 ms three run, two queue, and there is no place for a sixth.
  const a = await ask(get('/held/a'), () => held.has('a'))
  const b = await ask(get('/held/b'), () => held.has('b'))
  const hasty = await ask(get('/hasty/c'), () => held.has('c'))
  const d = await ask(get('/held/d'), () => queued() === 1)
  const leaver = await ask(get('/held/e'), () => queued() === 2)
  await answered(get('/held/f'), 'SLUICE_QUEUE_FULL')
  await answered(get('/hasty/g'), 'SLUICE_QUEUE_TIMEOUT')
  // At 1100 ms one in the queue leaves; at 1250 ms a slot frees for the other.
  now = 1100
  leaver.socket.destroy()
  await until(() => queued() === 1)
  await finish('a', a, 1250)
  await until(() => held.has('d'))
  await finish('b', b, 1350)
  await finish('c', hasty, 4500)
  // What no limiter holds up: another method, an unknown path, an unknown method.
  await answered('HEAD /due HTTP/1.1\r\nHost: x\r\n\r\n', '200 OK')
  await answered(get('/nowhere?a=b'), '404')
  await answered('PURGE /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n', '404')
  await answered('UNLINK /held/a HTTP/1.1\r\nHost: x\r\n\r\n', '404')
  // One deadline in the handler, and one behind it in the queue, by timers that do not stand still.
  const late = await ask(get('/late/h'), () => held.has('h'))
  const later = await send(port, get('/late/i'))
  await late.received('504')
  await later.received('503')
  for (const wire of [late, later]) wire.socket.destroy()
  held.get('h')?.resolve()
  await until(() => active() === 1)
  const { eventLoop } = app.concurrency as Concurrency
  eventLoop.utilization = 0.25
  Object.assign(eventLoop.delay, { p50: 1.5, p99: 20 })

  const { body } = await app.inject('/metrics')
  const families = parseExposition(body, 'text')
  for (const name of families.keys()) {
    if (/^(process_|nodejs_(?!eventloop_(utilization|delay)))/.test(name)) families.delete(name)
  }
  const inText = [...families.values()].flatMap(({ samples }) =>
    samples.map((sample) => [seriesOf(sample), sample.value]),
  )
  const each = (name: string, values: [Record<string, string>, number][]): [string, number][] =>
    values.map(([labels, value]) => [seriesOf({ name, labels }), value])
  const route = (pattern: string, method = 'GET') => ({ method, route: pattern })
  const limiters = (app: number, hasty: number, db: number): [Record<string, string>, number][] => [
    [{ limiter: 'app' }, app],
    [{ limiter: 'GET /hasty/:name' }, hasty],
    [{ limiter: 'db' }, db],
  ]
  const reasons = {
    queue_full: 0,
    queue_timeout: 0,
    deadline: 0,
    pressure: 0,
    closed: 0,
    aborted: 0,
  }
  const rejected = (limiter: string, counts: Partial<typeof reasons>) =>
    each(
      'concurrency_rejected_total',
      Object.entries({ ...reasons, ...counts }).map(([reason, count]) => [
        { limiter, reason },
        count,
      ]),
    )
  const duration = (pattern: string, status: number, method: string, ...durations: number[]) =>
    histogram(
      'http_server_request_duration_seconds',
      { ...route(pattern, method), status: String(status) },
      ...durations,
    )
  const wait = (limiter: string, ...durations: number[]) =>
    histogram('concurrency_queue_wait_seconds', { limiter }, ...durations)
  const seen = [
    route('/held/:name'),
    route('/hasty/:name'),
    route('/due', 'HEAD'),
    route('(unmatched)'),
    route('(unmatched)', '_OTHER'),
    route('/late/:name'),
    route('/metrics'),
  ]
  expect(new Map(inText as [string, number][])).toEqual(
    new Map([
      ...each(
        'http_server_active_requests',
        // `d` is still held, and the scrape sees itself.
        seen.map((labels) => [labels, /held|metrics/.test(labels.route) ? 1 : 0]),
      ),
      ...each('http_server_active_requests_peak', [[{}, 6]]),
      ...duration('/held/:name', 200, 'GET', 250, 350),
      ...duration('/held/:name', 503, 'GET', 0),
      ...duration('/hasty/:name', 200, 'GET', 3500),
      ...duration('/hasty/:name', 503, 'GET', 0),
      ...duration('/due', 200, 'HEAD', 0),
      ...duration('(unmatched)', 404, 'GET', 0),
      ...duration('(unmatched)', 404, '_OTHER', 0, 0),
      ...duration('/late/:name', 504, 'GET', 0),
      ...duration('/late/:name', 503, 'GET', 0),
      ...each(
        'http_server_requests_aborted_total',
        seen.map((labels) => [labels, labels.route === '/held/:name' ? 1 : 0]),
      ),
      ...each('concurrency_limit', limiters(3, 1, 1)),
      ...each('concurrency_in_flight', limiters(1, 0, 0)),
      ...each('concurrency_queued', limiters(0, 0, 0)),
      ...wait('app', 0, 0, 0, 250, 0, 0, 0, 0, 0),
      ...wait('GET /hasty/:name', 0),
      ...wait('db', 0, 0),
      ...each('concurrency_admitted_total', limiters(9, 1, 2)),
      ...rejected('app', { queue_full: 1, aborted: 1 }),
      ...rejected('GET /hasty/:name', { queue_timeout: 1 }),
      ...rejected('db', { deadline: 1 }),
      ...each('concurrency_abandoned_total', limiters(0, 0, 0)),
      ...each('nodejs_eventloop_utilization', [[{}, 0.25]]),
      ...each('nodejs_eventloop_delay_p50_seconds', [[{}, 0.0015]]),
      ...each('nodejs_eventloop_delay_p99_seconds', [[{}, 0.02]]),
    ]),
  )
  expect(now).toBe(4500)
  await finish('d', d, 4500)
})
