/** Snapshot and metrics agree with what happened, whenever and however often somebody looks. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EventLoopMonitor } from '../../../src/sluice/metrics/event-loop.js'
import { createFamilies } from '../../../src/sluice/metrics/families.js'
import { createRegistry } from '../../../src/sluice/metrics/prometheus.js'
import { Traffic } from '../../../src/sluice/metrics/traffic.js'
import { parseExposition } from '../../support/exposition.js'
import { buildProbe, type Probe, untilIdle } from '../../support/probe-app.js'
import { get, listen, send, until } from '../../support/wire.js'

let probe: Probe
let app: FastifyInstance
let port: number

beforeEach(async () => {
  probe = await buildProbe({ limit: 3, queue: { size: 1 } })
  app = probe.app
  port = await listen(app)
})

afterEach(async () => {
  for (const gate of probe.held) gate.resolve()
  await app.close()
})

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

  test('at every scrape, in the middle of aborts and ends', async () => {
    let ended = false
    const storm = (async () => {
      for (let round = 0; round < 40; round++) {
        const wires = await Promise.all([1, 2, 3, 4, 5, 6].map(() => send(port, get('/held'))))
        await sleep(1)
        wires[round % 6]?.socket.destroy()
        wires[(round + 3) % 6]?.socket.destroy()
        await until(() => {
          for (const gate of probe.held) gate.resolve()
          return app.concurrency.snapshot().requests.active === 0
        })
        for (const { socket } of wires) socket.destroy()
      }
      ended = true
    })()
    const seen: number[] = []
    while (!ended) {
      const text = app.concurrency.registry.metrics()
      const { total } = app.concurrency.snapshot().requests
      const families = parseExposition(await text, 'text')
      const sum = (family: string, name = family): number =>
        (families.get(family)?.samples ?? [])
          .filter((sample) => sample.name === name)
          .reduce((all, { value }) => all + value, 0)
      const answered = sum(
        'http_server_request_duration_seconds',
        'http_server_request_duration_seconds_count',
      )
      const aborted = sum('http_server_requests_aborted_total')
      expect(answered + aborted + sum('http_server_active_requests')).toBe(total)
      seen.push(total)
      await sleep(1)
    }
    await storm
    // They came in the middle of something.
    expect(new Set(seen).size).toBeGreaterThan(10)
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

test("the event loop's utilization and delay are those of the last second, whoever else scrapes", async () => {
  const eventLoop = new EventLoopMonitor()
  const registry = createRegistry(
    createFamilies({ traffic: new Traffic(), limiters: [], eventLoop }),
  )
  const scrape = async () => {
    const families = parseExposition(await registry.metrics(), 'text')
    const read = (name: string) => families.get(`nodejs_eventloop_${name}`)?.samples[0]?.value
    return { utilization: read('utilization'), p99: read('delay_p99_seconds') }
  }
  const until = performance.now() + 2300
  while (performance.now() < until) {
    const stalled = performance.now() + 60
    while (performance.now() < stalled);
    await sleep(5)
    // A scraper in a hurry, which would leave the next one nothing.
    await scrape()
  }
  const { utilization, p99 } = await scrape()
  expect(await scrape()).toEqual({ utilization, p99 })
  expect(utilization).toBeGreaterThan(0.5)
  expect(utilization).toBeLessThanOrEqual(1)
  expect(p99).toBeGreaterThan(0.02)
  eventLoop.stop()
})
