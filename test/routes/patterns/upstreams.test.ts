/** Polling and fan-out over real sockets: how often, how many at once, and when it ends. */
import { Server } from 'node:http'
import { describe, expect, test, vi } from 'vitest'
import { Upstreams } from '../../../routes/patterns/kit/upstream.js'
import { turns } from '../../support/deferred.js'
import { lasted, serve, startPatterns } from '../../support/patterns.js'
import { untilIdle } from '../../support/probe-app.js'
import { get, send, until } from '../../support/wire.js'

const at = serve({ zero: 0, tenth: 0.1, one: 1, ten: 10 })

describe('polling', () => {
  test('asks at once and then at every interval, until the other work is done', async () => {
    const { result, events } = await at.zero.ask('polling')
    expect(result).toEqual({ polls: 3, answered: 3, failed: 0 })
    expect(events.at(-1)).toBe('Main task done.')
  })

  test('takes the time of the other work, which the polls do not hold up', async () => {
    const answer = await at.tenth.ask('polling?every=1000&for=4000&jitter=0')
    expect(answer).toSatisfy(() => lasted(answer, 400, 1400))
    expect((answer.result as { polls: number }).polls).toBeLessThanOrEqual(4)
  })

  test('doubles its interval with each failure, up to eight, and goes back to one', async () => {
    // Without jitter the waits are 2, 4, 8, 8, and then 1 each.
    const until = async (ms: number) =>
      (await at.zero.ask(`polling?every=1000&for=${ms}&jitter=0&failures=4`)).result
    expect(await until(22_000)).toEqual({ polls: 4, answered: 0, failed: 4 })
    expect(await until(22_001)).toEqual({ polls: 5, answered: 1, failed: 4 })
    expect(await until(24_001)).toEqual({ polls: 7, answered: 3, failed: 4 })
  })

  test.each([
    [0, 120],
    [0.5, 60],
    [1, 40],
  ])(
    'jitter of a half makes an interval half to one and a half: drawn %d',
    async (drawn, polls) => {
      const random = vi.spyOn(Math, 'random').mockReturnValue(drawn)
      const { result } = await at.zero.ask('polling?every=1000&for=60000&jitter=0.5')
      random.mockRestore()
      expect(result).toMatchObject({ polls })
    },
  )

  test('an upstream that does not answer in time has failed', async () => {
    const { result, events } = await at.tenth.ask(
      'polling?every=1000&for=5000&delay=60000&timeout=20&jitter=0',
    )
    expect(result).toMatchObject({ answered: 0 })
    expect(events.join()).toContain('timeout')
  })

  test.each(['polling', 'polling?delay=60000&timeout=60000'])(
    '%s stops when its client leaves',
    async (path) => {
      expect(await at.ten.leave(path)).toEqual([
        'Polling external API...',
        'App is doing other work...',
      ])
    },
  )
})

describe('fan-out', () => {
  test('no more upstreams are asked at once than the limit, as they count themselves', async () => {
    const answer = await at.tenth.ask('fan-out?upstreams=8&limit=3&delay=2000')
    expect(answer.result).toEqual({ answered: 8, peak: 3 })
    // The upstreams' own timers may be a little early.
    expect(answer).toSatisfy(() => lasted(answer, 3 * 199, 8 * 199))
  })

  test('the next is asked when one has answered, in order', async () => {
    const { events } = await at.zero.ask('fan-out?upstreams=4&limit=1')
    expect(events).toEqual(
      [1, 2, 3, 4].flatMap((n) => [`Asking upstream ${n}`, `Upstream ${n} answered`]),
    )
  })

  test('twenty at once are no leak, as Node would warn of', async () => {
    const warnings: string[] = []
    const warned = ({ message }: Error) => warnings.push(message)
    process.on('warning', warned)
    expect((await at.zero.ask('fan-out?upstreams=20&limit=20')).result).toMatchObject({
      answered: 20,
    })
    await turns()
    process.off('warning', warned)
    expect(warnings).toEqual([])
  })

  test.each(['fan-out?limit=2', 'fan-out?upstreams=2&limit=2&delay=60000'])(
    '%s leaves those that were asked and asks no other when its client leaves',
    async (path) => {
      expect(await at.ten.leave(path)).toEqual(['Asking upstream 1', 'Asking upstream 2'])
    },
  )
})

