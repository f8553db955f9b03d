/**
 * Guarantee 8 for upgraded connections: their owners are told at once and say goodbye in their own
 * time; what they leave is cut at the deadline.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import websocket from '@fastify/websocket'
import { type FastifyInstance, fastify } from 'fastify'
import { Server } from 'socket.io'
import { io, type Socket } from 'socket.io-client'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import sluice from '../../src/sluice/index.js'
import { hasBoth, twoAddresses } from '../support/localhost.js'
import { untilIdle } from '../support/probe-app.js'
import { call, type Talk, talk, wish } from '../support/websocket.js'
import { get, listen, send, until, type Wire } from '../support/wire.js'

let app: FastifyInstance
const talks: Talk[] = []
const wires: Wire[] = []

beforeAll(() => import(twoAddresses))

afterEach(async () => {
  for (const { socket } of talks.splice(0)) socket.terminate()
  for (const { socket } of wires.splice(0)) socket.destroy()
  await app.concurrency.drain({ timeout: 0 })
  await app.close()
})

async function open(port: number, path: string, host?: string): Promise<Talk> {
  const client = await talk(port, path, host)
  talks.push(client)
  return client
}

async function raw(port: number, text: string): Promise<Wire> {
  const wire = await send(port, text)
  wires.push(wire)
  return wire
}

/** Milliseconds that closing takes, which is no measure but for its being soon. */
async function close(): Promise<number> {
  const before = performance.now()
  await app.close()
  return performance.now() - before
}

describe.each(['before', 'behind'])('@fastify/websocket %s the plugin', (place) => {
  async function build(options: object = {}, preClose?: () => Promise<void>): Promise<void> {
    app = fastify(options)
    const given = preClose === undefined ? {} : { preClose }
    if (place === 'before') await app.register(websocket, given)
    await app.register(sluice)
    if (place === 'behind') await app.register(websocket, given)
    const config = { concurrency: { limit: 1, queue: { size: 5 } } }
    app.get('/quiet', { websocket: true }, () => {})
    app.get('/one', { websocket: true, config }, () => {})
    app.get('/polite', { websocket: true }, (socket, { concurrency: { signal } }) => {
      signal.addEventListener('abort', () => {
        socket.send(`goodbye: ${signal.reason.code}`)
        socket.close(1001)
      })
    })
  }

  test('a handler says goodbye at its signal, in the delay already', async () => {
    await build()
    const client = await open(await listen(app), '/polite')
    let over = false
    const drained = app.concurrency.drain({ delay: 1500 }).then((through) => {
      over = true
      return through
    })
    await client.closed
    expect([client.heard, client.code(), over]).toEqual([['goodbye: SLUICE_CLOSED'], 1001, false])
    expect(await drained).toBe(true)
  })

  test('who comes in the delay is served and told, who comes behind it is refused', async () => {
    await build()
    const port = await listen(app)
    const drained = app.concurrency.drain({ delay: 1000 })
    const client = await open(port, '/polite')
    await client.closed
    expect(client.heard).toEqual(['goodbye: SLUICE_CLOSED'])
    expect(await drained).toBe(true)
    expect((await open(port, '/polite')).status()).toBe(503)
    const refused = await raw(port, wish('/polite'))
    await refused.closed
    expect(refused.text()).toContain('SLUICE_CLOSED')
  })

  test('who waits to be upgraded is refused, and its socket ends', async () => {
    await build()
    const port = await listen(app)
    await open(port, '/one')
    const waiting = call(port, '/one')
    talks.push(waiting)
    const silent = await raw(port, wish('/one'))
    await until(() => app.concurrency.snapshot().requests.active === 3)
    const closed = app.close()
    await Promise.all([waiting.closed, silent.closed])
    expect(waiting.status()).toBe(503)
    await closed
  })

  test('nobody waits for those that @fastify/websocket ends itself', async () => {
    await build()
    const port = await listen(app)
    const clients = [await open(port, '/quiet'), await open(port, '/one')]
    expect(await close()).toBeLessThan(3000)
    await Promise.all(clients.map(({ closed }) => closed))
    // 1005: closed in order, without a code. 1006 would be a broken connection.
    expect(clients.map(({ code }) => code())).toEqual([1005, 1005])
    await untilIdle({ app })
    expect(app.concurrency.snapshot().requests).toMatchObject({ answered: 2, aborted: 0 })
  })

  test('a `preClose` that takes its time has it', async () => {
    await build({}, async () => {
      await sleep(300)
      for (const socket of app.websocketServer.clients) {
        socket.send('goodbye')
        socket.close(1001)
      }
      app.websocketServer.close()
    })
    const client = await open(await listen(app), '/quiet')
    expect(await close()).toBeLessThan(3000)
    await client.closed
    expect([client.heard, client.code()]).toEqual([['goodbye'], 1001])
  })

  test('what its owner leaves, or its client does not answer, is cut at the deadline', async () => {
    await build({ pluginTimeout: 800 }, async () => {})
    const port = await listen(app)
    const client = await open(port, '/quiet')
    const deaf = await raw(port, wish('/quiet'))
    await deaf.received('101 Switching')
    expect(await close()).toBeLessThan(3000)
    await Promise.all([client.closed, deaf.closed])
    expect(client.code()).toBe(1006)
  })

  test.skipIf(!hasBoth)('all of that on both addresses of localhost', async () => {
    await build()
    await app.listen({ host: 'localhost', port: 0 })
    const { port } = app.addresses()[0] as { port: number }
    const hosts = ['::1', '127.0.0.1']
    const polite = await Promise.all(hosts.map((host) => open(port, '/polite', host)))
    const quiet = await Promise.all(hosts.map((host) => open(port, '/quiet', host)))
    // Whose `preClose` comes first ends them first: the signal has to be heard before.
    await app.concurrency.drain()
    expect(await close()).toBeLessThan(3000)
    await Promise.all([...polite, ...quiet].map(({ closed }) => closed))
    expect(polite.map(({ heard }) => heard)).toEqual(polite.map(() => ['goodbye: SLUICE_CLOSED']))
    expect(quiet.map(({ code }) => code())).toEqual([1005, 1005])
  })
})

