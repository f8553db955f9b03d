/** Bodies that nobody wants, and clients that left behind theirs. */
import { request } from 'node:http'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import sluice from '../../src/sluice/index.js'
import { type Deferred, deferred, turns } from '../support/deferred.js'
import { untilIdle } from '../support/probe-app.js'
import { get, listen, send, until } from '../support/wire.js'

const apps: FastifyInstance[] = []

afterEach(async () => {
  for (const app of apps.splice(0)) {
    await app.concurrency.drain({ timeout: 0 })
    await app.close()
  }
})

async function build() {
  const app = fastify({ bodyLimit: 100_000_000 })
  apps.push(app)
  const held: Deferred<void>[] = []
  const posted: number[] = []
  await app.register(sluice)
  const config = { concurrency: { limit: 1, group: 'one', queue: { size: 10 } } }
  app.get('/held', { config }, async () => {
    const gate = deferred()
    held.push(gate)
    await gate.promise
    return 'held'
  })
  app.post('/queued', { config: { concurrency: { group: 'one' } } }, async ({ body }) => {
    posted.push((body as string).length)
    return 'posted'
  })
  const full = { concurrency: { limit: 1, queue: { size: 0 } } }
  app.get('/full', { config: full }, async () => 'x')
  app.post('/full', { config: { concurrency: { limit: 1, queue: { size: 0 } } } }, async () => {
    await held[0]?.promise
    return 'x'
  })
  const onRequest = async () => {
    throw Object.assign(new Error('who are you'), { statusCode: 401 })
  }
  app.post('/private', { onRequest }, async () => 'x')
  app.post(
    '/answered',
    { onRequest: async (_request, reply) => reply.send('early') },
    async () => 'x',
  )
  return { app, held, posted, port: await listen(app) }
}

describe('an upload that is refused', () => {
  const SIZE = 5_000_000

  /** As most clients do: sends all it has, whatever comes meanwhile. */
  function upload(port: number, path: string): Promise<number | string> {
    return new Promise((resolve) => {
      const headers = { 'content-length': SIZE, 'content-type': 'text/plain' }
      const asked = request({ port, method: 'POST', path, headers }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode ?? 0))
      })
      asked.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      asked.end(Buffer.alloc(SIZE))
    })
  }

  test.each([
    ['unauthorised', '/private', 401],
    ['shed', '/full', 503],
    ['for nobody', '/nowhere', 404],
  ])('%s: its client gets the answer, each time', async (_name, path, status) => {
    const { app, held, port } = await build()
    held.push(deferred())
    if (path === '/full') {
      await send(port, 'POST /full HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
      await until(() => app.concurrency.snapshot().requests.active === 1)
    }
    const got = new Map<number | string, number>()
    for (let i = 0; i < 20; i++) {
      const one = await upload(port, path)
      got.set(one, (got.get(one) ?? 0) + 1)
    }
    expect([...got]).toEqual([[status, 20]])
    held[0]?.resolve()
  })

  test('is not read to its end, and its connection is the last to be heard of', async () => {
    const { app, port } = await build()
    let read = 0
    app.server.on('connection', (socket) => {
      socket.on('close', () => {
        read = socket.bytesRead
      })
    })
    const head = 'POST /private HTTP/1.1\r\nHost: x\r\nContent-Length: 500000000\r\n\r\n'
    const wire = await send(port, head)
    const chunk = Buffer.alloc(65_536)
    const pump = (): void => {
      while (wire.socket.writable && wire.socket.write(chunk));
    }
    wire.socket.on('drain', pump)
    pump()
    await wire.closed
    expect(wire.text()).toMatch(/^HTTP\/1.1 401 /)
    expect(wire.text()).toMatch(/connection: close/i)
    await until(() => read > 0)
    expect(read).toBeLessThan(5_000_000)
    await untilIdle({ app })
  })

  test('one that is answered well is read as ever, on a connection that goes on', async () => {
    const { port } = await build()
    const body = 'x'.repeat(100_000)
    const head = `POST /answered HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`
    const wire = await send(port, head)
    await wire.received('early')
    wire.socket.write(body + get('/nowhere'))
    await wire.received('404 Not Found')
    expect(wire.text()).not.toMatch(/connection: close/i)
    wire.socket.destroy()
  })
})

describe('guarantee 4: a client that leaves while its upload is queued', () => {
  // Behind a whole socket's buffer Node does not see that a client has left.
  test.each([
    ['a body that fits the buffers', 10_000],
    ['one that does not', 150_000],
    ['much more', 1_000_000],
  ])('%s: its handler does not run', async (_name, size) => {
    const { app, held, posted, port } = await build()
    const first = await send(port, get('/held'))
    await until(() => held.length === 1)
    const head = `POST /queued HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${size}\r\n\r\n`
    const wires = await Promise.all(
      Array.from({ length: 5 }, () => send(port, head + 'x'.repeat(size))),
    )
    const pipelined = await send(port, get('/nowhere') + head + 'x'.repeat(size))
    const all = [...wires, pipelined]
    await until(() => app.concurrency.limiters[0]?.queued === 6)
    await until(() => all.every(({ socket }) => socket.writableLength === 0))
    for (const { socket } of all) socket.end()
    await turns()
    held[0]?.resolve()
    await first.received('held')
    for (const { socket } of all) socket.destroy()
    await untilIdle({ app })
    expect(posted).toEqual([])
    first.socket.destroy()
  })

  test('one who stays is served, however it came', async () => {
    const { app, held, posted, port } = await build()
    const first = await send(port, get('/held'))
    await until(() => held.length === 1)
    const size = 150_000
    const head = `POST /queued HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${size}\r\n\r\n`
    const waiting = await send(port, head + 'x'.repeat(size))
    await until(() => app.concurrency.limiters[0]?.queued === 1)
    held[0]?.resolve()
    await waiting.received('posted')
    expect(posted).toEqual([size])
    for (const wire of [first, waiting]) wire.socket.destroy()
  })
})
