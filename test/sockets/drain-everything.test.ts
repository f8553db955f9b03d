/**
 * Guarantee 8 with everything that is open at once, on one server: downloads, uploads, event streams,
 * WebSockets, sessions of HTTP/2, and connections that are idle, silent, or stopped half-way. An error
 * that nobody catches fails the run.
 */

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import websocket from '@fastify/websocket'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import sluice from '../../src/sluice/index.js'
import { deferred } from '../support/deferred.js'
import { post, preface } from '../support/frames.js'
import { type Client, dial, transports } from '../support/http2.js'
import { connectPsk } from '../support/psk.js'
import { talkBy } from '../support/websocket.js'
import { get, listen, open, until, type Wire, wireOf } from '../support/wire.js'

const HOST = '127.0.0.1'
const SIZE = 9_000_000
const body = JSON.stringify({ text: 'x'.repeat(100_000) })
const json = { 'content-type': 'application/json' }

const transport = transports['over TLS beside HTTP/1.1']
const app = transport.build()
const ends: (() => void)[] = []
const released = deferred()

afterEach(async () => {
  for (const end of ends.splice(0)) end()
  await app.concurrency.drain({ timeout: 0 })
  await app.close()
})

async function serve(): Promise<number> {
  await app.register(websocket)
  await app.register(sluice, {
    limit: 40,
    key: { by: ({ headers }) => String(headers.user), limit: 40 },
  })
  app.get('/ok', async () => 'ok')
  app.get('/slow', async () => {
    await released.promise
    return 'slow'
  })
  app.get('/download', async () => Buffer.alloc(SIZE, 'x'))
  app.post<{ Body: { text: string } }>('/upload', async (request) => `${request.body.text.length}`)
  app.get('/events', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => reply.raw.write('data: more\n\n'), 2)
    reply.raw.on('close', () => clearInterval(timer))
  })
  app.get('/talk', { websocket: true }, (socket, { concurrency: { signal } }) => {
    signal.addEventListener('abort', () => {
      socket.send('goodbye')
      socket.close(1001)
    })
  })
  return listen(app)
}

async function wire(port: number, text: string): Promise<Wire> {
  const socket = connectPsk(port, HOST)
  await once(socket, 'secureConnect')
  ends.push(() => socket.destroy())
  const own = wireOf(socket)
  socket.write(text)
  return own
}

async function meet(port: number): Promise<Client> {
  const client = await dial(transport, port, HOST)
  ends.push(() => client.session.destroy())
  return client
}

async function chat(port: number) {
  const createConnection = () => connectPsk(port, HOST)
  const talk = talkBy(new WebSocket(`ws://${HOST}:${port}/talk`, { createConnection }))
  ends.push(() => talk.socket.terminate())
  await until(() => talk.status() === 101)
  return talk
}

/** What of HTTP/1.1 has come behind the head. */
const bodyOf = (own: Wire): string => own.text().split('\r\n\r\n').slice(1).join('\r\n\r\n')

test('a drain loses no admitted request, throws nothing and ends inside its time', async () => {
  const port = await serve()
  // HTTP/1.1
  const download = await wire(port, get('/download'))
  download.socket.pause()
  const head = `POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
  const upload = await wire(port, head + body.slice(0, 1000))
  const slow = await wire(port, get('/slow'))
  const events = await wire(port, get('/events'))
  // HTTP/2
  const client = await meet(port)
  const reader = client.ask('/download')
  reader.stream.pause()
  const others = [client.ask('/slow'), client.ask('/slow')]
  const stream = client.ask('/events')
  const uploader = await meet(port)
  const sent = uploader.session.request(
    { ':method': 'POST', ':path': '/upload', ...json },
    { endStream: false },
  )
  sent.write(body.slice(0, 1000))
  let echoed = ''
  sent.setEncoding('latin1').on('data', (chunk: string) => {
    echoed += chunk
  })
  // What is upgraded
  const talks = await Promise.all([chat(port), chat(port), chat(port)])
  // What wants nothing
  const idle = await wire(port, get('/ok'))
  await idle.received('ok')
  const idleSession = await meet(port)
  await idleSession.ask('/ok').closed
  const silent = [await open(port, HOST), await wire(port, '')]
  const half = [await open(port, HOST), await wire(port, 'GET /ok HTTP/1.1\r\nHos')]
  half[0]?.socket.write('\x16\x03\x01')
  const broken = transport.dial(port, HOST)
  await once(broken, 'secureConnect')
  broken.write(Buffer.concat([preface, post(1, '/upload').subarray(0, 20)]))
  const brokenClosed = once(broken.resume(), 'close')
  ends.push(() => broken.destroy())

  await stream.begun
  await events.received('data: more')
  await until(
    () => app.concurrency.snapshot().requests.active === 12,
    () => `active: ${app.concurrency.snapshot().requests.active}`,
  )
  const before = performance.now()
  const drained = app.concurrency.drain({ delay: 1500, timeout: 8000 })
  await client.goaway
  // They come in the delay, and find nothing changed.
  const late = await wire(port, get('/ok'))
  await late.received('ok')
  const lateSession = await meet(port)
  const lateAnswer = lateSession.ask('/ok')
  await lateAnswer.closed
  expect(lateAnswer.text()).toBe('ok')
  await Promise.all(talks.map(({ closed }) => closed))
  expect(talks.map(({ heard, code }) => [...heard, code()])).toEqual(
    talks.map(() => ['goodbye', 1001]),
  )

  await sleep(1500)
  const closed = app.close()
  released.resolve()
  download.socket.resume()
  reader.stream.resume()
  upload.socket.write(body.slice(1000))
  sent.end(body.slice(1000))

  expect(await drained).toBe(true)
  await closed
  expect(performance.now() - before).toBeLessThan(8000)
  const wires = [download, upload, slow, events, idle, late, ...silent, ...half]
  const sessions = [client, uploader, idleSession, lateSession]
  await Promise.all([...wires, ...sessions].map((each) => each.closed))
  await brokenClosed
  expect(bodyOf(download)).toHaveLength(SIZE)
  expect(bodyOf(upload)).toBe('100000')
  expect(bodyOf(slow)).toBe('slow')
  expect(events.text()).toMatch(/0\r\n\r\n$/)
  expect(reader.text()).toHaveLength(SIZE)
  expect(echoed).toBe('100000')
  expect(others.map((answer) => answer.text())).toEqual(['slow', 'slow'])
  expect([stream.status(), stream.stream.rstCode]).toEqual([200, 0])
  const { requests, limiters } = app.concurrency.snapshot()
  expect(requests).toMatchObject({ active: 0, aborted: 0, rejected: 0 })
  expect(limiters.map(({ inFlight }) => inFlight)).toEqual(limiters.map(() => 0))
})
