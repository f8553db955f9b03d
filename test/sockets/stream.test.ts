/** `/concurrency/stream` on real sockets: what comes, when, and whom it does not wait for. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterEach, describe, expect, test, vi } from 'vitest'
import streamRoutes, { type StreamOptions } from '../../routes/operators/stream.js'
import { buildApp, createApp } from '../../src/app.js'
import sluice, { type Snapshot } from '../../src/sluice/index.js'
import { deferred } from '../support/deferred.js'
import { get, listen, open, send, until, type Wire } from '../support/wire.js'

const apps: FastifyInstance[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  for (const app of apps.splice(0)) {
    await app.concurrency.drain({ timeout: 0 })
    await app.close()
  }
})

/** An app that sends twenty times as often as it would. */
async function build(options: StreamOptions = { interval: 50 }, log: string[] = []) {
  const loggerInstance = pino({ level: 'info' }, { write: (line) => void log.push(line) })
  const app: FastifyInstance = createApp(loggerInstance as FastifyBaseLogger)
  apps.push(app)
  await app.register(sluice, { limit: 1, queue: { size: 1 } })
  await app.register(streamRoutes, options)
  app.get('/', { logLevel: 'silent' }, async () => 'home')
  return { app, log }
}

const watch = async (app: FastifyInstance, query = ''): Promise<Wire> =>
  send(await portOf(app), get(`/concurrency/stream${query}`, 'Accept: text/event-stream\r\n'))

const portOf = async (app: FastifyInstance): Promise<number> => {
  const address = app.server.address()
  return address !== null && typeof address === 'object' ? address.port : listen(app)
}

interface Event {
  event: string
  data: string
  retry?: string
}

/** The complete events that have come, without the chunks' own lines. */
function eventsOf(wire: Wire): Event[] {
  const body = wire.text().replace(/^[\s\S]*?\r\n\r\n/, '')
  const text = body.replace(/(^|\r\n)[0-9a-f]+\r\n/g, '').replaceAll('\r\n', '')
  return text
    .split('\n\n')
    .slice(0, -1)
    .map((block) => {
      const fields = block.split('\n').map((line) => line.split(/: (.*)/s, 2))
      return { event: 'message', ...(Object.fromEntries(fields) as { data: string }) }
    })
}

const named = <T>(wire: Wire, name: string): T[] =>
  eventsOf(wire)
    .filter(({ event }) => event === name)
    .map(({ data }) => JSON.parse(data) as T)

