/** What a shed request is told, and what the one that waited is told. */
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, describe, expect, test, vi } from 'vitest'
import sluice, { type LimitAlgorithm, type SluiceOptions } from '../../../src/sluice/index.js'
import { stopPerformanceClock } from '../../support/clock.js'
import { buildProbe, untilIdle } from '../../support/probe-app.js'
import { get, listen, send, until } from '../../support/wire.js'

const open: FastifyInstance[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  for (const app of open.splice(0)) await app.close()
})

/** One slot, held; `limit` of it is the whole app's. */
async function full(options: Omit<SluiceOptions, 'limit'> = { queue: { size: 0 } }) {
  const probe = await buildProbe({ limit: 1, ...options })
  open.push(probe.app)
  const port = await listen(probe.app)
  const holder = await send(port, get('/held'))
  await until(() => probe.started() === 1)
  const letGo = async (): Promise<void> => {
    for (const gate of probe.held.splice(0)) gate.resolve()
    await holder.received('held')
    holder.socket.destroy()
  }
  return { ...probe, port, letGo }
}

describe('a rejection', () => {
  test('is problem details with its code, a Retry-After, and no Connection: close without a body', async () => {
    const { port, letGo } = await full()
    const response = await fetch(`http://127.0.0.1:${port}/ok`)
    expect(response.status).toBe(503)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(response.headers.get('connection')).toBe('keep-alive')
    expect(await response.json()).toEqual({
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      detail: 'No slot is free and the queue is full',
      code: 'SLUICE_QUEUE_FULL',
    })
    await letGo()
  })

  test('guarantee 5: an upload is refused without its body being read', async () => {
    const { port, letGo, app } = await full()
    let read = 0
    app.server.on('connection', (socket) =>
      socket.on('data', (chunk) => {
        read += chunk.length
      }),
    )
    const wire = await send(
      port,
      'POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n',
    )
    const chunk = Buffer.alloc(65_536)
    const pump = (): void => {
      while (wire.socket.writable && wire.socket.write(chunk));
    }
    wire.socket.on('drain', pump)
    pump()
    await wire.closed
    expect(wire.text()).toMatch(/^HTTP\/1.1 503 /)
    expect(wire.text().toLowerCase()).toContain('connection: close')
    expect(read).toBeLessThan(5_000_000)
    await letGo()
  })

  test('can be shaped, with its status and headers kept', async () => {
    const { port, letGo } = await full({
      queue: { size: 0 },
      reject: ({ code, status, reason, retryAfter }, request, reply) => {
        reply.header('x-shed', request.url)
        return { code, status, reason, again: retryAfter > 0 }
      },
    })
    const response = await fetch(`http://127.0.0.1:${port}/ok`)
    expect([response.status, response.headers.get('x-shed')]).toEqual([503, '/ok'])
    expect(await response.json()).toEqual({
      code: 'SLUICE_QUEUE_FULL',
      status: 503,
      reason: 'queue_full',
      again: true,
    })
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    await letGo()
  })

  test('a shape that throws is a 500, and nothing is lost', async () => {
    const probe = await full({
      queue: { size: 0 },
      reject: () => {
        throw new Error('bad shape')
      },
    })
    expect((await fetch(`http://127.0.0.1:${probe.port}/ok`)).status).toBe(500)
    await probe.letGo()
    await untilIdle(probe)
  })

  test('SLUICE_QUEUE_TIMEOUT after the whole queue timeout, with the wait in Server-Timing', async () => {
    const { port, letGo } = await full({ queue: { timeout: 40 } })
    const response = await fetch(`http://127.0.0.1:${port}/ok`)
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
      503,
      'SLUICE_QUEUE_TIMEOUT',
    ])
    const [, waited] =
      /^queue;dur=([\d.]+)$/.exec(response.headers.get('server-timing') ?? '') ?? []
    expect(Number(waited)).toBeGreaterThanOrEqual(39)
    await letGo()
  })
})

test('a reply that waited says so in Server-Timing, one that did not says nothing', async () => {
  const { app, port, letGo } = await full({})
  const waiting = fetch(`http://127.0.0.1:${port}/ok`)
  await until(() => app.concurrency.limiters.some(({ queued }) => queued === 1))
  await letGo()
  expect((await waiting).headers.get('server-timing')).toMatch(/^queue;dur=\d+\.\d$/)
  expect((await fetch(`http://127.0.0.1:${port}/ok`)).headers.get('server-timing')).toBe(null)
})

