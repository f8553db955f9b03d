/** Guarantees 2, 4 and 7 over HTTP/2: each end of a stream, or of its session, is one of its requests. */
import { constants } from 'node:http2'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import sluice from '../../src/sluice/index.js'
import { turns } from '../support/deferred.js'
import { data, END_STREAM, post, preface, reset } from '../support/frames.js'
import { type Answer, type Client, cancel, dial, transports } from '../support/http2.js'
import { untilIdle } from '../support/probe-app.js'
import { listen, until } from '../support/wire.js'

describe.each(Object.entries(transports))('%s', (_name, transport) => {
  let app: FastifyInstance
  let port: number
  let client: Client
  let handled: string[]
  let told: string[]

  beforeEach(async () => {
    handled = []
    told = []
    app = transport.build()
    const note = ({ url, concurrency: { signal } }: FastifyRequest): void => {
      handled.push(url)
      signal.addEventListener('abort', () => told.push(url))
    }
    await app.register(sluice, { limit: 10 })
    const config = { concurrency: { limit: 2, queue: { size: 3 } } }
    const quick = { config: { concurrency: 2 } }
    app.get('/ok', { ...quick, exposeHeadRoute: true }, async () => 'ok')
    app.get('/sleep', { config }, async (request) => {
      note(request)
      const { signal } = request.concurrency
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return 'woken'
    })
    app.get('/throws', quick, async () => {
      throw new Error('handler failed')
    })
    app.get('/big', quick, async (request) => {
      note(request)
      return Buffer.alloc(4_000_000, 'x')
    })
    app.get('/drip', quick, (request, reply) => {
      note(request)
      reply.send(endless())
    })
    app.get('/finite', quick, (_request, reply) => {
      reply.send(Readable.from(['one ', 'two ', 'three']))
    })
    app.get('/breaks', quick, (_request, reply) => {
      let chunks = 0
      const read = function (this: Readable): void {
        if (chunks++ < 5) setTimeout(() => this.push('x'.repeat(1000)), 1)
        else this.destroy(new Error('disk failed'))
      }
      reply.send(new Readable({ read }))
    })
    app.get('/hijack', quick, (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200)
      reply.raw.end('hijacked')
    })
    app.get('/events', quick, (request, reply) => {
      note(request)
      reply.hijack()
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
      reply.raw.write('data: 1\n\n')
      request.raw.on('close', () => reply.raw.end())
    })
    app.get('/hijack-silent', quick, (request, reply) => {
      note(request)
      reply.hijack()
    })
    app.post('/small', { ...quick, bodyLimit: 1000 }, async () => 'small')
    app.post('/upload', quick, async (request) => {
      note(request)
      return request.body
    })
    app.post(
      '/full',
      { config: { concurrency: { limit: 1, queue: { size: 0 } } } },
      async () => 'full',
    )
    app.get('/late', { config: { concurrency: { limit: 2, timeout: 30 } } }, async (request) => {
      note(request)
      await new Promise(() => {})
    })
    port = await listen(app)
    client = await dial(transport, port)
  })

  afterEach(async () => {
    client.session.destroy()
    await app.close()
  })

  const counts = () => app.concurrency.snapshot().requests
  const limiter = (name: string) => app.concurrency.limiters.find((known) => known.name === name)

  /** As many as there were can be taken again. */
  async function permitsAreBack(): Promise<void> {
    await untilIdle({ app })
    const fresh = await dial(transport, port)
    const answers = Array.from({ length: 2 }, () => fresh.ask('/ok'))
    await Promise.all(answers.map(({ closed }) => closed))
    expect(answers.map((answer) => answer.status())).toEqual([200, 200])
    fresh.session.close()
  }

  test.each([
    ['a reply', '/ok', {}, undefined, 200, 'ok'],
    ['HEAD', '/ok', { ':method': 'HEAD' }, undefined, 200, ''],
    ['a 404', '/nowhere', {}, undefined, 404, 'not found'],
    ['a throw', '/throws', {}, undefined, 500, 'handler failed'],
    ['a stream', '/finite', {}, undefined, 200, 'one two three'],
    ['a hijack', '/hijack', {}, undefined, 200, 'hijacked'],
    ['an upload', '/upload', { 'content-type': 'application/json' }, '{"a":1}', 200, '{"a":1}'],
    ['a bad upload', '/upload', { 'content-type': 'application/json' }, '{', 400, 'JSON'],
    ['a timeout', '/late', {}, undefined, 504, 'SLUICE_DEADLINE'],
  ])('%s counts as answered', async (_kind, path, headers, body, status, text) => {
    const answer = client.ask(path, headers, body)
    await answer.closed
    expect(answer.status()).toBe(status)
    expect(answer.text()).toContain(text)
    await until(() => counts().active === 0)
    expect(counts()).toMatchObject({ answered: 1, aborted: 0 })
  })

  const ends: [string, (answer: Answer) => void][] = [
    ['its stream is cancelled', cancel],
    ['its session is destroyed', () => client.session.destroy()],
    ['its socket dies', () => client.socket.destroy()],
  ]
  const moments = [
    ['in the handler', '/sleep'],
    ['in a download', '/big'],
    ['in a stream', '/drip'],
    ['in a hijacked response', '/hijack-silent'],
    ['in an event stream that its handler then ends', '/events'],
  ] as const
  describe.each(ends)(
    'a request counts as aborted, and its permits return, where %s',
    (_e, end) => {
      test.each(moments)('%s', async (_moment, path) => {
        const answer = client.ask(path)
        // A download is not read to its end.
        answer.stream.pause()
        await until(() => handled.length === 1)
        await turns()
        end(answer)
        await permitsAreBack()
        expect(counts()).toMatchObject({ aborted: 1, answered: 2 })
        expect(told).toEqual([path])
      })

      test('in the queue, which it leaves without its handler', async () => {
        const other = await dial(transport, port)
        const running = [other.ask('/sleep?1'), other.ask('/sleep?2')]
        await until(() => handled.length === 2)
        const queued = client.ask('/sleep?queued')
        await until(() => limiter('GET /sleep')?.queued === 1)
        end(queued)
        await until(() => limiter('GET /sleep')?.queued === 0)
        expect(counts()).toMatchObject({ aborted: 1, active: 2 })
        for (const answer of running) cancel(answer)
        await permitsAreBack()
        expect(handled).not.toContain('/sleep?queued')
        other.session.destroy()
      })
    },
  )

  const resets: [string, (socket: Socket) => void][] = [
    ['its stream is reset', (socket) => socket.write(reset(1, constants.NGHTTP2_CANCEL))],
    [
      'its stream is reset as if it were over',
      (socket) => socket.write(reset(1, constants.NGHTTP2_NO_ERROR)),
    ],
    [
      'its stream is reset for an error',
      (socket) => socket.write(reset(1, constants.NGHTTP2_INTERNAL_ERROR)),
    ],
    ['its connection is closed', (socket) => socket.end()],
    ['its socket dies', (socket) => socket.destroy()],
  ]
  test.each(resets)('and so does half an upload where %s', async (_how, end) => {
    const socket = transport.dial(port, '127.0.0.1').resume()
    socket.write(Buffer.concat([preface, post(1, '/upload'), data(1, '{"half')]))
    await until(() => counts().active === 1)
    await turns()
    end(socket)
    await permitsAreBack()
    expect(counts()).toMatchObject({ aborted: 1, answered: 2 })
    expect(handled).toEqual([])
    socket.destroy()
  })

  test('a stream that breaks behind its headers counts as aborted', async () => {
    const answer = client.ask('/breaks')
    await answer.closed
    await permitsAreBack()
    expect(counts()).toMatchObject({ aborted: 1 })
  })

  test('who comes when the queue is full is answered 503, and its stream ends', async () => {
    const answers = Array.from({ length: 6 }, (_none, n) => client.ask(`/sleep?${n}`))
    const refused = answers.at(-1) as Answer
    await refused.closed
    expect([refused.status(), refused.headers()['retry-after']]).toEqual([
      503,
      expect.stringMatching(/^\d+$/),
    ])
    // One that runs would make room for one that is still to be cancelled.
    for (const answer of answers.reverse()) cancel(answer)
    await permitsAreBack()
    expect(handled).toHaveLength(2)
  })

  test('an answer that is out returns its permits, whatever its client has still to send', async () => {
    const socket = transport.dial(port, '127.0.0.1').resume()
    const bad = '{'.repeat(2_000)
    socket.write(Buffer.concat([preface, post(1, '/small'), data(1, bad)]))
    await until(() => counts().answered === 1)
    await permitsAreBack()
    socket.destroy()
  })

  test('a refused upload costs the other streams of its session nothing', async () => {
    const socket = transport.dial(port, '127.0.0.1').resume()
    const half = (stream: number) => Buffer.concat([post(stream, '/full'), data(stream, '{"half')])
    socket.write(Buffer.concat([preface, half(1)]))
    await until(() => limiter('POST /full')?.inFlight === 1)
    socket.write(half(3))
    await until(() => counts().rejected === 1)
    socket.write(Buffer.concat([half(5), post(7, '/upload'), data(7, '[1]', END_STREAM)]))
    await until(() => counts().rejected === 2 && handled.length === 1)
    socket.destroy()
    await permitsAreBack()
    expect(counts()).toMatchObject({ aborted: 1, answered: 5 })
  })
})

function endless(): Readable {
  return new Readable({
    read() {
      setTimeout(() => this.push('x'.repeat(1000)), 1)
    },
  })
}