describe('what comes', () => {
  test('the last snapshot at once with a retry, then one each interval, the same as /concurrency', async () => {
    const app = await buildApp({ TIME_SCALE: 0 })
    apps.push(app)
    await portOf(app)
    const before = performance.now()
    const wire = await watch(app)
    await until(() => eventsOf(wire).length >= 1)
    expect(performance.now() - before).toBeLessThan(900)
    expect(wire.text()).toMatch(/^HTTP\/1.1 200 /)
    expect(wire.text()).toMatch(/content-type: text\/event-stream\r\n/i)
    expect(eventsOf(wire)[0]).toMatchObject({ event: 'message', retry: '2000' })
    await until(() => eventsOf(wire).length >= 3)
    const [first, second, third] = named<Snapshot>(wire, 'message') as [
      Snapshot,
      Snapshot,
      Snapshot,
    ]
    expect(third.uptime - second.uptime).toBeGreaterThan(0.9)
    const shape = (value: object) => Object.keys(value)
    const answer = (await app.inject('/concurrency')).json() as Snapshot
    expect([shape(first), shape(first.requests)]).toEqual([shape(answer), shape(answer.requests)])
    wire.socket.destroy()
  })

  test('nothing but snapshots for whoever asks for nothing more', async () => {
    const { app } = await build()
    const wire = await watch(app)
    await until(() => eventsOf(wire).length > 3)
    expect(new Set(eventsOf(wire).map(({ event }) => event))).toEqual(new Set(['message']))
    wire.socket.destroy()
  })

  test('with detail, first the history of what was before', async () => {
    const { app } = await build()
    await portOf(app)
    await app.inject('/')
    await sleep(300)
    const wire = await watch(app, '?detail=true')
    await until(() => named(wire, 'second').length > 1)
    const [history] = named<{ limiters: string[]; rows: number[][] }>(wire, 'history')
    expect(history?.limiters).toEqual(['app'])
    expect(history?.rows.length).toBeGreaterThan(2)
    const [first, last] = [history?.rows[0] ?? [], history?.rows.at(-1) ?? []]
    expect([first.length, last.length]).toEqual([16, 16])
    // Answered, and the limit of the app.
    expect([last[2], last[13]]).toEqual([1, 1])
    // Who watches is not counted as active.
    const rows = named<{ row: number[] }>(wire, 'second').map(({ row }) => row[1])
    expect(new Set(rows)).toEqual(new Set([0]))
    wire.socket.destroy()
  })

  test('with detail, quantiles of the last seconds, where a snapshot has those since start', async () => {
    const { app } = await build()
    const gate = deferred<void>()
    app.get('/held', async () => {
      await gate.promise
      return 'held'
    })
    await portOf(app)
    const held = app.inject('/held').then()
    await sleep(200)
    gate.resolve()
    await held
    const wire = await watch(app, '?detail=true')
    await until(() => named(wire, 'second').length > 0)
    await Promise.all(Array.from({ length: 9 }, () => app.inject('/held').then()))
    type Second = {
      recent: { routes: { route: string; answered: number; durationMs: { p99: number } }[] }
    }
    const heldNow = () =>
      named<Second>(wire, 'second')
        .at(-1)
        ?.recent?.routes.find(({ route }) => route === '/held')
    await until(() => heldNow() !== undefined)
    const snapshot = app.concurrency.snapshot().routes.find(({ route }) => route === '/held')
    expect(snapshot?.durationMs.p99).toBeGreaterThan(150)
    expect(heldNow()?.durationMs.p99).toBeLessThan(150)
    wire.socket.destroy()
  })

  test.each(['x', '1', ''])('detail=%s is refused', async (value) => {
    const { app } = await build()
    const response = await app.inject(`/concurrency/stream?detail=${value}`)
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ message: 'querystring/detail must be boolean' })
  })

  test('a misspelt query is refused', async () => {
    const { app } = await build()
    const response = await app.inject('/concurrency/stream?detial=true')
    expect(response.statusCode).toBe(400)
  })

  test('whoever takes no event stream is told so', async () => {
    const { app } = await build()
    const headers = { accept: 'application/json' }
    expect((await app.inject({ url: '/concurrency/stream', headers })).statusCode).toBe(406)
    const head = await app.inject({ method: 'HEAD', url: '/concurrency/stream' })
    expect(head.statusCode).toBe(404)
  })
})