describe.each(['before', 'behind'])('on `app.server`, %s the plugin', (place) => {
  async function build(attach: () => void): Promise<number> {
    app = fastify()
    if (place === 'before') attach()
    await app.register(sluice, { limit: 1 })
    if (place === 'behind') attach()
    app.get('/ok', async () => 'ok')
    return listen(app)
  }

  test('ws: its owner says goodbye in its own time, and holds nobody up', async () => {
    const port = await build(() => {
      const server = new WebSocketServer({ server: app.server })
      app.addHook('preClose', async () => {
        await sleep(200)
        for (const socket of server.clients) {
          socket.send('goodbye')
          socket.close(1001)
        }
        server.close()
      })
    })
    const clients = [await open(port, '/any'), await open(port, '/other')]
    // They are connections that the plugin does not see, and take no permit.
    expect((await app.inject('/ok')).body).toBe('ok')
    expect(app.concurrency.snapshot().requests).toMatchObject({ total: 1 })
    expect(await close()).toBeLessThan(3000)
    await Promise.all(clients.map(({ closed }) => closed))
    expect(clients.map(({ heard, code }) => [...heard, code()])).toEqual([
      ['goodbye', 1001],
      ['goodbye', 1001],
    ])
  })

  test.each(['websocket', 'polling'])('socket.io by %s: as ws', async (transport) => {
    const port = await build(() => {
      const server = new Server(app.server)
      server.on('connection', (socket) => socket.on('ask', (answer) => answer('told')))
      app.addHook('preClose', async () => {
        server.emit('goodbye')
        await sleep(100)
        server.local.disconnectSockets(true)
      })
    })
    const socket: Socket = io(`http://127.0.0.1:${port}`, {
      transports: [transport],
      reconnection: false,
    })
    const heard: string[] = []
    socket.on('goodbye', () => heard.push('goodbye'))
    socket.on('disconnect', (reason) => heard.push(reason))
    await until(() => socket.connected)
    expect(await socket.timeout(5000).emitWithAck('ask')).toBe('told')
    const wire = await raw(port, get('/ok'))
    await wire.received('ok')
    expect(await close()).toBeLessThan(5000)
    await until(() => heard.length === 2)
    expect(heard).toEqual(['goodbye', expect.stringMatching(/server disconnect|transport close/)])
    socket.disconnect()
  })
})
