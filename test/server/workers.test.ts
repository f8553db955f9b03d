/** WORKERS: several processes that are one server, and lose nothing whatever becomes of one of them. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.js'
import { spawnServer } from '../support/server-process.js'
import { get, open, send, until } from '../support/wire.js'

const TOKEN = 'correct-horse-battery'
/** Milliseconds: two processes more start on a machine that may be busy. */
const START = 60_000
const running: Awaited<ReturnType<typeof start>>[] = []

async function start(env: Record<string, string> = {}) {
  const { lines: _lines, ...server } = spawnServer({ WORKERS: '2', TIME_SCALE: '0.1', ...env })
  const said = (text: RegExp) => server.log.filter(({ msg }) => text.test(String(msg)))
  await until(() => said(/^Sluice listens/).length > 0, server.stderr, START)
  const port = Number(/:(\d+),/.exec(String(said(/^Sluice listens/)[0]?.msg))?.[1])
  const pids = () => said(/^Worker \d+ listens/).map(({ pid }) => pid as number)
  return { ...server, said, port, pids }
}

async function stop({ child, exit }: (typeof running)[number]): Promise<void> {
  if (child.exitCode === null) child.kill('SIGKILL')
  await exit
}

const own = async (env?: Record<string, string>) => {
  const server = await start(env)
  running.push(server)
  return server
}
afterEach(async () => {
  for (const server of running.splice(0)) await stop(server)
})

const ask = async (port: number, path: string, init: RequestInit = {}) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    ...init,
    headers: { connection: 'close', ...init.headers },
  })
  return { status: response.status, text: await response.text() }
}

/** A worker has the request. */
async function taken(port: number, route: string): Promise<void> {
  const deadline = Date.now() + START
  for (;;) {
    const { routes } = JSON.parse((await ask(port, '/concurrency')).text)
    if (routes.some((one: { route: string; active: number }) => one.route === route && one.active))
      return
    if (Date.now() > deadline) throw new Error(`nobody has ${route}`)
  }
}

/** Requests one after the other, on a connection for each or on those that are kept. */
function load(port: number, connection: 'close' | 'keep-alive') {
  const answers = new Map<string, number>()
  let going = true
  const count = (what: string): void => void answers.set(what, (answers.get(what) ?? 0) + 1)
  const client = async (): Promise<void> => {
    while (going) {
      const path = `http://127.0.0.1:${port}/fast`
      await fetch(path, { headers: { connection } })
        .then(async (response) => count(`${response.status} ${await response.text()}`))
        .catch((error) => count(`${error.message} ${error.cause?.code ?? error.cause?.message}`))
    }
  }
  const clients = Array.from({ length: 4 }, client)
  return {
    answers,
    stop: async () => {
      going = false
      await Promise.all(clients)
    },
  }
}

describe('two workers', () => {
  let server: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    server = await start({ ADMIN_TOKEN: TOKEN })
  }, START)
  afterAll(() => stop(server))

  const series = async (text: RegExp) => {
    const { text: metrics } = await ask(server.port, '/metrics')
    return Number(text.exec(metrics)?.[1])
  }

  test('metrics and snapshot tell of both, whoever is asked', async () => {
    for (let n = 0; n < 10; n++) await ask(server.port, '/hello')
    for (let n = 0; n < 4; n++) {
      expect(
        await series(/duration_seconds_count\{method="GET",route="\/hello",status="200"\} (\d+)/),
      ).toBe(10)
      expect(await series(/sluice_workers\{state="told"\} (\d+)/)).toBe(2)
      const snapshot = JSON.parse((await ask(server.port, '/concurrency')).text)
      expect(snapshot.workers).toEqual({ told: 2, silent: 0 })
      expect(snapshot.routes).toContainEqual(
        expect.objectContaining({ route: '/hello', total: 10 }),
      )
    }
  })

  test('the stream tells of both', async () => {
    const stream = await send(server.port, get('/concurrency/stream'))
    // What was when they started comes first.
    expect(await stream.received('"workers":{"told":2,"silent":0}')).toContain('data: ')
    stream.socket.destroy()
  })

  const limit = () => series(/concurrency_limit\{limiter="GET \/limited"\} (\d+)/)
  test('a limit is changed in both', async () => {
    const { status } = await ask(server.port, '/concurrency/limiters/GET%20%2Flimited', {
      method: 'PUT',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: '{"limit":7}',
    })
    expect(status).toBe(200)
    expect(await limit()).toBe(14)
  })

  test(
    'a rolling restart under load loses no request, and asked twice replaces all again',
    async () => {
      const before = server.pids()
      const counted = await series(/route="\/fast",status="200"\} (\d+)/)
      const loads = [load(server.port, 'close'), load(server.port, 'keep-alive')]
      const done = server.said(/every worker is a new one/).length
      server.child.kill('SIGHUP')
      await until(() => server.pids().length > before.length, undefined, START)
      server.child.kill('SIGHUP')
      await until(() => server.said(/every worker is a new one/).length > done, undefined, START)
      await Promise.all(loads.map((one) => one.stop()))
      for (const { answers } of loads) expect([...answers.keys()]).toEqual(['200 Fast response'])
      const all = loads.reduce(
        (sum, { answers }) => sum + (answers.get('200 Fast response') ?? 0),
        0,
      )
      expect(all).toBeGreaterThan(500)
      // Two, and the first of these again.
      expect(server.pids().length).toBeGreaterThanOrEqual(before.length + 3)
      for (const pid of before) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
      // What those counted that ended is still counted.
      expect(
        await series(/duration_seconds_count\{method="GET",route="\/fast",status="200"\} (\d+)/),
      ).toBe(all + (counted || 0))
      // So is the limit that was set.
      expect(await limit()).toBe(14)
    },
    START * 2,
  )

  test(
    'a worker that is killed loses only its own, and is replaced',
    async () => {
      const [first, second] = server.pids().slice(-2) as [number, number]
      const loads = [load(server.port, 'close')]
      const closing = 'GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
      const slow = await Promise.all([1, 2, 3, 4].map(() => send(server.port, closing)))
      await new Promise((resolve) => setTimeout(resolve, 100))
      process.kill(first, 'SIGKILL')
      await Promise.all(slow.map(({ closed }) => closed))
      await until(() => server.pids().at(-1) !== second, undefined, START)
      await Promise.all(loads.map((one) => one.stop()))
      // By turns: half of them were its own.
      expect(slow.filter((wire) => wire.text().includes('Slow response')).length).toBeGreaterThan(0)
      const [{ answers }] = loads as [ReturnType<typeof load>]
      const lost = [...answers].filter(([what]) => what !== '200 Fast response')
      expect(lost.reduce((sum, [, count]) => sum + count, 0)).toBeLessThanOrEqual(4)
      expect(server.said(/^worker died/).at(-1)).toMatchObject({ worker: first, signal: 'SIGKILL' })
    },
    START,
  )

  test('SIGTERM drains both: what was admitted is answered, and the exit code is 0', async () => {
    const wires = await Promise.all([1, 2, 3, 4].map(() => send(server.port, get('/slow'))))
    const active = async () =>
      JSON.parse((await ask(server.port, '/concurrency')).text).requests.active
    for (let look = 0; (await active()) < 5; look++) expect(look).toBeLessThan(100)
    server.child.kill('SIGTERM')
    for (const wire of wires) await wire.received('Slow response')
    expect(await server.exit).toBe(0)
    expect(server.stderr()).toBe('')
    expect(server.said(/^closed, every request answered/)).toHaveLength(1)
    await expect(open(server.port)).rejects.toThrow('ECONNREFUSED')
  })
})