describe('for all readers at once', () => {
  /** What each response is given to write, the heads left out. */
  function writtenBy(app: FastifyInstance): Buffer[][] {
    const written: Buffer[][] = []
    app.server.prependListener('request', (_request, response) => {
      const chunks: Buffer[] = []
      written.push(chunks)
      const write = response.write.bind(response)
      response.write = (chunk: Buffer) => {
        chunks.push(chunk)
        return write(chunk)
      }
    })
    return written
  }
  /** The very same, not only alike. */
  const expectSame = (one: Buffer[] = [], other: Buffer[] = []) => {
    expect(one.length).toBeGreaterThan(0)
    expect(one.map((chunk, n) => chunk === other[n])).toEqual(one.map(() => true))
  }

  test('what comes first, and what a drain says last, is formatted once', async () => {
    const { app } = await build({ interval: 60_000 })
    const written = writtenBy(app)
    const wires = []
    for (let n = 0; n < 3; n++) {
      const wire = await watch(app, '?detail=true')
      await wire.received('event: requests')
      wires.push(wire)
    }
    await app.concurrency.drain()
    await Promise.all(wires.map((wire) => wire.received('"draining":true')))
    expectSame(written[0], written[1])
    expectSame(written[0], written[2])
  })

  test.each(['', '?detail=true'])(
    'what comes each interval is formatted once: %s',
    async (query) => {
      const { app } = await build()
      const written = writtenBy(app)
      const wires = await Promise.all([watch(app, query), watch(app, query)])
      await until(() => wires.every((wire) => named(wire, 'message').length > 4))
      const [one = [], other = []] = written
      const from = (chunks: Buffer[]) => chunks.slice(chunks.indexOf(one.at(-3) as Buffer))
      expectSame(one.slice(-3), from(other))
      for (const wire of wires) wire.socket.destroy()
    },
  )

  test('one that comes later is told of all seconds until then', async () => {
    const { app } = await build()
    const rows = (wire: Wire) => named<{ rows: unknown[] }>(wire, 'history')[0]?.rows.length ?? 0
    const first = await watch(app, '?detail=true')
    await until(() => named(first, 'second').length > 2)
    const later = await watch(app, '?detail=true')
    await until(() => rows(later) > 0)
    expect(rows(later)).toBeGreaterThan(rows(first) + 1)
    for (const wire of [first, later]) wire.socket.destroy()
  })

  test('one that comes after all have left is told of what runs by then', async () => {
    const { app } = await build({ interval: 60_000 })
    const gate = deferred<void>()
    app.get('/held', async () => gate.promise.then(() => 'held'))
    const first = await watch(app, '?detail=true')
    await first.received('event: requests')
    first.socket.destroy()
    await until(() => app.concurrency.snapshot().requests.active === 0)
    const held = app.inject('/held').then()
    const later = await watch(app, '?detail=true')
    const told = () => named<{ running: unknown[] }>(later, 'requests')
    await until(() => told().length > 0)
    expect(told()[0]?.running).toMatchObject([{ route: 'GET /held' }])
    gate.resolve()
    await held
    later.socket.destroy()
  })

  test('what a drain says last is of that moment, also where a reader left just before', async () => {
    const { app } = await build()
    const [leaves, stays] = await Promise.all([watch(app), watch(app)])
    await Promise.all([leaves.received('data: '), stays.received('data: ')])
    const drained = app.concurrency.drain({ delay: 500 })
    leaves.socket.destroy()
    await drained
    await until(() => stays.text().endsWith('0\r\n\r\n'))
    const uptimes = named<Snapshot>(stays, 'message').map(({ uptime }) => uptime)
    expect(uptimes).toEqual(uptimes.toSorted((a, b) => a - b))
  })
})

