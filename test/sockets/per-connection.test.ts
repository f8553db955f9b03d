/** What one connection may ask for at once: pipelined requests, and streams of a session. */
import { connect as connectHttp2, createServer, type ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import sluice from '../../src/sluice/index.js'
import { type Deferred, deferred } from '../support/deferred.js'
import { identity, untilIdle } from '../support/probe-app.js'
import { get, listen, send, until } from '../support/wire.js'

const apps: FastifyInstance[] = []

afterEach(async () => {
  for (const app of apps.splice(0)) {
    await app.concurrency.drain({ timeout: 0 })
    await app.close()
  }
})

async function build(perConnection: number, limit?: number) {
  const app = fastify()
  apps.push(app)
  const gate: Deferred<void> = deferred()
  let handled = 0
  await app.register(sluice, { perConnection, limit })
  app.get('/first', async () => {
    await gate.promise
    return 'first'
  })
  app.get('/next', async () => {
    handled++
    return 'next'
  })
  return { app, gate, handled: () => handled, port: await listen(app) }
}

const active = ({ app }: { app: FastifyInstance }) => app.concurrency.snapshot().requests.active
const answers = (text: string, status: string): number =>
  text.split(`HTTP/1.1 ${status}`).length - 1

test('as many as there may be behind one are answered, and those beyond are refused, each in its turn', async () => {
  const built = await build(3)
  const wire = await send(built.port, get('/first') + get('/next').repeat(5))
  await until(() => active(built) === 6)
  built.gate.resolve()
  await until(() => wire.text().split('HTTP/1.1').length === 7)
  const statuses = [...wire.text().matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status)
  expect(statuses).toEqual(['200', '200', '200', '200', '503', '503'])
  expect(wire.text()).not.toMatch(/connection: close/i)
  expect(built.handled()).toBe(3)
  // The connection is as good as before.
  wire.socket.write(get('/next'))
  await until(() => answers(wire.text(), '200') === 5)
  await untilIdle(built)
  wire.socket.destroy()
})

test('with twice as many waiting the connection ends behind the last of them', async () => {
  const built = await build(3)
  const wire = await send(built.port, get('/first') + get('/next').repeat(50))
  await until(() => built.app.concurrency.snapshot().requests.total === 51)
  expect(active(built)).toBe(7)
  identity(built.app)
  built.gate.resolve()
  await wire.closed
  expect([answers(wire.text(), '200'), answers(wire.text(), '503')]).toEqual([4, 3])
  expect(wire.text().match(/connection: close/gi)).toHaveLength(1)
  await untilIdle(built)
  expect(built.app.concurrency.snapshot().requests).toMatchObject({ answered: 7, aborted: 44 })
})

test('what comes on a connection that is to end is read, not kept, and its client is seen to leave', async () => {
  // So many refusals wait that Node has paused the connection.
  const built = await build(300, 5)
  const { app } = built
  const sockets: Socket[] = []
  app.server.on('connection', (socket) => sockets.push(socket))
  const wire = await send(built.port, get('/first') + get('/next').repeat(4000))
  const more = Buffer.from(get('/next').repeat(1000))
  for (let i = 0; i < 40; i++) {
    if (!wire.socket.write(more)) {
      await new Promise((resolve) => wire.socket.once('drain', resolve))
    }
  }
  await until(() => (sockets[0]?.bytesRead ?? 0) > 1_000_000)
  expect(active(built)).toBe(601)
  wire.socket.destroy()
  // The first is the only one that was admitted, and it never ends by itself.
  await until(() => active(built) === 0)
  built.gate.resolve()
  await untilIdle(built)
})

test('what waits behind another is counted as queued, until its turn comes or its connection dies', async () => {
  const built = await build(100, 5)
  const [limiter] = built.app.concurrency.limiters
  const wires = await Promise.all(
    [4, 6].map((others) => send(built.port, get('/first') + get('/next').repeat(others))),
  )
  await until(() => limiter?.queued === 10)
  expect(limiter?.inFlight).toBe(2)
  wires[1]?.socket.destroy()
  await until(() => limiter?.queued === 4)
  built.gate.resolve()
  await until(() => answers(wires[0]?.text() ?? '', '200') === 5)
  expect(limiter?.queued).toBe(0)
  await untilIdle(built)
  wires[0]?.socket.destroy()
})

test('of all connections together no more wait than a queue has places: beyond that they end', async () => {
  const built = await build(100, 50)
  const [limiter] = built.app.concurrency.limiters
  const wires = await Promise.all(
    Array.from({ length: 15 }, () => send(built.port, get('/first') + get('/next').repeat(90))),
  )
  await until(() => built.app.concurrency.snapshot().requests.total === 15 * 91)
  expect(limiter?.queued).toBe(1000)
  built.gate.resolve()
  await until(() =>
    wires.every(
      (wire) => /connection: close/i.test(wire.text()) || answers(wire.text(), '200') === 91,
    ),
  )
  const answered = wires.reduce((sum, wire) => sum + answers(wire.text(), '200'), 0)
  expect(answered).toBe(15 + 1000)
  const ended = wires.filter((wire) => answers(wire.text(), '503') === 1)
  expect(ended.length).toBe(4)
  await untilIdle(built)
  for (const wire of wires) wire.socket.destroy()
})

test.each([
  [{}, 7],
  [{ maxConcurrentStreams: 3 }, 3],
  [{ maxConcurrentStreams: 50 }, 7],
])(
  'of HTTP/2, a server with %j allows as many streams as the options say, or fewer',
  async (settings, expected) => {
    const app = fastify({
      http2: true,
      serverFactory: (handler: () => void) => createServer({ settings }, handler),
    } as never) as unknown as FastifyInstance
    apps.push(app)
    const sessions: ServerHttp2Session[] = []
    await app.register(sluice, { perConnection: 7 })
    app.server.on('session', (session: ServerHttp2Session) => sessions.push(session))
    app.get('/', async () => 'x')
    const client = connectHttp2(`http://127.0.0.1:${await listen(app)}`)
    const pings = (): Promise<void> => new Promise((resolve) => client.ping(() => resolve()))
    // Each round trip brings what was sent before it.
    for (let trip = 0; trip < 3; trip++) await pings()
    await until(() => client.remoteSettings?.maxConcurrentStreams === expected)
    await until(() => sessions[0]?.localSettings.maxConcurrentStreams === expected)
    client.destroy()
  },
)