test(
  'a second signal ends them at once',
  async () => {
    const { child, exit, port, pids, said } = await own({ TIME_SCALE: '2' })
    const slow = await send(port, get('/slow'))
    await taken(port, '/slow')
    child.kill('SIGINT')
    await until(() => said(/drain/i).length > 0)
    await new Promise((resolve) => setTimeout(resolve, 400))
    child.kill('SIGINT')
    expect(await exit).toBe(1)
    await slow.closed
    expect(slow.text()).toBe('')
    await until(() => pids().every((pid) => !isAlive(pid)))
  },
  START,
)

test(
  'workers whose primary is killed end, and answer what they have',
  async () => {
    const { child, port, pids } = await own({ TIME_SCALE: '0.5' })
    const slow = await send(port, get('/slow'))
    await taken(port, '/slow')
    child.kill('SIGKILL')
    await slow.received('Slow response')
    await until(() => pids().every((pid) => !isAlive(pid)), undefined, START)
  },
  START,
)

test(
  'a port that is taken is said as by one process, once',
  async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const { exit, stderr } = spawnServer({ WORKERS: '2', PORT: String(port), LOG_LEVEL: 'silent' })
    expect(await exit).toBe(1)
    expect(stderr()).toBe(`PORT: port ${port} is taken by another process\n`)
    other.close()
  },
  START,
)

test.each(['-1', '1.5', '1025', 'all'])('WORKERS=%s is refused by name', (WORKERS) => {
  expect(() => readConfig({ WORKERS })).toThrow(
    `WORKERS: got "${WORKERS}", takes an integer from 0 to 1024 (0: one a core)`,
  )
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test(
  'LIMIT is one limit over both, held exactly, and a worker that is killed keeps none of it',
  async () => {
    const server = await own({ LIMIT: '4', TIME_SCALE: '0.2', SHARED_LEASE_MS: '2000' })
    const snapshot = async () => JSON.parse((await ask(server.port, '/concurrency')).text)
    const most: number[] = []
    const seen = async () => {
      const [limiter] = (await snapshot()).limiters
      most.push(limiter.inFlight)
      return limiter
    }
    const all = (count: number) =>
      Promise.all(Array.from({ length: count }, () => ask(server.port, '/slow')))
    let going = true
    const looking = (async () => {
      while (going) await seen()
    })()
    const answers = await all(24)
    going = false
    await looking
    expect(answers.map(({ status }) => status)).toEqual(Array(24).fill(200))
    expect(Math.max(...most)).toBe(4)
    expect(await seen()).toMatchObject({ sharedLimit: 4, members: 2, state: 'joined' })

    const before = server.pids()
    process.kill(before[0] as number, 'SIGKILL')
    await until(() => server.pids().length > before.length, undefined, START)
    expect((await all(8)).map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect((await seen()).share).toBeLessThanOrEqual(4)
  },
  2 * START,
)
