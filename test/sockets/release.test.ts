/** Guarantee 2: a permit is released exactly once, whatever happens. Every case on a real socket. */
import { Readable } from 'node:stream'
import { fastify } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import sluice from '../../src/sluice/index.js'
import { deferred, turns } from '../support/deferred.js'
import { buildProbe, type Probe, untilIdle } from '../support/probe-app.js'
import { get, listen, send, until } from '../support/wire.js'

let probe: Probe
let port: number

beforeEach(async () => {
  probe = await buildProbe()
  port = await listen(probe.app)
})

afterEach(async () => {
  for (const gate of probe.held) gate.resolve()
  await probe.app.close()
})

function counts() {
  const { requests, limiters } = probe.app.concurrency.snapshot()
  return {
    active: requests.active,
    aborted: requests.aborted,
    answered: requests.answered,
    inFlight: limiters.map(({ inFlight }) => inFlight).filter((inFlight) => inFlight > 0),
  }
}

describe('answered', () => {
  test.each([
    ['normal reply', get('/ok'), '200 OK'],
    ['callback reply', get('/callback'), '200 OK'],
    ['a handler that returns its reply', get('/reply'), '200 OK'],
    ['HEAD', 'HEAD /ok HTTP/1.1\r\nHost: x\r\n\r\n', '200 OK'],
    ['handler throw', get('/throws'), '500 Internal'],
    ['synchronous handler throw', get('/throws-sync'), '500 Internal'],
    ['validation error', get('/validated'), '400 Bad Request'],
    ['404', get('/nowhere'), '404 Not Found'],
    ['hijack', get('/hijack'), 'hijacked'],
    ['stream error before the headers', get('/stream-error-early'), '500 Internal'],
  ])('%s', async (_name, request, answer) => {
    const wire = await send(port, request)
    await wire.received(answer)
    await untilIdle(probe)
    expect(counts()).toMatchObject({ answered: 1, aborted: 0 })
    wire.socket.destroy()
  })

  test('inject counts as answered', async () => {
    const response = await probe.app.inject('/ok')
    expect(response.body).toBe('ok')
    await untilIdle(probe)
    expect(counts()).toMatchObject({ answered: 1, aborted: 0 })
  })

  test('pipelined requests, in order', async () => {
    const wire = await send(port, get('/callback') + get('/ok') + get('/callback'))
    await until(() => wire.text().split('200 OK').length === 4)
    await untilIdle(probe)
    expect(counts()).toMatchObject({ answered: 3, aborted: 0 })
    wire.socket.destroy()
  })
})

describe('aborted', () => {
  test.each([
    ['abort mid-stream', get('/stream')],
    ['hijack, then abort', get('/hijack-silent')],
    ['abort in the handler', get('/sleep')],
    [
      'abort mid-body',
      'POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"half',
    ],
  ])('%s', async (_name, request) => {
    const wire = await send(port, request)
    await until(() => counts().active === 1)
    expect(counts().inFlight).toEqual([1, 1])
    wire.socket.destroy()
    await untilIdle(probe)
    expect(counts()).toMatchObject({ answered: 0, aborted: 1 })
  })

  test('a half-close in the handler', async () => {
    const wire = await send(port, get('/sleep'))
    await until(() => counts().active === 1)
    wire.socket.end()
    await untilIdle(probe)
    expect(counts()).toMatchObject({ answered: 0, aborted: 1 })
  })

  test('a stream that fails after the headers', async () => {
    const wire = await send(port, get('/stream-error'))
    await wire.closed
    await untilIdle(probe)
    expect(counts()).toMatchObject({ answered: 0, aborted: 1 })
  })

  test('pipelined requests whose socket dies: those that wait behind the first never see a close', async () => {
    const wire = await send(port, get('/sleep') + get('/ok') + get('/sleep') + get('/stream'))
    await until(() => counts().active === 4)
    wire.socket.destroy()
    await untilIdle(probe)
    expect(counts()).toMatchObject({ answered: 0, aborted: 4 })
  })

  test('more than ten pipelined requests print no warning about listeners', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    const wire = await send(port, get('/sleep').repeat(30))
    await until(() => counts().active === 30)
    wire.socket.destroy()
    await untilIdle(probe)
    process.off('warning', note)
    expect(warnings).toEqual([])
  })

  test('a handler that goes on after its client left keeps its permit until it settles', async () => {
    const wire = await send(port, get('/held'))
    await until(() => probe.started() === 1)
    wire.socket.destroy()
    await until(() => counts().active === 0)
    expect(counts().inFlight).toEqual([1, 1])
    probe.held[0]?.resolve()
    await untilIdle(probe)
  })

  test('an answer that is sent before the handler settles keeps its permit until then', async () => {
    const late = await buildProbe()
    let settle = (): void => {}
    late.app.get('/late', { config: { concurrency: 1 } }, async (_request, reply) => {
      reply.send('sent')
      await new Promise<void>((resolve) => {
        settle = resolve
      })
    })
    const wire = await send(await listen(late.app), get('/late'))
    await wire.received('sent')
    await until(() => late.app.concurrency.snapshot().requests.answered === 1)
    expect(late.app.concurrency.limiters.find(({ name }) => name === 'GET /late')?.inFlight).toBe(1)
    settle()
    await untilIdle(late)
    await late.app.close()
  })
})

describe('a client that leaves while a hook waits', () => {
  /** Sends one request to a route with the hook, leaves while the hook waits, and lets it go on. */
  async function leave(hook: 'onRequest' | 'preHandler') {
    const app = fastify()
    const hooked = deferred()
    const left = deferred()
    const goOn = deferred()
    let handled = 0
    const wait = async (): Promise<void> => {
      hooked.resolve()
      await goOn.promise
    }
    if (hook === 'onRequest') app.addHook('onRequest', wait)
    await app.register(sluice)
    if (hook === 'preHandler') app.addHook('preHandler', wait)
    app.get('/', { config: { concurrency: 1 } }, async () => {
      handled++
      return 'late'
    })
    app.server.on('connection', (socket) => socket.once('close', left.resolve))
    const wire = await send(await listen(app), get('/'))
    await hooked.promise
    wire.socket.destroy()
    await left.promise
    return { app, goOn, handled: () => handled }
  }

  test('an earlier one: it is counted as aborted, and its handler never runs', async () => {
    const { app, goOn, handled } = await leave('onRequest')
    goOn.resolve()
    await until(() => app.concurrency.snapshot().requests.aborted === 1)
    await untilIdle({ app })
    await turns()
    expect(handled()).toBe(0)
    await app.close()
  })

  test('in the handler, once a stream that has sent nothing is its answer: the permit is back', async () => {
    const app = fastify()
    await app.register(sluice)
    const sources: Readable[] = []
    app.get('/', { config: { concurrency: 1 } }, async (_request, reply) => {
      const source = new Readable({ read() {} })
      sources.push(source)
      reply.send(source)
      return reply
    })
    const wire = await send(await listen(app), get('/'))
    await until(() => sources.length === 1)
    wire.socket.destroy()
    await untilIdle({ app })
    expect(sources[0]?.destroyed).toBe(true)
    await app.close()
  })

  test('a later one: it keeps the permit for its work, and the handler does not run', async () => {
    const { app, goOn, handled } = await leave('preHandler')
    await until(() => app.concurrency.snapshot().requests.aborted === 1)
    await turns()
    expect(app.concurrency.limiters[0]?.inFlight).toBe(1)
    goOn.resolve()
    await untilIdle({ app })
    expect(handled()).toBe(0)
    await app.close()
  })
})
