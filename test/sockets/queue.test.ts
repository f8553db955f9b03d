/** What waits for a permit, on real sockets: order, bound, and clients that leave the queue. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { buildProbe, type Probe, untilIdle } from '../support/probe-app.js'
import { get, listen, send, until } from '../support/wire.js'

let probe: Probe
let port: number

beforeEach(async () => {
  probe = await buildProbe({}, 1)
  port = await listen(probe.app)
})

afterEach(async () => {
  for (const gate of probe.held) gate.resolve()
  await probe.app.close()
})

function limiter() {
  const found = probe.app.concurrency.limiters.find(({ name }) => name === 'GET /held')
  if (found === undefined) throw new Error('no limiter')
  return found
}

test('guarantee 1: in flight never exceeds the limit, and the rest waits', async () => {
  const wires = await Promise.all([1, 2, 3].map(() => send(port, get('/held'))))
  await until(() => limiter().queued === 2)
  for (let served = 0; served < 3; served++) {
    await until(() => probe.started() === served + 1)
    expect(limiter().inFlight).toBe(1)
    probe.held[served]?.resolve()
  }
  await Promise.all(wires.map((wire) => wire.received('held')))
  await untilIdle(probe)
  for (const wire of wires) wire.socket.destroy()
})

test('guarantee 3: first come first served; one that leaves passes nobody', async () => {
  const wires = []
  for (let n = 0; n < 4; n++) {
    wires.push(await send(port, get('/held')))
    await until(() => limiter().inFlight + limiter().queued === n + 1)
  }
  wires[1]?.socket.destroy()
  await until(() => limiter().queued === 2)
  probe.held[0]?.resolve()
  await wires[0]?.received('held')
  await until(() => probe.started() === 2)
  probe.held[1]?.resolve()
  await wires[2]?.received('held')
  expect(wires[3]?.text()).toBe('')
  await until(() => probe.started() === 3)
  probe.held[2]?.resolve()
  await wires[3]?.received('held')
  await untilIdle(probe)
  for (const wire of wires) wire.socket.destroy()
})

test('guarantee 4: a request whose client left while queued never reaches its handler', async () => {
  const first = await send(port, get('/held'))
  await until(() => probe.started() === 1)
  const queued = await Promise.all([send(port, get('/held')), send(port, get('/held'))])
  const pipelined = await send(port, get('/held') + get('/held'))
  // The second of the pipelined waits for the first, and counts as well.
  await until(() => limiter().queued === 4)
  for (const { socket } of [...queued, pipelined]) socket.destroy()
  await until(() => limiter().queued === 0)
  probe.held[0]?.resolve()
  await first.received('held')
  await untilIdle(probe)
  expect(probe.started()).toBe(1)
  expect(limiter().snapshot().rejected.aborted).toBe(3)
  expect(probe.app.concurrency.snapshot().requests).toMatchObject({ answered: 1, aborted: 4 })
  first.socket.destroy()
})

test('pipelined requests take their permits in turn: none holds one that those before it need', async () => {
  const narrow = await buildProbe({ limit: 1 }, 1)
  const at = await listen(narrow.app)
  const first = await send(at, get('/held'))
  await until(() => narrow.started() === 1)
  // Did the second take the app's only permit, its answer could not be sent before the first's,
  // which would wait for that permit.
  const both = await send(at, get('/held') + get('/ok'))
  await until(() => narrow.app.concurrency.snapshot().requests.active === 3)
  narrow.held[0]?.resolve()
  await until(() => narrow.started() === 2)
  narrow.held[1]?.resolve()
  await both.received(/held[\s\S]*ok$/)
  await untilIdle(narrow)
  for (const { socket } of [first, both]) socket.destroy()
  await narrow.app.close()
})

test('HEAD shares the limiter of its GET', async () => {
  const first = await send(port, get('/held'))
  await until(() => probe.started() === 1)
  const head = await send(port, 'HEAD /held HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => limiter().queued === 1)
  probe.held[0]?.resolve()
  await until(() => probe.started() === 2)
  probe.held[1]?.resolve()
  await head.received('200 OK')
  for (const wire of [first, head]) wire.socket.destroy()
})

test('a queued request keeps its own AsyncLocalStorage context', async () => {
  const storage = new AsyncLocalStorage<string>()
  const { default: sluice } = await import('../../src/sluice/index.js')
  const { fastify } = await import('fastify')
  const own = fastify()
  own.addHook('onRequest', (request, _reply, done) => storage.run(request.url, done))
  await own.register(sluice)
  own.get('/:name', { config: { concurrency: 1 } }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return storage.getStore()
  })
  const answers = await Promise.all(['/a', '/b', '/c'].map((url) => own.inject(url)))
  expect(answers.map(({ body }) => body)).toEqual(['/a', '/b', '/c'])
  await own.close()
})
