/** The measures in OpenTelemetry, collected by its own SDK, and their absence where nobody collects. */
import { metrics } from '@opentelemetry/api'
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, describe, expect, test, vi } from 'vitest'
import sluice from '../../../src/sluice/index.js'
import type { Concurrency } from '../../../src/sluice/plugin/concurrency.js'
import { deferred } from '../../support/deferred.js'
import { type ServerProcess, startServer } from '../../support/server-process.js'
import { get, listen, send, until } from '../../support/wire.js'

let app: FastifyInstance | undefined
let provider: MeterProvider | undefined

afterEach(async () => {
  vi.restoreAllMocks()
  await app?.close()
  metrics.disable()
  await provider?.shutdown()
  app = provider = undefined
})

/** Registers a provider; what it returns collects all metrics by name. */
function register(): () => Promise<Map<string, MetricData>> {
  const reader = new PeriodicExportingMetricReader({
    exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
    exportIntervalMillis: 2 ** 31 - 1,
  })
  provider = new MeterProvider({ readers: [reader] })
  metrics.setGlobalMeterProvider(provider)
  return async () => {
    const { resourceMetrics, errors } = await reader.collect()
    expect(errors).toEqual([])
    expect(resourceMetrics.scopeMetrics.length).toBeLessThanOrEqual(1)
    const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics)
    return new Map(all.map((metric) => [metric.descriptor.name, metric]))
  }
}

/** Attributes and values, sorted by their text. */
function points(metric: MetricData | undefined): unknown[] {
  const all = (metric?.dataPoints ?? []).map(({ attributes, value }) => [attributes, value])
  return all.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

const isObserved = (one: FastifyInstance): boolean =>
  (one.concurrency as Concurrency).active.isObserved

describe('with a provider', () => {
  test('every measure has the value of the script, by the names of the conventions', async () => {
    let now = 1000
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    const collect = register()
    app = fastify()
    await app.register(sluice)
    const gate = deferred()
    const concurrency = { limit: 1, queue: { size: 1 } }
    app.get('/held/:id', { config: { concurrency } }, async () => {
      await gate.promise
      return 'held'
    })
    app.get('/fails', async () => {
      throw new Error('disk failed')
    })
    app.get('/forever', () => new Promise(() => {}))
    const port = await listen(app)
    const limiter = () => app?.concurrency.snapshot().limiters[0]

    const first = await send(port, get('/held/1'))
    await until(() => limiter()?.inFlight === 1)
    const second = await send(port, get('/held/2'))
    await until(() => limiter()?.queued === 1)
    const third = await send(port, get('/held/3'))
    await third.received('503')
    const active = () => app?.concurrency.snapshot().requests.active
    await until(() => active() === 2)
    const leaver = await send(port, get('/forever'))
    await until(() => active() === 3)
    now = 1250
    leaver.socket.destroy()
    await until(() => app?.concurrency.snapshot().requests.aborted === 1)
    gate.resolve()
    await second.received('held')
    const others = [await send(port, get('/fails')), await send(port, get('/nowhere'))]
    await others[0]?.received('500')
    await others[1]?.received('404')
    await until(() => active() === 0)
    const { eventLoop } = app.concurrency as Concurrency
    eventLoop.utilization = 0.25
    Object.assign(eventLoop.delay, { p50: 1.5, p99: 20 })

    const all = await collect()
    const request = (route: string | undefined) => ({
      'http.request.method': 'GET',
      'url.scheme': 'http',
      ...(route && { 'http.route': route }),
    })
    const routes = ['/fails', '/forever', '/held/:id', undefined]
    const values = (name: string, expected: [object, number][]): void => {
      const sorted = expected.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
      expect([name, points(all.get(name))]).toEqual([name, sorted])
    }
    values(
      'http.server.active_requests',
      routes.map((route) => [request(route), 0]),
    )
    values('http.server.active_requests.peak', [[{}, 3]])
    const own = { 'concurrency.limiter': 'GET /held/:id' }
    values('concurrency.limit', [[own, 1]])
    values('concurrency.in_flight', [[own, 0]])
    values('concurrency.queued', [[own, 0]])
    values('concurrency.admitted', [[own, 2]])
    values(
      'concurrency.rejected',
      ['queue_full', 'queue_timeout', 'deadline', 'pressure', 'closed', 'aborted'].map((reason) => [
        { ...own, 'concurrency.reason': reason },
        reason === 'queue_full' ? 1 : 0,
      ]),
    )
    values('nodejs.eventloop.utilization', [[{}, 0.25]])
    values('nodejs.eventloop.delay.p50', [[{}, 0.0015]])
    values('nodejs.eventloop.delay.p99', [[{}, 0.02]])

    const histogram = (name: string) => {
      const metric = all.get(name)
      expect(metric?.descriptor.unit).toBe('s')
      expect(metric?.dataPointType).toBe(DataPointType.HISTOGRAM)
      return points(metric).map((point) => {
        const [attributes, { sum, count, buckets }] = point as [
          object,
          { sum: number; count: number; buckets: { boundaries: number[] } },
        ]
        expect(buckets.boundaries).toEqual([
          0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
        ])
        return { ...attributes, sum, count }
      })
    }
    const status = 'http.response.status_code'
    const expected = [
      { ...request('/held/:id'), [status]: 200, sum: 0.5, count: 2 },
      { ...request('/held/:id'), [status]: 503, 'error.type': 'queue_full', sum: 0, count: 1 },
      { ...request('/forever'), 'error.type': 'aborted', sum: 0.25, count: 1 },
      { ...request('/fails'), [status]: 500, 'error.type': '500', sum: 0, count: 1 },
      { ...request(undefined), [status]: 404, sum: 0, count: 1 },
    ]
    const durations = histogram('http.server.request.duration')
    expect(durations).toHaveLength(expected.length)
    expect(durations).toEqual(expect.arrayContaining(expected))
    expect(histogram('concurrency.queue.wait')).toContainEqual({
      ...request('/held/:id'),
      sum: 0.25,
      count: 2,
    })
    for (const wire of [first, second, third, ...others]) wire.socket.destroy()
  })

  test('nothing is read or recorded once the app has closed', async () => {
    const collect = register()
    app = fastify()
    await app.register(sluice, { limit: 1 })
    await app.ready()
    expect(isObserved(app)).toBe(true)
    await app.close()
    expect(isObserved(app)).toBe(false)
    expect(points((await collect()).get('concurrency.limit'))).toEqual([])
  })
})

describe('without one', () => {
  test('nothing observes, and a request costs what it did', async () => {
    app = fastify()
    await app.register(sluice)
    app.get('/', async () => 'home')
    await app.ready()
    expect(isObserved(app)).toBe(false)
    expect((await app.inject('/')).statusCode).toBe(200)
  })

  test('nor is the package needed at all', async () => {
    const hook = `
      export const resolve = (name, context, next) => {
        if (name === '@opentelemetry/api') console.error('asked for')
        return next(name === '@opentelemetry/api' ? 'none-such' : name, context)
      }`
    const loader = `data:text/javascript,${encodeURIComponent(hook)}`
    const register = `import { register } from 'node:module'; register(${JSON.stringify(loader)})`
    const args = ['--import', `data:text/javascript,${encodeURIComponent(register)}`]
    const server: ServerProcess = await startServer({}, args)
    try {
      const response = await fetch(`http://127.0.0.1:${server.port}/fast`)
      expect(await response.text()).toBe('Fast response')
      await until(() => server.stderr().includes('asked for'))
    } finally {
      server.child.kill('SIGKILL')
      await server.exit
    }
  })
})
