/** Guarantee 8 over HTTP/2: nobody who wants nothing, or never ends, holds up a server that closes. */
import { connect as connectSocket, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { data, get, post, preface, widePreface } from '../support/frames.js'
import { transports } from '../support/http2.js'
import { type Http2Server, serveHttp2 } from '../support/http2-server.js'
import { hasBoth, twoAddresses } from '../support/localhost.js'
import { untilIdle } from '../support/probe-app.js'
import { until } from '../support/wire.js'

beforeAll(() => import(twoAddresses))

describe.each(Object.entries(transports))('%s', (_name, transport) => {
  let server: Http2Server
  const sockets: Socket[] = []

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await server.stop()
  })

  /** Clients that want nothing, and will not end their side of the connection either. */
  async function linger(port: number, host: string): Promise<Socket[]> {
    const plain = () => connectSocket({ port, host, allowHalfOpen: true })
    const silent = plain()
    const wrong = plain()
    wrong.write('\x16\x03')
    const greeted = transport.dial(port, host)
    const half = transport.dial(port, host)
    const broken = transport.dial(port, host)
    for (const socket of [greeted, half, broken]) socket.allowHalfOpen = true
    greeted.write(preface)
    half.write(preface.subarray(0, 10))
    broken.write(Buffer.concat([preface, post(1, '/upload').subarray(0, 12)]))
    const all = [silent, wrong, greeted, half, broken]
    for (const socket of all) socket.on('error', () => {}).resume()
    sockets.push(...all)
    await sleep(100)
    return all
  }

  test('idle, silent and half-sent connections hold nobody up, even if they never end their side', async () => {
    server = await serveHttp2(transport, { pluginTimeout: 3000 })
    const { app, port, meet } = server
    const idle = await meet()
    await idle.ask('/ok').closed
    await linger(port, '127.0.0.1')
    const before = performance.now()
    await app.close()
    await idle.closed
    expect(performance.now() - before).toBeLessThan(5000)
  })

  test.skipIf(!hasBoth)(
    'nor do they on both addresses of localhost, where streams finish',
    async () => {
      server = await serveHttp2(transport, { host: 'localhost', pluginTimeout: 3000 })
      const { app, port, held, meet } = server
      // The first that comes by the second address is the first sign of it.
      const hosts = ['::1', '127.0.0.1']
      const talking = await Promise.all(hosts.map((host) => meet(host)))
      const running = talking.map((client) => client.ask('/held'))
      for (const host of hosts) await linger(port, host)
      await until(() => held.length === 2)
      const before = performance.now()
      const drained = app.concurrency.drain({ delay: 200 })
      await Promise.all(talking.map(({ goaway }) => goaway))
      for (const gate of held) gate.resolve()
      await Promise.all(running.map((answer) => answer.closed))
      expect(running.map((answer) => answer.text())).toEqual(['held', 'held'])
      expect(await drained).toBe(true)
      await app.close()
      await Promise.all(talking.map(({ closed }) => closed))
      expect(performance.now() - before).toBeLessThan(6000)
    },
  )

  test('what is left at the deadline is cut: handlers, half an upload, readers that stopped', async () => {
    server = await serveHttp2(transport, { pluginTimeout: 1000 })
    const { app, held, meet, connect } = server
    const busy = await meet()
    const running = busy.ask('/held')
    const slow = busy.ask('/big')
    slow.stream.pause()
    const stuck = connect()
    stuck.write(Buffer.concat([widePreface, get(1, '/big')]))
    stuck.pause()
    const half = connect()
    half.write(Buffer.concat([preface, post(1, '/upload'), data(1, '{')]))
    await until(() => app.concurrency.snapshot().requests.active === 4)
    const before = performance.now()
    await app.close()
    expect(performance.now() - before).toBeLessThan(3000)
    await running.closed
    expect(running.status()).toBeUndefined()
    held[0]?.resolve()
    await untilIdle({ app })
    expect(app.concurrency.snapshot().requests).toMatchObject({ aborted: 4 })
  })
})