describe('the requests that it tells of', () => {
  interface Bar {
    route: string
    start: number
    wait: number
    waiting: boolean
    run: number
    outcome: string
    reason?: string
  }
  interface Requests {
    running: Bar[]
    ended: Bar[]
  }

  test('each that runs or waits, each that ends, and nothing of those that look on', async () => {
    const { app } = await build()
    const gate = deferred<void>()
    app.get('/held', async () => gate.promise.then(() => 'held'))
    const wire = await watch(app, '?detail=true')
    await wire.received('event: requests')
    const answers = ['/held', '/held', '/held'].map((url) => app.inject(url).then())
    const told = () => named<Requests>(wire, 'requests')
    await until(() => told().some(({ running }) => running.length === 2))
    expect(told().at(-1)?.running).toMatchObject([
      { route: 'GET /held', waiting: false, wait: 0 },
      { route: 'GET /held', waiting: true },
    ])
    await sleep(100)
    gate.resolve()
    await Promise.all(answers)
    await until(() => told().flatMap(({ ended }) => ended).length === 3)
    const ended = told().flatMap((requests) => requests.ended)
    expect(ended.map(({ route, outcome, reason }) => [route, outcome, reason])).toEqual(
      expect.arrayContaining([
        ['GET /held', 'rejected', 'queue_full'],
        ['GET /held', 'answered', undefined],
        ['GET /held', 'answered', undefined],
      ]),
    )
    const [waited] = ended.filter(({ wait }) => wait > 50)
    expect((waited?.run ?? 0) < (waited?.wait ?? 0)).toBe(true)
    wire.socket.destroy()
  })

  test('two that come within a few microseconds are two', async () => {
    const { app } = await build()
    const gate = deferred<void>()
    app.get('/held', { config: { concurrency: false } }, async () => gate.promise)
    const wire = await watch(app, '?detail=true')
    await wire.received('event: requests')
    let now = performance.now()
    vi.spyOn(performance, 'now').mockImplementation(() => {
      now += 0.002
      return now
    })
    const answers = Array.from({ length: 15 }, () => app.inject('/held').then())
    const told = () => named<Requests>(wire, 'requests')
    await until(() => told().some(({ running }) => running.length === 15))
    expect(
      new Set(
        told()
          .at(-1)
          ?.running.map(({ start }) => start),
      ).size,
    ).toBe(15)
    gate.resolve()
    await Promise.all(answers)
    wire.socket.destroy()
  })

  test('a flood is sampled, and how many are left out is told', async () => {
    const { app } = await build({ interval: 400 })
    const wire = await watch(app, '?detail=true')
    await wire.received('event: requests')
    for (let n = 0; n < 500; n++) await app.inject('/')
    const told = () => named<Requests>(wire, 'requests')
    const endedAll = () => told().flatMap(({ ended }) => ended).length
    const untoldAll = () =>
      named<{ untold: number }>(wire, 'second').reduce((sum, { untold }) => sum + untold, 0)
    await until(() => endedAll() + untoldAll() === 500)
    await sleep(900)
    expect(endedAll() + untoldAll()).toBe(500)
    expect(endedAll()).toBeGreaterThanOrEqual(20)
    expect(told().every(({ ended }) => ended.length <= 40)).toBe(true)
    wire.socket.destroy()
  })

  test('one that comes later is told what is left of what the others were told', async () => {
    const { app } = await build()
    const first = await watch(app, '?detail=true')
    await first.received('event: requests')
    await app.inject('/')
    await until(() => named<Requests>(first, 'requests').some(({ ended }) => ended.length > 0))
    const second = await watch(app, '?detail=true')
    await second.received('event: requests')
    expect(named<Requests>(second, 'requests')[0]?.ended).toMatchObject([{ route: 'GET /' }])
    first.socket.destroy()
    second.socket.destroy()
  })

  test('nothing is recorded before somebody watches, nor after', async () => {
    const { app } = await build()
    let observers = 0
    const { observe } = app.concurrency
    app.concurrency.observe = (observer) => {
      observers++
      const end = observe.call(app.concurrency, observer)
      return () => {
        observers--
        end()
      }
    }
    const plain = await watch(app)
    await plain.received('data: ')
    expect(observers).toBe(0)
    const wires = await Promise.all([watch(app, '?detail=true'), watch(app, '?detail=true')])
    await Promise.all(wires.map((wire) => wire.received('event: second')))
    expect(observers).toBe(1)
    for (const wire of [plain, ...wires]) wire.socket.destroy()
    await until(() => observers === 0)
  })
})

