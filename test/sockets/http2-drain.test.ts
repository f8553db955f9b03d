/** Guarantee 8 over HTTP/2: sessions are told to go elsewhere, and lose no stream that was admitted. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { get, widePreface } from '../support/frames.js'
import { transports } from '../support/http2.js'
import { type Http2Server, SIZE, serveHttp2 } from '../support/http2-server.js'
import { until } from '../support/wire.js'

describe.each(Object.entries(transports))('%s', (_name, transport) => {
  let server: Http2Server

  afterEach(() => server.stop())

  async function serve(): Promise<Http2Server> {
    server = await serveHttp2(transport)
    return server
  }

  test('a session says GOAWAY in the delay, its streams finish, and nothing on it is refused', async () => {
    const { app, held, meet } = await serve()
    const client = await meet()
    const running = client.ask('/held')
    await until(() => held.length === 1)
    let over = false
    const drained = app.concurrency.drain({ delay: 1000 }).then((through) => {
      over = true
      return through
    })
    await client.goaway
    expect(over).toBe(false)
    held[0]?.resolve()
    await running.closed
    expect([running.status(), running.text()]).toEqual([200, 'held'])
    await client.closed
    expect(await drained).toBe(true)
  })

  test('who comes in the delay by a new session is served, and that one goes away, too', async () => {
    const { app, meet } = await serve()
    const idle = await meet()
    const drained = app.concurrency.drain({ delay: 1500 })
    await idle.closed
    const late = await meet()
    const answer = late.ask('/ok')
    await answer.closed
    expect(answer.text()).toBe('ok')
    await late.goaway
    expect(await drained).toBe(true)
  })

  test('what waits is refused, what runs is not', async () => {
    const { app, held, meet } = await serve()
    const client = await meet()
    const running = client.ask('/one')
    await until(() => held.length === 1)
    const waiting = client.ask('/one')
    await until(() => app.concurrency.snapshot().requests.active === 2)
    const closed = app.close()
    await waiting.closed
    expect([waiting.status(), waiting.text()]).toEqual([
      503,
      expect.stringMatching('SLUICE_CLOSED'),
    ])
    held[0]?.resolve()
    await running.closed
    expect(running.text()).toBe('held')
    await closed
  })

  test('downloads that are read slowly arrive whole', async () => {
    const { app, meet, connect } = await serve()
    const client = await meet()
    const downloads = [client.ask('/big'), client.ask('/big')]
    for (const { stream } of downloads) stream.pause()
    // Its windows are wide, so that all of the rest lies in buffers when its stream is over.
    const wide = connect()
    wide.write(Buffer.concat([widePreface, get(1, '/big')]))
    wide.pause()
    await Promise.all(downloads.map(({ begun }) => begun))
    await until(() => app.concurrency.snapshot().requests.active === 3)
    const closed = app.close()
    await sleep(200)
    for (const { stream } of downloads) stream.resume()
    let bytes = 0
    wide.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    wide.resume()
    await Promise.all(downloads.map((download) => download.closed))
    expect(downloads.map((download) => download.text().length)).toEqual([SIZE, SIZE])
    await closed
    expect(bytes).toBeGreaterThan(SIZE)
  })

  test('an upload on its way is read and answered', async () => {
    const { app, meet } = await serve()
    const client = await meet()
    const type = { 'content-type': 'application/json', ':method': 'POST' }
    const stream = client.session.request({ ':path': '/upload', ...type }, { endStream: false })
    let status = 0
    stream.on('response', (headers) => {
      status = headers[':status'] as number
    })
    stream.resume().write('{"a":')
    await until(() => app.concurrency.snapshot().requests.active === 1)
    const closed = app.close()
    await client.goaway
    stream.end('1}')
    await closed
    expect(status).toBe(200)
  })

  test('event streams end, their handlers are told, and those that write on do no harm', async () => {
    const { app, events, meet } = await serve()
    const client = await meet()
    const fast = client.ask('/events')
    const slow = client.ask('/events')
    await Promise.all([fast.begun, slow.begun])
    slow.stream.pause()
    await until(() => events.wrote > 100)
    const closed = app.close()
    await until(() => events.told.length === 2)
    const before = events.wrote
    await until(() => events.wrote > before + 5)
    slow.stream.resume()
    await Promise.all([closed, fast.closed, slow.closed])
    expect([fast.stream.rstCode, slow.stream.rstCode]).toEqual([0, 0])
    expect(events.told).toEqual(['SLUICE_CLOSED', 'SLUICE_CLOSED'])
    expect(app.concurrency.snapshot().requests).toMatchObject({ answered: 2, aborted: 0 })
  })

  test("a request outside the plugin's scope is left to finish", async () => {
    const { app, held, meet } = await serve()
    const client = await meet()
    const outside = client.ask('/outside')
    await until(() => held.length === 1)
    const closed = app.close()
    await client.goaway
    await sleep(150)
    held[0]?.resolve()
    await outside.closed
    expect(outside.text()).toBe('held')
    await closed
  })
})
