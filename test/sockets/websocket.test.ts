/**
 * Guarantees 1, 2, 4 and 7 for upgraded connections: a permit of such a route is one of so many open
 * connections. With @fastify/websocket registered before the plugin and behind it.
 */
import websocket from '@fastify/websocket'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import sluice, { type LimitAlgorithm } from '../../src/sluice/index.js'
import { untilIdle } from '../support/probe-app.js'
import { call, type Talk, talk, wish } from '../support/websocket.js'
import { listen, send, until, type Wire } from '../support/wire.js'

describe.each(['before', 'behind'])('@fastify/websocket %s the plugin', (place) => {
  let app: FastifyInstance
  let port: number
  let samples: number
  let told: string[]
  const talks: Talk[] = []
  const wires: Wire[] = []

  beforeEach(async () => {
    samples = 0
    told = []
    const learner: LimitAlgorithm = {
      limit: 10,
      onSample: () => {
        samples++
        return 10
      },
    }
    app = fastify()
    if (place === 'before') await app.register(websocket)
    await app.register(sluice, { limit: learner })
    if (place === 'behind') await app.register(websocket)
    const two = { limit: 2, queue: { size: 0 } }
    const echo = { websocket: true, config: { concurrency: two } } as const
    app.get('/echo', echo, (socket, request) => {
      const { signal } = request.concurrency
      signal.addEventListener('abort', () => told.push(String(signal.reason.name)))
      socket.on('message', (data) => socket.send(`${data}`))
    })
    app.get(
      '/hangs',
      { websocket: true, config: { concurrency: { ...two, abandonAfter: Infinity } } },
      async () => {
        await new Promise(() => {})
      },
    )
    app.get('/throws', echo, () => {
      throw new Error('handler failed')
    })
    app.get('/rejects', echo, async () => {
      throw new Error('handler failed')
    })
    app.get(
      '/closes',
      { ...echo, config: { concurrency: { limit: 1, releaseOn: 'close' } } },
      () => {},
    )
    app.get('/short', { ...echo, config: { concurrency: { limit: 1, timeout: 50 } } }, () => {})
    app.get('/plain', { config: { concurrency: two } }, async () => 'plain')
    app.get('/free', { websocket: true, config: { concurrency: false } }, () => {})
    port = await listen(app)
  })

  afterEach(async () => {
    for (const { socket } of talks.splice(0)) socket.terminate()
    for (const { socket } of wires.splice(0)) socket.destroy()
    await app.close()
  })

  async function open(path: string): Promise<Talk> {
    const client = await talk(port, path)
    talks.push(client)
    return client
  }

  async function raw(text: string): Promise<Wire> {
    const wire = await send(port, text)
    wires.push(wire)
    return wire
  }

  const counts = () => app.concurrency.snapshot().requests
  const inFlight = (name: string) =>
    app.concurrency.limiters.find((limiter) => limiter.name === `GET ${name}`)?.inFlight
  const metrics = () => app.concurrency.registry.metrics()

  test('of so many open connections the next is refused with 503, and its socket ends', async () => {
    const [first, second] = [await open('/echo'), await open('/echo')]
    const third = await raw(wish('/echo'))
    await third.received('SLUICE_QUEUE_FULL')
    expect(third.text()).toMatch(/^HTTP\/1.1 503 .*retry-after: \d/is)
    await third.closed
    expect((await open('/echo')).status()).toBe(503)
    for (const { socket, heard } of [first, second]) {
      socket.send('still there')
      await until(() => heard.includes('still there'))
    }
    expect(inFlight('/echo')).toBe(2)
    first.socket.close()
    await until(() => inFlight('/echo') === 1)
    expect((await open('/echo')).status()).toBe(101)
  })

  const ends: [string, (client: Talk) => void][] = [
    ['in order', ({ socket }) => socket.close(1000)],
    ['without a word', ({ socket }) => socket.terminate()],
    ['by its server', () => app.websocketServer.clients.forEach((socket) => void socket.close())],
    [
      'by a server that breaks off',
      () => app.websocketServer.clients.forEach((socket) => void socket.terminate()),
    ],
  ]
  test.each(ends)('one that ends %s was answered, and its permits return', async (_how, end) => {
    const client = await open('/echo')
    expect(client.status()).toBe(101)
    await until(() => counts().active === 1)
    expect(await metrics()).toMatch('http_server_upgraded_connections{route="/echo"} 1')
    end(client)
    await untilIdle({ app })
    expect(counts()).toMatchObject({ answered: 1, aborted: 0, rejected: 0 })
    expect(await metrics()).toMatch('http_server_upgraded_connections{route="/echo"} 0')
    expect(await metrics()).not.toMatch(/request_duration_seconds_count{[^}]*"\/echo"/)
    expect(told).toEqual(['AbortError'])
    expect(samples).toBe(0)
    const again = [await open('/echo'), await open('/echo')]
    expect(again.map(({ status }) => status())).toEqual([101, 101])
  })

  test.each(['/throws', '/rejects'])(
    'one whose handler fails returns its permits: %s',
    async (path) => {
      const client = await open(path)
      await client.closed
      await untilIdle({ app })
      expect(counts()).toMatchObject({ total: 1, active: 0 })
    },
  )

  test('one whose handler never settles returns its permits with its socket', async () => {
    const client = await open('/hangs')
    await until(() => inFlight('/hangs') === 1)
    client.socket.close()
    await untilIdle({ app })
  })

  test("`releaseOn: 'close'` gives the permit back at the upgrade", async () => {
    const clients = [await open('/closes'), await open('/closes')]
    expect(clients.map(({ status }) => status())).toEqual([101, 101])
    expect(inFlight('/closes')).toBe(0)
    expect(counts()).toMatchObject({ active: 2 })
  })

  test('a deadline is that of the upgrade, not of what comes behind it', async () => {
    const client = await open('/short')
    const late = call(port, '/short')
    talks.push(late)
    await until(() => late.status() !== 0)
    expect(late.status()).toBe(503)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect([client.code(), inFlight('/short')]).toEqual([undefined, 1])
  })

  test('who is not limited is counted all the same', async () => {
    const client = await open('/free')
    expect(await metrics()).toMatch('http_server_upgraded_connections{route="/free"} 1')
    client.socket.terminate()
    await untilIdle({ app })
    expect(counts()).toMatchObject({ answered: 1, aborted: 0 })
  })

  const leaves: [string, (wire: Wire) => void][] = [
    ['closes its connection', ({ socket }) => socket.end()],
    ['breaks it off', ({ socket }) => socket.resetAndDestroy()],
    ['is gone', ({ socket }) => socket.destroy()],
  ]
  test.each(leaves)(
    'a client that %s while it waits to be upgraded keeps no place',
    async (_how, leave) => {
      const client = await open('/short')
      const waiting = app.concurrency.limiters.find(({ name }) => name === 'GET /short')
      const wire = await raw(wish('/short'))
      await until(() => waiting?.queued === 1)
      leave(wire)
      await until(() => waiting?.queued === 0)
      await until(() => counts().active === 1)
      expect(counts()).toMatchObject({ aborted: 1, rejected: 0 })
      client.socket.close()
      await untilIdle({ app })
    },
  )

  test.each([
    ['no route', '/nowhere', 'websocket', /^HTTP\/1.1 404 /],
    ['a protocol that nobody speaks', '/plain', 'other', /^HTTP\/1.1 400 /],
    ['a refusal by ws', '/echo', 'other', /^HTTP\/1.1 400 /],
  ])(
    'a request to upgrade that meets %s leaves neither permit nor socket',
    async (_what, path, protocol, answer) => {
      const wire = await raw(wish(path, protocol))
      await wire.received(answer)
      await wire.closed
      await untilIdle({ app })
      expect(counts()).toMatchObject({ answered: 1, aborted: 0 })
    },
  )

  test('one to a route of another kind is ended by @fastify/websocket', async () => {
    const client = await open('/plain')
    await client.closed
    await untilIdle({ app })
    expect(inFlight('/plain')).toBe(0)
  })

  test('a connection that is injected returns its permits', async () => {
    const socket = await app.injectWS('/echo')
    await until(() => inFlight('/echo') === 1)
    socket.terminate()
    await untilIdle({ app })
  })

  test('plain requests of the same app are what they were', async () => {
    expect((await app.inject('/plain')).body).toBe('plain')
    expect((await app.inject('/echo')).statusCode).toBe(404)
    const wire = await raw('GET /plain HTTP/1.1\r\nHost: x\r\n\r\n')
    await wire.received('plain')
    await untilIdle({ app })
    expect(counts()).toMatchObject({ answered: 3, aborted: 0 })
  })
})