describe('whom it does not wait for', () => {
  test('a reader that takes nothing is dropped, and what it does not take is never piled up', async () => {
    const { app } = await build({ interval: 2, patience: 100 })
    for (let n = 0; n < 300; n++) {
      const path = `/${'long'.repeat(50)}${n}`
      app.get(path, async () => 'ok')
    }
    const port = await portOf(app)
    for (let n = 0; n < 300; n++) await app.inject(`/${'long'.repeat(50)}${n}`)
    let most = 0
    const responses: { writableLength: number }[] = []
    app.server.prependListener('request', (_request, response) => responses.push(response))
    const slow = await open(port)
    slow.socket.pause()
    slow.socket.write(get('/concurrency/stream'))
    const active = () =>
      app.concurrency.snapshot().routes.find(({ route }) => route === '/concurrency/stream')?.active
    await until(() => active() === 1)
    await until(
      () => {
        for (const response of responses) most = Math.max(most, response.writableLength)
        return active() === 0
      },
      () => `still there, ${most} bytes behind`,
    )
    const one = JSON.stringify(app.concurrency.snapshot()).length
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThan(2 * one + 1000)
    slow.socket.destroy()
  })

  test('a slow reader stays for as long as it takes something, and is dropped once it does not', async () => {
    // What the kernel takes at once, up to a third of its buffers, comes every 0.3 s at this pace.
    const patience = 1500
    const { app } = await build({ interval: 50, patience })
    let response: { writableNeedDrain: boolean; destroyed: boolean } | undefined
    app.server.prependListener('request', (_request, its) => {
      response = its
    })
    const snapshot = app.concurrency.snapshot.bind(app.concurrency)
    const filler = 'x'.repeat(25_000_000)
    app.concurrency.snapshot = () =>
      response === undefined ? Object.assign(snapshot(), { filler }) : snapshot()
    const port = await portOf(app)
    const { socket } = await open(port)
    socket.removeAllListeners('data').on('data', () => socket.pause())
    await sleep(200)
    socket.write(get('/concurrency/stream'))
    const dripping = setInterval(() => socket.resume(), 10)
    try {
      await until(() => response?.writableNeedDrain === true)
      const begin = performance.now()
      while (performance.now() < begin + 2 * patience) {
        await sleep(20)
        expect(response).toMatchObject({ writableNeedDrain: true, destroyed: false })
      }
    } finally {
      clearInterval(dripping)
    }
    await until(() => response?.destroyed === true)
    socket.destroy()
  })

  test('a reader that keeps up stays', async () => {
    const { app } = await build({ interval: 5, patience: 0 })
    const wire = await watch(app, '?detail=true')
    await until(() => eventsOf(wire).length > 100)
    expect(wire.socket.closed).toBe(false)
    wire.socket.destroy()
  })

  test('a drain ends it with a last snapshot that says so', async () => {
    const { app } = await build({ interval: 60_000 })
    const wires = await Promise.all([watch(app), watch(app, '?detail=true')])
    await Promise.all(wires.map((wire) => wire.received('data: ')))
    expect(await app.concurrency.drain()).toBe(true)
    for (const wire of wires) {
      await until(() => wire.text().endsWith('0\r\n\r\n'))
      expect(named<Snapshot>(wire, 'message').map(({ draining }) => draining)).toEqual([
        false,
        true,
      ])
    }
    await app.close()
    await Promise.all(wires.map((wire) => wire.closed))
  })

  test('a reader that reads nothing does not hold up a drain', async () => {
    const { app } = await build({ interval: 2, patience: 60_000 })
    for (let n = 0; n < 300; n++) app.get(`/${'long'.repeat(50)}${n}`, async () => 'ok')
    const port = await portOf(app)
    for (let n = 0; n < 300; n++) await app.inject(`/${'long'.repeat(50)}${n}`)
    let response: { writableNeedDrain: boolean } | undefined
    app.server.prependListener('request', (_request, its) => {
      response = its
    })
    const slow = await open(port)
    slow.socket.pause()
    slow.socket.write(get('/concurrency/stream'))
    await until(() => response?.writableNeedDrain === true)
    await sleep(100)
    const before = performance.now()
    expect(await app.concurrency.drain({ timeout: 8000 })).toBe(true)
    expect(performance.now() - before).toBeLessThan(4000)
    slow.socket.destroy()
  })
})

test('is outside every limit', async () => {
  const { app } = await build()
  const wires = await Promise.all(Array.from({ length: 5 }, () => watch(app)))
  await Promise.all(wires.map((wire) => wire.received('data: ')))
  expect((await app.inject('/')).statusCode).toBe(200)
  expect(app.concurrency.limiters[0]?.snapshot()).toMatchObject({ admitted: 1 })
  for (const wire of wires) wire.socket.destroy()
})

test('who watches and leaves is no line in the log', async () => {
  const { app, log } = await build()
  const wire = await watch(app, '?detail=true')
  await wire.received('event: second')
  wire.socket.destroy()
  await until(() => app.concurrency.snapshot().requests.active === 0)
  await sleep(100)
  expect(log.filter((line) => !line.includes('listening'))).toEqual([])
})

test('as many as may watch at once do, others get 503, and a place is free when one has left', async () => {
  const { app } = await build({ interval: 50, watchers: 2 })
  const wires = [await watch(app), await watch(app, '?detail=true')]
  for (const wire of wires) await wire.received('"limiters"')
  const third = await watch(app)
  await third.received(/^HTTP\/1.1 503 /)
  expect(third.text()).toMatch(/retry-after: 10\r\n/i)
  wires[1]?.socket.destroy()
  let again = await watch(app)
  await until(() => /^HTTP\/1.1 \d+ /.test(again.text()))
  for (let look = 0; look < 50 && again.text().startsWith('HTTP/1.1 503'); look++) {
    again = await watch(app)
    await until(() => /^HTTP\/1.1 \d+ /.test(again.text()))
  }
  expect(again.text()).toMatch(/^HTTP\/1.1 200 /)
})
