/** ADMIN_PORT: what is the operators' is on a listener of their own, and not on the public one. */
import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { buildServer } from '../../src/app.js'
import type { Listener } from '../../src/server/listener.js'
import { type ServerProcess, spawnServer, startServer } from '../support/server-process.js'
import { get, open, send } from '../support/wire.js'

const TOKEN = 'correct-horse-battery'
const running: ServerProcess[] = []

afterEach(async () => {
  for (const { child, exit } of running.splice(0)) {
    child.kill('SIGKILL')
    await exit
  }
})

async function start(env: Record<string, string> = {}) {
  const server = await startServer({ ADMIN_PORT: '0', ADMIN_TOKEN: TOKEN, ...env })
  running.push(server)
  const text = String(server.log[0]?.msg)
  const [, port = ''] = /metrics on http:\/\/127\.0\.0\.1:(\d+)\/metrics$/.exec(text) ?? []
  expect(Number(port)).not.toBe(server.port)
  return { ...server, admin: Number(port) }
}

const ask = async (port: number, path: string, init: RequestInit = {}) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
  return { status: response.status, headers: response.headers, body: await response.text() }
}

/** Somebody is active besides the one who asks. */
async function untilBusy(admin: number): Promise<void> {
  const active = async () => JSON.parse((await ask(admin, '/concurrency')).body).requests.active
  for (let look = 0; (await active()) < 2; look++) expect(look).toBeLessThan(100)
}

/** A port that somebody has, for as long as `use` takes. */
async function taken(use: (port: number) => Promise<void>): Promise<void> {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  await use((other.address() as { port: number }).port)
  await new Promise((resolve) => other.close(resolve))
}

describe('the public port', () => {
  test('has nothing of the operators, however it is spelled, and all the rest', async () => {
    const { port } = await start()
    for (const path of [
      '/metrics',
      '/%6Detrics',
      '/metrics?admin=1',
      '/concurrency',
      '/concurrency/limiters/app',
      '/concurrency/stream',
      '/dashboard',
      '/dashboard/main.js',
      // Longer than a router's parameters usually are.
      `/dashboard/${'x'.repeat(300)}`,
      `/concurrency/limiters/${'x'.repeat(300)}`,
    ]) {
      for (const method of ['GET', 'PUT', 'HEAD'] as const) {
        const headers = {
          authorization: `Bearer ${TOKEN}`,
          host: `127.0.0.1:${port}`,
          listener: 'admin',
        }
        const { status, body } = await ask(port, path, { method, headers })
        expect([method, path, status, body]).toEqual([
          method,
          path,
          404,
          method === 'HEAD' ? '' : 'Not Found',
        ])
      }
    }
    expect((await ask(port, '/fast')).body).toBe('Fast response')
    expect((await ask(port, '/public/data.txt')).status).toBe(200)
    expect((await ask(port, '/health/ready')).body).toBe('ready')
  })
})

