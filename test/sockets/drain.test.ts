/** Guarantee 7 in the plugin itself: any app that closes drains, on real sockets. */
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import sluice from '../../src/sluice/index.js'
import { buildProbe, untilIdle } from '../support/probe-app.js'
import { get, listen, open, send, until } from '../support/wire.js'

const apps: FastifyInstance[] = []

afterEach(async () => {
  for (const app of apps.splice(0)) {
    await app.concurrency?.drain({ timeout: 0 })
    await app.close()
  }
})

async function probeOf(...args: Parameters<typeof buildProbe>) {
  const probe = await buildProbe(...args)
  apps.push(probe.app)
  return { ...probe, port: await listen(probe.app) }
}

describe('app.close()', () => {
  test('what was admitted finishes with Connection: close, what waits is refused', async () => {
    const { app, port, held } = await probeOf({}, 1)
    const running = await send(port, get('/held'))
    await until(() => held.length === 1)
    const waiting = await send(port, get('/held'))
    await until(() => app.concurrency.snapshot().requests.active === 2)
    const closed = app.close()
    await waiting.received('SLUICE_CLOSED')
    expect(waiting.text()).toMatch(/^HTTP\/1.1 503 /)
    held[0]?.resolve()
    await running.received('held')
    expect(running.text().toLowerCase()).toContain('connection: close')
    await Promise.all([closed, running.closed, waiting.closed])
    await untilIdle({ app })
  })

  test('ends event streams, sent by Fastify or by hand, and tells their handlers', async () => {
    const { Readable } = await import('node:stream')
    const app = fastify()
    apps.push(app)
    await app.register(sluice)
    const told: string[] = []
    app.get('/stream', (request, reply) => {
      const { signal } = request.concurrency
      signal.addEventListener('abort', () => told.push((signal.reason as { code: string }).code))
      const stream = new Readable({ read() {} })
      stream.push('data: 1\n\n')
      reply.type('text/event-stream').send(stream)
    })
    app.get('/raw', (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, { 'Content-Type': 'text/event-stream' })
      reply.raw.write('data: 1\n\n')
    })
    const port = await listen(app)
    const wires = await Promise.all(['/stream', '/raw'].map((path) => send(port, get(path))))
    await Promise.all(wires.map((wire) => wire.received('data: 1')))
    await app.close()
    await Promise.all(wires.map((wire) => wire.closed))
    expect(told).toEqual(['SLUICE_CLOSED'])
    // A stream that is ended is answered, to its last chunk.
    expect(wires.every((wire) => wire.text().endsWith('0\r\n\r\n'))).toBe(true)
    expect(app.concurrency.snapshot().requests).toMatchObject({ answered: 2, aborted: 0 })
  })

  test('pipelined requests that were admitted are all answered, also those that come while it drains', async () => {
    const { app, port, held } = await probeOf()
    const wire = await send(port, get('/held') + get('/callback') + get('/ok'))
    await until(() => held.length === 1)
    const drained = app.concurrency.drain({ delay: 150 })
    wire.socket.write(get('/callback?late'))
    await until(() => app.concurrency.snapshot().requests.total === 4)
    held[0]?.resolve()
    await wire.closed
    expect(wire.text().match(/200 OK/g)?.length).toBe(4)
    expect(wire.text().match(/connection: close/gi)?.length).toBe(1)
    expect(await drained).toBe(true)
  })

  test('is through before Fastify gives up on it, whatever still runs', async () => {
    const app = fastify({ pluginTimeout: 600 })
    apps.push(app)
    await app.register(sluice)
    app.get('/', (_request, reply) => {
      reply.hijack()
    })
    const wire = await send(await listen(app), get('/'))
    await until(() => app.concurrency.snapshot().requests.active === 1)
    await app.close()
    await wire.closed
  })

  test('refusals are counted, with their reason, where they would have queued', async () => {
    const { app } = await probeOf()
    await app.concurrency.drain()
    expect((await app.inject('/ok')).statusCode).toBe(503)
    expect(app.concurrency.limiters[0]?.snapshot()).toMatchObject({
      name: 'app',
      rejected: { closed: 1 },
    })
  })

  test('idle, silent and half-sent connections hold nobody up', async () => {
    const { app, port } = await probeOf()
    const idle = await send(port, get('/ok'))
    await idle.received('ok')
    const others = await Promise.all([open(port), send(port, 'GET /ok HTTP/1.1\r\nHos')])
    const before = performance.now()
    await app.close()
    expect(performance.now() - before).toBeLessThan(3000)
    await Promise.all([idle, ...others].map((wire) => wire.closed))
  })

  test('a download that its client reads slowly is not cut while there is time', async () => {
    const app = fastify()
    apps.push(app)
    await app.register(sluice)
    app.get('/big', async () => Buffer.alloc(8_000_000, 'x'))
    const port = await listen(app)
    const wire = await open(port)
    wire.socket.pause()
    wire.socket.write(get('/big'))
    await until(() => app.concurrency.snapshot().requests.total === 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    const closed = app.close()
    setTimeout(() => wire.socket.resume(), 200)
    await Promise.all([closed, wire.closed])
    expect(wire.text().length).toBeGreaterThan(8_000_000)
  })

  test("requests outside the plugin's scope are left to finish", async () => {
    const app = fastify()
    apps.push(app)
    app.register(async (scope) => {
      await scope.register(sluice)
    })
    app.get('/outside', async () => {
      await new Promise((resolve) => setTimeout(resolve, 200))
      return 'outside'
    })
    const port = await listen(app)
    const wire = await send(port, get('/outside'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    await Promise.all([app.close(), wire.received('outside')])
  })
})

describe('app.concurrency.drain()', () => {
  test('resolves with true when all are through, and gives every caller the same answer', async () => {
    const { app, port, held } = await probeOf()
    const wire = await send(port, get('/held'))
    await until(() => held.length === 1)
    const drained = app.concurrency.drain()
    expect([app.concurrency.draining, app.concurrency.snapshot().draining]).toEqual([true, true])
    held[0]?.resolve()
    await wire.received('held')
    expect(await Promise.all([drained, app.concurrency.drain({ timeout: 1 })])).toEqual([
      true,
      true,
    ])
  })

  test('resolves with false at the timeout, and what is left is cut', async () => {
    const { app, port, held } = await probeOf()
    const wire = await send(port, get('/held'))
    await until(() => held.length === 1)
    expect(await app.concurrency.drain({ timeout: 100 })).toBe(false)
    await wire.closed
    held[0]?.resolve()
    await untilIdle({ app })
  })

  test('refuses bad options and goes on as if nothing was', async () => {
    const { app } = await probeOf()
    await expect(app.concurrency.drain({ timeout: -1 })).rejects.toThrow(RangeError)
    await expect(app.concurrency.drain({ delay: '5' as never })).rejects.toThrow(TypeError)
    expect(app.concurrency.draining).toBe(false)
    expect(await app.concurrency.drain()).toBe(true)
  })

  test('an injected app closes at once, and leaves no timer behind', async () => {
    const probe = await buildProbe()
    await probe.app.inject('/ok')
    const before = performance.now()
    await probe.app.close()
    expect(performance.now() - before).toBeLessThan(2000)
  })
})