describe('a deadline', () => {
  test('503 in the queue: the handler never runs', async () => {
    const { port, held, app, started } = await full({ timeout: 60 })
    const response = await fetch(`http://127.0.0.1:${port}/held`)
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
      503,
      'SLUICE_DEADLINE',
    ])
    expect([started(), app.concurrency.snapshot().requests.rejected]).toEqual([1, 1])
    expect(app.concurrency.limiters[0]?.snapshot().rejected.deadline).toBe(1)
    for (const gate of held) gate.resolve()
  })

  test('504 in the handler, whose signal fires, and whose permit waits for it to settle', async () => {
    const app = fastify()
    open.push(app)
    await app.register(sluice, { timeout: 50 })
    let reason: unknown
    let settle = (): void => {}
    app.get('/slow', { config: { concurrency: 1 } }, async ({ concurrency: { signal } }) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason
      })
      await new Promise<void>((resolve) => {
        settle = resolve
      })
      return 'too late'
    })
    const port = await listen(app)
    const response = await fetch(`http://127.0.0.1:${port}/slow`)
    expect(response.status).toBe(504)
    expect(await response.json()).toMatchObject({
      code: 'SLUICE_DEADLINE',
      title: 'Gateway Timeout',
    })
    expect(reason).toMatchObject({ code: 'SLUICE_DEADLINE' })
    expect(app.concurrency.snapshot().requests).toMatchObject({ answered: 1, rejected: 0 })
    expect(app.concurrency.limiters[0]?.inFlight).toBe(1)
    settle()
    await untilIdle({ app })
  })

  test('cuts a stream that has begun, and leaves alone what is answered in time', async () => {
    const app = fastify()
    open.push(app)
    await app.register(sluice)
    const { Readable } = await import('node:stream')
    app.get('/stream', { config: { concurrency: { timeout: 60 } } }, (_request, reply) => {
      const stream = new Readable({ read() {} })
      stream.push('begun')
      reply.send(stream)
    })
    app.get('/ok', { config: { concurrency: { timeout: 60 } } }, async () => 'in time')
    const port = await listen(app)
    const wire = await send(port, get('/stream'))
    await wire.received('begun')
    await wire.closed
    expect(await (await fetch(`http://127.0.0.1:${port}/ok`)).text()).toBe('in time')
    await untilIdle({ app })
    expect(app.concurrency.snapshot().requests).toMatchObject({ answered: 1, aborted: 1 })
  })

  test('503 while the body is still coming', async () => {
    const probe = await buildProbe({ timeout: 60 })
    open.push(probe.app)
    const wire = await send(
      await listen(probe.app),
      'POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"a"',
    )
    await wire.received('SLUICE_DEADLINE')
    expect(wire.text()).toMatch(/^HTTP\/1.1 503 /)
    await untilIdle(probe)
  })
})

describe('the signal', () => {
  test('fires when the client leaves, with a body as without, and is made only when read', async () => {
    const app = fastify()
    open.push(app)
    await app.register(sluice)
    const seen: string[] = []
    app.all('/', async ({ concurrency: { signal }, method }) => {
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          seen.push(`${method} ${(signal.reason as Error).name}`)
          resolve()
        })
        setTimeout(resolve, 5000).unref()
      })
    })
    app.get('/done', async ({ concurrency: { signal } }) => String(signal.aborted))
    const port = await listen(app)
    for (const request of [
      get('/'),
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
    ]) {
      const wire = await send(port, request)
      await until(() => app.concurrency.snapshot().requests.active === 1)
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(seen.length).toBeLessThan(2)
      wire.socket.destroy()
      await untilIdle({ app })
    }
    await until(() => seen.length === 2)
    expect(seen).toEqual(['GET AbortError', 'POST AbortError'])
    expect(await (await fetch(`http://127.0.0.1:${port}/done`)).text()).toBe('false')
  })
})

describe('options of when', () => {
  test('releaseOn close: a handler that goes on after its client left no longer counts', async () => {
    const probe = await buildProbe({ limit: 1, releaseOn: 'close' })
    open.push(probe.app)
    const wire = await send(await listen(probe.app), get('/held'))
    await until(() => probe.started() === 1)
    wire.socket.destroy()
    await untilIdle(probe)
    for (const gate of probe.held) gate.resolve()
  })

  test('hook preHandler: admitted after the body and after earlier hooks, which key and priority may use', async () => {
    const app = fastify()
    open.push(app)
    app.decorateRequest('user', '')
    app.addHook('onRequest', async (request) => {
      Object.assign(request, { user: 'ann' })
    })
    const bodies: unknown[] = []
    await app.register(sluice, {
      hook: 'preHandler',
      key: {
        by: (request) => {
          bodies.push(request.body)
          return (request as unknown as { user: string }).user
        },
        limit: 1,
      },
    })
    app.post('/', async () => 'done')
    const response = await app.inject({ method: 'POST', url: '/', payload: { a: 1 } })
    expect([response.body, bodies]).toEqual(['done', [{ a: 1 }]])
    await untilIdle({ app })
    expect(app.concurrency.limiters[0]?.snapshot().admitted).toBe(1)
  })
})

test('a limit algorithm that throws is logged, costs no permit and no other request', async () => {
  const limit: LimitAlgorithm = {
    limit: 1,
    onSample() {
      throw new Error('bad algorithm')
    },
  }
  const logged: string[] = []
  const app = fastify({
    logger: { level: 'error', stream: { write: (line) => void logged.push(line) } },
  })
  open.push(app)
  await app.register(sluice, { limit })
  const clock = stopPerformanceClock()
  app.get('/', async () => {
    clock.advance(2)
    return 'fine'
  })
  expect((await app.inject('/')).body).toBe('fine')
  expect((await app.inject('/')).body).toBe('fine')
  await untilIdle({ app })
  expect(logged.map((line) => line.includes('bad algorithm'))).toEqual([true, true])
})
