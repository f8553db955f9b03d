/**
 * Guarantees 1, 2, 7 and 10 with every protocol at once on one server, and over every scope:
 * HTTP/1.1 as in storm.test.ts; HTTP/2 whose streams are reset, whose sessions and sockets die, with
 * half an upload or in the queue; WebSockets that end in order, break off, or are refused. An error
 * that nobody catches fails the run. STORM sets how many clients there are.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { data, post, preface, reset } from '../support/frames.js'
import { type Answer, type Client, cancel, dial, transports } from '../support/http2.js'
import { untilIdle } from '../support/probe-app.js'
import { connectPsk } from '../support/psk.js'
import { addScopes, scopeLimits, scopePaths } from '../support/scopes-app.js'
import {
  askFrom,
  CLIENTS,
  heapUsed,
  pause,
  pick,
  random,
  storm,
  users,
  wireKinds,
} from '../support/storm.js'
import { type Talk, talkBy, wish } from '../support/websocket.js'
import { listen, until, type Wire, wireOf } from '../support/wire.js'

const HOST = '127.0.0.1'
const OPEN = 4
/** What a worker of the test runner itself comes to hold meanwhile, generously. */
const HEAP_NOISE = 5_000_000
const SESSION_TIMEOUT = 500

const transport = transports['over TLS beside HTTP/1.1']
let app: FastifyInstance
let port: number

afterEach(() => app.close())

async function wire(): Promise<Wire> {
  const socket = connectPsk(port, HOST)
  await once(socket, 'secureConnect')
  return wireOf(socket)
}

/** Each takes a session, and leaves it to be destroyed if it has not done so. */
const sessions: Record<string, (client: Client) => Promise<void>> = {
  patient: async (client) => {
    await Promise.all(some(client, 5).map(({ closed }) => closed))
  },
  'cancels at once': async (client) => {
    for (const answer of some(client, 3)) cancel(answer)
    await pause(5)
  },
  'cancels some, in the handler or in the queue': async (client) => {
    const answers = some(client, 10)
    await pause(10)
    for (const answer of answers) if (random() < 0.7) cancel(answer)
    await Promise.all(answers.map(({ closed }) => closed))
  },
  'cancels what it has begun to read': async (client) => {
    const answers = some(client, 3, ['/stream', '/hijack'])
    await Promise.race([...answers.map(({ begun }) => begun), pause(30)])
    for (const answer of answers) cancel(answer)
    await pause(2)
  },
  'destroys its session': async (client) => {
    some(client, 6)
    await pause(12)
    client.session.destroy()
  },
  'destroys its socket': async (client) => {
    some(client, 6)
    await pause(12)
    client.socket.destroy()
  },
  'closes its session behind its streams': async (client) => {
    some(client, 4)
    client.session.close()
    await Promise.race([client.closed, pause(40)])
  },
  'asks for nothing': () => pause(5),
}

function some(client: Client, most: number, paths: readonly string[] = scopePaths): Answer[] {
  return Array.from({ length: Math.ceil(random() * most) }, () =>
    client.ask(pick(paths), { user: pick(users), priority: String(pick([0, 0, 1])) }),
  )
}

/** Half an upload: reset, or its connection breaks. */
async function uploadHalf(): Promise<void> {
  const socket = transport.dial(port, HOST).resume()
  await once(socket, 'secureConnect')
  socket.write(Buffer.concat([preface, post(1, '/fast'), data(1, '{')]))
  await pause(15)
  if (random() < 0.5) socket.write(reset(1, pick([0, 2, 8])))
  await pause(2)
  socket.destroy()
}

const talks: Record<string, (talk: Talk) => Promise<void>> = {
  'in order': async ({ socket, heard, status, closed }) => {
    await until(() => status() !== 0)
    if (status() === 101) {
      socket.send('echo')
      await until(() => heard.length > 0)
    }
    socket.close()
    await closed
  },
  'breaks off': async ({ socket }) => {
    await pause(20)
    socket.terminate()
  },
  'is ended by the server': async ({ socket, status, closed }) => {
    await until(() => status() !== 0)
    if (status() === 101) {
      socket.send('end')
      await closed
    }
  },
}

async function wishAndLeave(): Promise<void> {
  const { socket, closed } = await wire()
  socket.write(wish(pick(['/talk', '/talk', '/nowhere', '/ok']), pick(['websocket', 'other'])))
  if (random() < 0.5) socket.end()
  await Promise.race([closed, pause(30)])
  socket.destroy()
}

/** More than may be open or wait. */
async function crowd(): Promise<void> {
  const all = Array.from({ length: 3 * OPEN }, talk)
  await until(() => all.every(({ status }) => status() !== 0))
  for (const { socket } of all) socket.terminate()
}

function talk(): Talk {
  const createConnection = () => connectPsk(port, HOST)
  return talkBy(new WebSocket(`ws://${HOST}:${port}/talk`, { createConnection }))
}

const kinds: readonly (() => Promise<void>)[] = [
  ...wireKinds(() => askFrom(scopePaths)).map((kind) => async () => {
    const own = await wire()
    await kind(own)
    own.socket.destroy()
  }),
  ...Object.values(sessions).map((kind) => async () => {
    const client = await dial(transport, port, HOST)
    await kind(client)
    client.session.destroy()
  }),
  ...Object.values(talks).map((kind) => async () => {
    const own = talk()
    await kind(own)
    own.socket.terminate()
  }),
  uploadHalf,
  wishAndLeave,
  crowd,
]

test('a storm of all protocols at once leaks no permit, loses no request and keeps no memory', async () => {
  // Fastify's timer keeps a session that is over until then, 72 s by default.
  app = transport.build({ http2SessionTimeout: SESSION_TIMEOUT })
  await addScopes(app)
  await app.register(websocket)
  const config = { concurrency: { limit: OPEN, queue: { size: 4, timeout: 10 } } }
  app.get('/talk', { websocket: true, config }, (socket) => {
    socket.on('message', (message) => {
      if (String(message) === 'end') socket.close()
      else socket.send(String(message))
    })
  })
  port = await listen(app)
  const heapAfter = async (clients: number): Promise<number> => {
    await storm(app, kinds, clients)
    await untilIdle({ app })
    await sleep(2 * SESSION_TIMEOUT)
    return heapUsed()
  }
  // What is made once is there by then.
  const before = await heapAfter(400)
  expect((await heapAfter(CLIENTS)) - before).toBeLessThan(HEAP_NOISE)

  const { requests, limiters } = app.concurrency.snapshot()
  expect(requests.answered).toBeGreaterThan(CLIENTS / 2)
  expect(requests.aborted).toBeGreaterThan(CLIENTS / 5)
  expect(requests.rejected).toBeGreaterThan(CLIENTS / 200)
  expect(limiters.filter(({ admitted }) => admitted === 0).map(({ name }) => name)).toEqual([])
  // The permits are not only counted as back: they can be taken again, as many as there were.
  const client = await dial(transport, port, HOST)
  for (const [path, limit] of Object.entries(scopeLimits)) {
    const all = Array.from({ length: limit }, (_none, n) => client.ask(path, { user: `${n}` }))
    await Promise.all(all.map(({ closed }) => closed))
    expect(
      all.map(({ status }) => status()),
      path,
    ).toEqual(all.map(() => 200))
  }
  client.session.destroy()
  const open = Array.from({ length: OPEN - 1 }, talk)
  await until(() => open.every(({ status }) => status() !== 0))
  expect(open.map(({ status }) => status())).toEqual(open.map(() => 101))
  for (const { socket } of open) socket.terminate()
}, 300_000)
