/** Permits are for work: clients that take nothing of their answer, or send nothing of their body. */
import { Readable } from 'node:stream'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import sluice, { type SluiceOptions } from '../../src/sluice/index.js'
import { deferred } from '../support/deferred.js'
import { untilIdle } from '../support/probe-app.js'
import { get, listen, open, send, until, type Wire } from '../support/wire.js'

const apps: FastifyInstance[] = []

afterEach(async () => {
  for (const app of apps.splice(0)) {
    await app.concurrency.drain({ timeout: 0 })
    await app.close()
  }
})

/** More than the kernel's buffers of a connection take. */
const BIG = 30_000_000

async function build(options: SluiceOptions) {
  const app = fastify({ bodyLimit: 2 * BIG })
  apps.push(app)
  const work = deferred()
  let most = 0
  let running = 0
  await app.register(sluice, options)
  app.get('/big', async () => Buffer.alloc(BIG, 'x'))
  app.get('/stream', (_request, reply) => {
    let left = BIG
    const read = function (this: Readable): void {
      this.push(left > 0 ? Buffer.alloc(50_000, 'x') : null)
      left -= 50_000
    }
    reply.send(new Readable({ read }))
  })
  app.get('/fast', async () => 'fast')
  app.get('/work', async () => {
    await work.promise
    return Buffer.alloc(BIG, 'x')
  })
  app.post('/body', async ({ body }) => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 20))
    running--
    return { got: (body as string).length }
  })
  const [limiter] = app.concurrency.limiters
  return { app, work, limiter, most: () => most, port: await listen(app) }
}

async function unread(port: number, path: string): Promise<Wire> {
  const wire = await open(port)
  wire.socket.pause()
  wire.socket.write(get(path))
  return wire
}

const body = (length: number) =>
  `POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n\r\n`

describe('a client that takes nothing of its answer', () => {
  test.each(['/big', '/stream'])(
    'keeps no permit from those who wait, and gets all of %s when it goes on',
    async (path) => {
      const { app, limiter, port } = await build({ limit: 2 })
      const idle = await Promise.all([unread(port, path), unread(port, path)])
      await until(() => limiter?.inFlight === 2)
      const other = await send(port, get('/fast'))
      await other.received('200 OK')
      expect(app.concurrency.snapshot().requests).toMatchObject({ active: 2, aborted: 0 })
      for (const wire of idle) wire.socket.resume()
      await until(() => idle.every((wire) => wire.text().length >= BIG))
      await untilIdle({ app })
      for (const wire of [...idle, other]) wire.socket.destroy()
    },
  )

  test('keeps its permit while nobody waits, and while its handler works', async () => {
    const { limiter, port, work } = await build({ limit: 1 })
    const idle = await unread(port, '/big')
    await until(() => limiter?.inFlight === 1)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(limiter?.inFlight).toBe(1)
    idle.socket.destroy()
    await until(() => limiter?.inFlight === 0)
    const worker = await unread(port, '/work')
    await until(() => limiter?.inFlight === 1)
    const other = await send(port, get('/fast'))
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect([limiter?.inFlight, limiter?.queued, other.text()]).toEqual([1, 1, ''])
    work.resolve()
    await other.received('fast')
    for (const wire of [worker, other]) wire.socket.destroy()
  })

  test('is cut after `stall` milliseconds, and one that takes some is not', async () => {
    const { app, port } = await build({ stall: 400 })
    const idle = await unread(port, '/big')
    const slow = await unread(port, '/big')
    const timer = setInterval(() => {
      slow.socket.resume()
      setTimeout(() => slow.socket.pause(), 5)
    }, 100)
    await until(() => app.concurrency.snapshot().requests.aborted === 1)
    idle.socket.resume()
    await idle.closed
    expect(idle.text().length).toBeLessThan(BIG)
    clearInterval(timer)
    slow.socket.resume()
    await until(() => slow.text().length > BIG)
    await untilIdle({ app })
    slow.socket.destroy()
  })
})

describe('a client that sends nothing of its body', () => {
  test('keeps no permit from those who wait, and is admitted again behind its body', async () => {
    const { app, limiter, most, port } = await build({ limit: 2 })
    const halves = await Promise.all(
      Array.from({ length: 6 }, () => send(port, `${body(200_000)}${'x'.repeat(100_000)}`)),
    )
    await until(() => app.concurrency.snapshot().requests.active === 6)
    const other = await send(port, get('/fast'))
    await other.received('200 OK')
    for (const wire of halves) wire.socket.write('x'.repeat(100_000))
    await Promise.all(halves.map((wire) => wire.received('"got":200000')))
    // Permits came back to each before its handler, never more than there are.
    expect(most()).toBe(2)
    expect(limiter?.snapshot()).toMatchObject({ rejected: { queue_full: 0, queue_timeout: 0 } })
    await untilIdle({ app })
    for (const wire of [...halves, other]) wire.socket.destroy()
  })

  test('or sends it in drips, keeps no permit either', async () => {
    const { app, port } = await build({ limit: 1 })
    const drips = await send(port, body(BIG))
    await until(() => app.concurrency.snapshot().requests.active === 1)
    // Whenever the plugin looks, some has come.
    const timer = setInterval(() => drips.socket.write('x'), 1)
    try {
      const other = await send(port, get('/fast'))
      await until(() => other.text().includes('200 OK'), undefined, 2000)
      other.socket.destroy()
      expect(app.concurrency.snapshot().requests).toMatchObject({ active: 1, aborted: 0 })
    } finally {
      clearInterval(timer)
      drips.socket.destroy()
    }
    await untilIdle({ app })
  })

  test('and leaves then, has lost nothing of anybody', async () => {
    const { app, port } = await build({ limit: 1 })
    const half = await send(port, `${body(100)}x`)
    await until(() => app.concurrency.snapshot().requests.active === 1)
    const other = await send(port, get('/fast'))
    await other.received('200 OK')
    half.socket.destroy()
    await untilIdle({ app })
    expect(app.concurrency.snapshot().requests).toMatchObject({ answered: 1, aborted: 1 })
    other.socket.destroy()
  })
})
