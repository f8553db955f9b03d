/** /metrics and /concurrency show what happened, after a script of requests with known counts. */
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import metrics from '../../routes/metrics.js'
import { buildProbe, type Probe, untilIdle } from '../support/probe-app.js'
import { get, listen, send, until } from '../support/wire.js'

let probe: Probe
let app: FastifyInstance
let port: number

beforeEach(async () => {
  probe = await buildProbe({ limit: 3, queue: { size: 1 } })
  app = probe.app
  await app.register(metrics)
  port = await listen(app)
})

afterEach(async () => {
  for (const gate of probe.held) gate.resolve()
  await app.close()
})

async function scrape(accept = 'text/plain'): Promise<{ type: string; lines: string[] }> {
  const { headers, body } = await app.inject({ url: '/metrics', headers: { accept } })
  return { type: String(headers['content-type']), lines: body.split('\n') }
}

/** Three held and one queued, one rejected, one gone from the queue, one 404, all else answered. */
async function script(): Promise<void> {
  const wires = []
  for (let n = 1; n <= 4; n++) {
    wires.push(await send(port, get('/held')))
    await until(() => app.concurrency.snapshot().requests.active === n)
  }
  const rejected = await send(port, get('/ok'))
  await rejected.received('SLUICE_QUEUE_FULL')
  wires[3]?.socket.destroy()
  await until(() => app.concurrency.snapshot().requests.active === 3)
  for (const gate of probe.held) gate.resolve()
  await Promise.all(wires.slice(0, 3).map((wire) => wire.received('held')))
  await (await send(port, get('/nowhere'))).received('404')
  await untilIdle(probe)
  for (const { socket } of [...wires, rejected]) socket.destroy()
}

describe('GET /metrics', () => {
  test('has the counts of the script', async () => {
    await script()
    const { type, lines } = await scrape()
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8')
    for (const line of [
      'http_server_active_requests{method="GET",route="/held"} 0',
      'http_server_active_requests_peak 5',
      'http_server_requests_aborted_total{method="GET",route="/held"} 1',
      'http_server_request_duration_seconds_count{method="GET",route="/held",status="200"} 3',
      'http_server_request_duration_seconds_bucket{method="GET",route="/held",status="200",le="+Inf"} 3',
      'http_server_request_duration_seconds_count{method="GET",route="/ok",status="503"} 1',
      'http_server_request_duration_seconds_count{method="GET",route="(unmatched)",status="404"} 1',
      'concurrency_limit{limiter="app"} 3',
      'concurrency_in_flight{limiter="app"} 0',
      'concurrency_queued{limiter="app"} 0',
      'concurrency_admitted_total{limiter="app"} 4',
      'concurrency_admitted_total{limiter="GET /held"} 4',
      'concurrency_queue_wait_seconds_count{limiter="app"} 4',
      'concurrency_rejected_total{limiter="app",reason="queue_full"} 1',
      'concurrency_rejected_total{limiter="app",reason="aborted"} 1',
      'concurrency_rejected_total{limiter="app",reason="closed"} 0',
    ]) {
      expect(lines).toContain(line)
    }
    const names = lines.map((line) => line.split(/[{ ]/)[0])
    expect(names).toEqual(
      expect.arrayContaining(['nodejs_eventloop_utilization', 'process_cpu_seconds_total']),
    )
  })

  test('speaks OpenMetrics when asked for it, and text again to the next', async () => {
    await script()
    const open = await scrape('application/openmetrics-text; version=1.0.0')
    expect(open.type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
    expect(open.lines).toContain('# TYPE concurrency_admitted counter')
    expect(open.lines).toContain('concurrency_admitted_total{limiter="app"} 4')
    expect(open.lines.slice(-2)).toEqual(['# EOF', ''])
    const plain = await scrape()
    expect(plain.lines).toContain('# TYPE concurrency_admitted_total counter')
    expect(plain.lines).toContain('# TYPE process_cpu_seconds_total counter')
    expect(plain.lines).not.toContain('# EOF')
  })

  test('names every series once, and each metric has its help and type', async () => {
    await script()
    for (const accept of ['text/plain', 'application/openmetrics-text']) {
      const { lines } = await scrape(accept)
      const series = lines.filter((line) => line !== '' && !line.startsWith('#'))
      const names = series.map((line) => line.slice(0, line.lastIndexOf(' ')))
      expect(new Set(names).size).toBe(names.length)
      expect(
        series.filter((line) => !/^[a-z_0-9]+(\{[^{}]*\})? ([\d.e+-]+|Nan)$/.test(line)),
      ).toEqual([])
      const typed = lines
        .filter((line) => line.startsWith('# TYPE'))
        .map((line) => line.split(' ')[2])
      const helped = lines
        .filter((line) => line.startsWith('# HELP'))
        .map((line) => line.split(' ')[2])
      expect(typed).toEqual(helped)
    }
  })
})

describe('guarantee 6: seen = answered + aborted + active', () => {
  test('at the end of the script, with the rejected among the answered', async () => {
    await script()
    expect(app.concurrency.snapshot()).toMatchObject({
      draining: false,
      requests: { active: 0, peak: 5, total: 6, answered: 5, aborted: 1, rejected: 1 },
      routes: expect.arrayContaining([
        expect.objectContaining({ method: 'GET', route: '/held', active: 0, total: 4 }),
        expect.objectContaining({ method: 'GET', route: '(unmatched)', total: 1 }),
      ]),
      limiters: expect.arrayContaining([
        expect.objectContaining({ name: 'app', admitted: 4, inFlight: 0, queued: 0 }),
      ]),
    })
  })

  test('quantiles and utilization are 0 without data, and only routes that were asked for appear', async () => {
    expect(app.concurrency.snapshot()).toMatchObject({
      routes: [],
      eventLoop: { utilization: 0, delayMs: { p50: 0, p99: 0 } },
    })
    const [limiter] = app.concurrency.snapshot().limiters
    expect(limiter?.waitMs).toEqual({ p50: 0, p99: 0 })
  })
})

test("the event loop's utilization and delay are those of the last second", async () => {
  const { EventLoopMonitor } = await import('../../src/metrics/event-loop.js')
  const monitor = new EventLoopMonitor()
  const until = performance.now() + 2300
  while (performance.now() < until) {
    const stalled = performance.now() + 60
    while (performance.now() < stalled);
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(monitor.utilization).toBeGreaterThan(0.5)
  expect(monitor.delay.p99).toBeGreaterThan(20)
  monitor.stop()
})