describe('fairness', () => {
  const limiter = (name: string) =>
    at.one.app.concurrency.limiters.find((one) => one.name.includes(name))

  test('beside three hundred fan-outs that take long, short ones are answered', async () => {
    const port = await at.one.listen()
    const path = '/patterns/fan-out?delay=60000&upstreams=20&limit=20'
    const long = await Promise.all(Array.from({ length: 300 }, () => send(port, get(path))))
    const refused = () => long.filter((wire) => wire.text().startsWith('HTTP/1.1 503')).length
    await until(() => refused() === 295 && limiter('fan-out')?.queued === 0)
    expect(limiter('fan-out')?.inFlight).toBe(5)
    expect(long.every((wire) => !wire.text() || /retry-after: \d/i.test(wire.text()))).toBe(true)
    const short = Array.from({ length: 40 }, () =>
      at.one.ask('fan-out?delay=1&upstreams=20&limit=20'),
    )
    expect(new Set((await Promise.all(short)).map(({ status }) => status))).toEqual(new Set([200]))
    for (const { socket } of long) socket.destroy()
    await untilIdle(at.one)
    // Their places come back.
    expect((await at.one.ask('fan-out?delay=400&limit=2')).status).toBe(200)
  })

  test('no more poll at once than have a connection each; one more is refused', async () => {
    const port = await at.one.listen()
    const path = '/patterns/polling?delay=60000&timeout=60000&for=60000'
    const polling = await Promise.all(Array.from({ length: 50 }, () => send(port, get(path))))
    await until(() => limiter('polling')?.inFlight === 50)
    expect((await at.one.ask('polling?for=0')).status).toBe(503)
    polling[0]?.socket.destroy()
    await until(() => limiter('polling')?.inFlight === 49)
    // It is answered at once, behind nobody.
    const { result } = await at.one.ask('polling?for=200&every=60000')
    expect(result).toEqual({ polls: 1, answered: 1, failed: 0 })
    for (const { socket } of polling) socket.destroy()
    await untilIdle(at.one)
  })
})

test.each([
  ['fan-out', 503, 'no connection'],
  ['polling?for=100', 200, 'Poll 1 failed: no connection'],
])(
  'without file descriptors %s says so, and not on which port it asked',
  async (path, status, said) => {
    const spy = vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server) {
      const code = 'EMFILE'
      const error = new Error('listen EMFILE: too many open files 127.0.0.1:4567')
      process.nextTick(() => this.emit('error', Object.assign(error, { code, syscall: 'listen' })))
      return this
    })
    const fresh = await startPatterns(0.1)
    const { statusCode, headers, body } = await fresh.app.inject(`/patterns/${path}`)
    spy.mockRestore()
    expect([statusCode, headers['retry-after']]).toEqual([status, status === 503 ? '1' : undefined])
    expect(body).toContain(said)
    expect(body).not.toContain('127.0.0.1')
    expect((await fresh.ask(path)).status).toBe(200)
    await fresh.close()
  },
)

test('an upstream that cannot take in a connection lives on', async () => {
  const upstreams = new Upstreams(1)
  const servers: Server[] = []
  const { listen } = Server.prototype
  const spy = vi.spyOn(Server.prototype, 'listen').mockImplementation(function (
    this: Server,
    ...args
  ) {
    servers.push(this)
    return listen.apply(this, args)
  })
  const question = { about: 'a', delay: 0, status: 200 } as const
  const { signal } = new AbortController()
  await upstreams.ask(1, question, signal)
  spy.mockRestore()
  servers[0]?.emit('error', new Error('accept EMFILE'))
  expect(await upstreams.ask(1, question, signal)).toBe(1)
  await upstreams.close()
})

test('of upstreams of which one fails, the others are left, and none is asked any more', async () => {
  const { ask } = Upstreams.prototype
  const asked: AbortSignal[] = []
  const spy = vi.spyOn(Upstreams.prototype, 'ask').mockImplementation(function (
    this: Upstreams,
    index,
    question,
    signal,
  ) {
    asked.push(signal)
    return ask.call(this, index, { ...question, status: index === 2 ? 503 : 200 }, signal)
  })
  const { status } = await at.ten.ask('fan-out?limit=3&delay=0')
  spy.mockRestore()
  expect(status).toBe(500)
  expect(asked.length).toBeLessThan(8)
  expect(asked.every(({ aborted }) => aborted)).toBe(true)
})

test('an upstream that could not start does so for the next who asks', async () => {
  const upstreams = new Upstreams(10)
  const { signal } = new AbortController()
  const question = { about: 'a', delay: 0, status: 200 } as const
  const spy = vi.spyOn(Server.prototype, 'listen').mockImplementationOnce(function (this: Server) {
    process.nextTick(() => this.emit('error', new Error('no port is left')))
    return this
  })
  await expect(upstreams.ask(1, question, signal)).rejects.toThrow('no port is left')
  spy.mockRestore()
  expect(await upstreams.ask(1, question, signal)).toBe(1)
  await upstreams.close()
})

test('an upstream counts those in hand about the same, wherever they were asked', async () => {
  const upstreams = new Upstreams(10)
  const signal = new AbortController().signal
  const ask = (index: number, about: string) =>
    upstreams.ask(index, { about, delay: 100, status: 200 }, signal)
  const counts = await Promise.all([ask(1, 'a'), ask(2, 'a'), ask(3, 'b')])
  expect(counts[2]).toBe(1)
  expect(counts.slice(0, 2).sort()).toEqual([1, 2])
  expect(await ask(1, 'a')).toBe(1)
  await upstreams.close()
})