describe("the operators' port", () => {
  test('has what is theirs, of the same app, beside all that the public one has', async () => {
    const { port, admin } = await start()
    await ask(port, '/fast')
    const { headers, body } = await ask(admin, '/metrics')
    expect(headers.get('content-type')).toContain('text/plain; version=0.0.4')
    expect(body).toContain('count{method="GET",route="/fast",status="200"} 1')
    expect(JSON.parse((await ask(admin, '/concurrency')).body)).toMatchObject({
      requests: { total: 3 },
    })
    expect((await ask(admin, '/metrics', { method: 'HEAD' })).status).toBe(200)
    for (const path of ['/dashboard', '/dashboard/main.js', '/dashboard/uplot/uPlot.min.css']) {
      expect([path, (await ask(admin, path)).status]).toEqual([path, 200])
    }
    const stream = await send(admin, get('/concurrency/stream'))
    await stream.received('data: {"uptime":')
    stream.socket.destroy()
    for (const path of ['/health/live', '/fast', '/public/data.txt', '/nowhere']) {
      const [here, there] = [await ask(admin, path), await ask(port, path)]
      expect([path, here.status, here.body]).toEqual([path, there.status, there.body])
    }
  })

  test('changes a limit of the public one', async () => {
    const { port, admin } = await start({ TIME_SCALE: '0.1' })
    const wires = await Promise.all([1, 2, 3].map(() => send(port, get('/limited'))))
    const limited = async () => {
      const { limiters } = JSON.parse((await ask(admin, '/concurrency')).body)
      return limiters.find(({ name }: { name: string }) => name === 'GET /limited')
    }
    for (let look = 0; (await limited()).queued !== 1; look++) expect(look).toBeLessThan(100)
    const { status, body } = await ask(admin, '/concurrency/limiters/GET%20%2Flimited', {
      method: 'PUT',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: '{"limit":3}',
    })
    expect([status, JSON.parse(body)]).toEqual([
      200,
      expect.objectContaining({ limit: 3, inFlight: 3, queued: 0 }),
    ])
    for (const wire of wires) await wire.received('Response from limited handler')
    for (const { socket } of wires) socket.destroy()
  })
})

describe('guarantee 7, with two listeners', () => {
  test('a signal drains: the operators look on, then both ports are closed and the exit code is 0', async () => {
    const { child, port, admin, exit } = await start({ TIME_SCALE: '0.1' })
    const slow = await send(port, get('/slow'))
    await untilBusy(admin)
    const idle = await send(admin, get('/health/live'))
    await idle.received('live')
    const silent = await open(admin)
    child.kill('SIGTERM')
    const ready = async () => (await ask(admin, '/health/ready')).status
    for (let look = 0; (await ready()) !== 503; look++) expect(look).toBeLessThan(100)
    expect(JSON.parse((await ask(admin, '/concurrency')).body)).toMatchObject({ draining: true })
    await slow.received('Slow response')
    expect(await exit).toBe(0)
    await Promise.all([idle.closed, silent.closed])
    await expect(ask(admin, '/metrics')).rejects.toThrow()
  })

  test('what still runs at the timeout is cut, on both', async () => {
    const { child, port, admin, exit } = await start({ DRAIN_TIMEOUT_MS: '200' })
    const slow = await send(port, get('/slow'))
    await untilBusy(admin)
    const idle = await send(admin, get('/health/live'))
    await idle.received('live')
    child.kill('SIGTERM')
    expect(await exit).toBe(1)
    await Promise.all([slow.closed, idle.closed])
    expect(slow.text()).toBe('')
  })
})

test('the app closes both, and whoever waits on either', async () => {
  const { app, admin } = await buildServer({ TIME_SCALE: 0, ADMIN_PORT: 0 })
  const { port } = await (admin as Listener).open('127.0.0.1', 0)
  await expect(ask(port, '/metrics')).resolves.toMatchObject({ status: 200 })
  const silent = await open(port)
  await app.close()
  await silent.closed
  await expect(open(port)).rejects.toThrow('ECONNREFUSED')
})

describe('guarantee 8', () => {
  test.each([
    ['PORT', {}],
    ['ADMIN_PORT', { PORT: '0' }],
  ])('a port that is taken is named by its variable: %s', async (variable, env) => {
    await taken(async (port) => {
      const { exit, stderr } = spawnServer({
        ADMIN_PORT: '0',
        ...env,
        [variable]: String(port),
        LOG_LEVEL: 'silent',
      })
      expect(await exit).toBe(1)
      expect(stderr()).toBe(`${variable}: port ${port} is taken by another process\n`)
    })
  })

  test.each(['HOST', 'ADMIN_HOST'])('so is a host that is none of ours: %s', async (variable) => {
    const { exit, stderr } = spawnServer({ ADMIN_PORT: '0', [variable]: '192.0.2.1' })
    expect(await exit).toBe(1)
    expect(stderr()).toBe(`${variable}: cannot listen on 192.0.2.1:0 (EADDRNOTAVAIL)\n`)
  })
})
