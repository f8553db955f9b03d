/**
 * Guarantee 7 on both addresses of `localhost`, for each of which Fastify has a server of its own
 * and shows only the first.
 */
import { channel } from 'node:diagnostics_channel'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { LoopLimiter } from '../../src/sluice/core/loop/loop-limiter.js'
import sluice from '../../src/sluice/index.js'
import { hasBoth, twoAddresses } from '../support/localhost.js'
import { buildProbe, untilIdle } from '../support/probe-app.js'
import { get, open, send, until, type Wire } from '../support/wire.js'

const hosts = ['127.0.0.1', '::1']
const apps: FastifyInstance[] = []

beforeAll(() => import(twoAddresses))

afterEach(async () => {
  vi.restoreAllMocks()
  for (const app of apps.splice(0)) {
    await app.concurrency?.drain({ timeout: 0 })
    await app.close()
  }
})

/** The port, the same of both addresses. */
async function listen(app: FastifyInstance): Promise<number> {
  apps.push(app)
  await app.listen({ host: 'localhost', port: 0 })
  expect(app.addresses()).toHaveLength(2)
  return (app.server.address() as AddressInfo).port
}

/** Clients that want nothing: at either address one silent, one with half a header, one idle. */
async function linger(port: number, path: string): Promise<Wire[]> {
  const wires: Wire[] = []
  for (const host of hosts) {
    const idle = await send(port, get(path), host)
    await idle.received('200 OK')
    wires.push(idle, await open(port, host), await send(port, 'GET / HTTP/1.1\r\nHos', host))
  }
  return wires
}

describe.skipIf(!hasBoth)('guarantee 7 on two addresses (skipped where there is no ::1)', () => {
  test('silent, half-sent and idle connections hold nobody up', async () => {
    const { app } = await buildProbe()
    const wires = await linger(await listen(app), '/ok')
    const before = performance.now()
    await app.close()
    await Promise.all(wires.map(({ closed }) => closed))
    expect(performance.now() - before).toBeLessThan(3000)
  })

  test('who connects while it drains is ended, too', async () => {
    const { app, held } = await buildProbe()
    const port = await listen(app)
    const running = await send(port, get('/held'), '::1')
    await until(() => held.length === 1)
    const closed = app.close()
    const late = await Promise.all(hosts.map((host) => open(port, host)))
    held[0]?.resolve()
    await running.received('held')
    await closed
    await Promise.all([running, ...late].map((wire) => wire.closed))
  })

  test('what was admitted finishes with Connection: close, what waits is refused', async () => {
    const { app, held } = await buildProbe({}, 1)
    const port = await listen(app)
    const running = await send(port, get('/held'), '::1')
    await until(() => held.length === 1)
    const waiting = await Promise.all(hosts.map((host) => send(port, get('/held'), host)))
    await until(() => app.concurrency.snapshot().requests.active === 3)
    const closed = app.close()
    await Promise.all(waiting.map((wire) => wire.received('SLUICE_CLOSED')))
    held[0]?.resolve()
    await running.received('held')
    expect(running.text().toLowerCase()).toContain('connection: close')
    await Promise.all([closed, running.closed, ...waiting.map((wire) => wire.closed)])
    await untilIdle({ app })
  })

  test("a request outside the plugin's scope is waited for, as at the first address", async () => {
    const app = fastify()
    app.register(async (scope) => {
      await scope.register(sluice)
    })
    const ran: string[] = []
    app.get('/outside', async () => {
      ran.push('begun')
      await sleep(300)
      ran.push('ended')
      return 'outside'
    })
    const wire = await send(await listen(app), get('/outside'), '::1')
    await until(() => ran.length === 1)
    await app.close()
    expect(ran).toEqual(['begun', 'ended'])
    await wire.received('outside')
  })

  test('such a one that never ends holds nobody up beyond the deadline', async () => {
    const app = fastify({ pluginTimeout: 600 })
    app.register(async (scope) => {
      await scope.register(sluice)
    })
    let begun = 0
    app.get('/outside', (_request, reply) => {
      begun++
      reply.hijack()
    })
    const port = await listen(app)
    const wire = await send(port, get('/outside'), '::1')
    await until(() => begun === 1)
    await app.close()
    wire.socket.destroy()
  })

  test('an app that closes leaves the connections of others alone', async () => {
    const probes = await Promise.all([buildProbe(), buildProbe()])
    const [first, second] = await Promise.all(probes.map(({ app }) => listen(app)))
    const ended = await linger(first as number, '/ok')
    const left = await linger(second as number, '/ok')
    await probes[0].app.close()
    await Promise.all(ended.map(({ closed }) => closed))
    for (const [idle] of [left, left.slice(3)]) {
      idle?.socket.write(get('/ok'))
      await idle?.received(/(200 OK.*){2}/s)
    }
    expect(left.map(({ socket }) => socket.closed)).not.toContain(true)
  })

  test('the event loop is told of each connection once', async () => {
    const connected = vi.spyOn(LoopLimiter.prototype, 'connected')
    const { app } = await buildProbe({ pressure: true })
    const other = await buildProbe()
    const port = await listen(app)
    await listen(other.app)
    for (const host of [...hosts, ...hosts]) {
      const wire = await send(port, get('/ok'), host)
      await wire.received('200 OK')
    }
    expect(connected).toHaveBeenCalledTimes(4)
  })

  test('nothing of it is left behind a close, or begun without a listener', async () => {
    const accepted = channel('net.server.socket')
    const { app } = await buildProbe()
    await app.ready()
    expect(accepted.hasSubscribers).toBe(false)
    await listen(app)
    expect(accepted.hasSubscribers).toBe(true)
    await app.close()
    expect(accepted.hasSubscribers).toBe(false)
  })
})
