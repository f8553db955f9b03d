/** One sender, many receivers: in order, at each one's own pace, over real sockets too. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Delivery, Topic } from '../../../routes/patterns/kit/topic.js'
import { turns } from '../../support/deferred.js'
import { type Patterns, startPatterns } from '../../support/patterns.js'
import { untilIdle } from '../../support/probe-app.js'
import { get, send, type Wire } from '../../support/wire.js'

const never = new AbortController().signal

describe('a topic', () => {
  test('every receiver gets every message that is sent after it came, in order', async () => {
    const topic = new Topic<string>(10)
    topic.send('before')
    const early = collect(topic.receive(never))
    topic.send('a')
    const late = collect(topic.receive(never))
    topic.send('b')
    topic.close()
    expect(await early).toEqual([
      { id: 2, message: 'a' },
      { id: 3, message: 'b' },
    ])
    expect(await late).toEqual([{ id: 3, message: 'b' }])
  })

  test('who is further behind than what is kept is told how many it missed, once', async () => {
    const topic = new Topic<number>(3)
    const receiver = topic.receive(never)
    for (let n = 1; n <= 10; n++) topic.send(n)
    topic.close()
    expect(await collect(receiver)).toEqual([
      { missed: 7 },
      { id: 8, message: 8 },
      { id: 9, message: 9 },
      { id: 10, message: 10 },
    ])
  })

  test('an abort ends the receiver, which is then no longer counted', async () => {
    const topic = new Topic<string>(3)
    const controller = new AbortController()
    const ended = collect(topic.receive(controller.signal))
    await turns()
    expect(topic.receivers).toBe(1)
    controller.abort()
    expect(await ended).toEqual([])
    expect(topic.receivers).toBe(0)
  })
})

describe('in one request', () => {
  test('a slow receiver misses messages, and holds nobody up', async () => {
    const patterns = await startPatterns(0)
    const messages = Array.from({ length: 10 }, (_, n) => `message=${n}`).join('&')
    const { result } = await patterns.ask(
      `broadcast/receivers?${messages}&capacity=2&every=10&slow=45`,
    )
    const received = result as { messages: string[]; missed: number }[]
    expect(received.map(({ missed }) => missed === 0)).toEqual([true, true, false])
    for (const { messages, missed } of received) expect(messages.length + missed).toBe(10)
    await patterns.close()
  })

  test('sender and receivers stop when the client leaves', async () => {
    const patterns = await startPatterns(10)
    const events = await patterns.leave('broadcast/receivers?every=1000&slow=1000')
    expect(events).not.toContain('Sent: Broadcast message 2')
    await patterns.close()
  })
})

describe('live', () => {
  let patterns: Patterns
  let port: number
  let wires: Wire[]

  beforeEach(async () => {
    patterns = await startPatterns(1)
    port = await patterns.listen()
    wires = []
  })
  afterEach(async () => {
    for (const { socket } of wires) socket.destroy()
    await patterns.close()
  })

  async function listenLive(): Promise<Wire> {
    const wire = await send(port, get('/patterns/broadcast', 'Accept: text/event-stream\r\n'))
    wires.push(wire)
    await wire.received('event: listening')
    return wire
  }

  async function publish(message: string): Promise<{ id: number; listeners: number }> {
    const response = await patterns.app.inject({
      method: 'POST',
      url: '/patterns/broadcast',
      payload: { message },
    })
    return response.json().result
  }

  test('what is posted reaches all who listen, in order and with its number', async () => {
    const all = await Promise.all([listenLive(), listenLive(), listenLive()])
    expect(await publish('one')).toEqual({ id: 1, listeners: 3 })
    await publish('two')
    for (const wire of all) {
      const text = await wire.received('"two"')
      expect(text).toMatch(/^content-type: text\/event-stream/im)
      expect(text).toMatch(/id: 1\nevent: message\ndata: "one"\n\n[\s\S]*id: 2\nevent: message\n/)
    }
  })

  test('a listener that does not read is told what it missed, and holds nobody up', async () => {
    const [reader, sleeper] = await Promise.all([listenLive(), listenLive()])
    sleeper?.socket.pause()
    const sent = 1500
    // More than what all buffers between the two take.
    const message = 'x'.repeat(9000)
    for (let n = 1; n <= sent; n++) await publish(message)
    await publish('the last')
    await reader?.received('the last')
    expect(reader?.text()).not.toContain('lagged')
    sleeper?.socket.resume()
    const text = (await sleeper?.received('the last')) as string
    const missed = [...text.matchAll(/\{"missed":(\d+)\}/g)].map(([, count]) => Number(count))
    const got = [...text.matchAll(/^id: \d+$/gm)].length
    expect(missed.length).toBeGreaterThan(0)
    expect(got + missed.reduce((sum, count) => sum + count, 0)).toBe(sent + 1)
  })

  test('a listener that leaves without having read gives its place back', async () => {
    const sleeper = await listenLive()
    sleeper.socket.pause()
    const message = 'x'.repeat(9000)
    for (let n = 1; n <= 1500; n++) await publish(message)
    sleeper.socket.destroy()
    await untilIdle({ app: patterns.app })
    expect(await publish('to nobody')).toMatchObject({ listeners: 0 })
    expect(patterns.log.map(({ msg }) => msg)).toContain('Cancelled: broadcast')
    expect(patterns.log.filter(({ level }) => level >= 40)).toEqual([])
  })

  test('a drain ends the streams to their last byte, and nothing is lost', async () => {
    const wire = await listenLive()
    await publish('before')
    await wire.received('"before"')
    expect(await patterns.app.concurrency.drain({ timeout: 5000 })).toBe(true)
    await wire.received(/\r\n0\r\n\r\n$/)
  })

  test('a hundred may listen, the next is refused', async () => {
    await Promise.all(Array.from({ length: 100 }, listenLive))
    const response = await fetch(`http://127.0.0.1:${port}/patterns/broadcast`)
    expect([response.status, await response.json()]).toEqual([
      503,
      expect.objectContaining({ code: 'SLUICE_QUEUE_FULL' }),
    ])
  })

  test('a HEAD, which would have no end, is not found', async () => {
    const head = await fetch(`http://127.0.0.1:${port}/patterns/broadcast`, { method: 'HEAD' })
    expect(head.status).toBe(404)
  })
})

async function collect<T>(deliveries: AsyncIterable<Delivery<T>>): Promise<Delivery<T>[]> {
  const collected: Delivery<T>[] = []
  for await (const delivery of deliveries) collected.push(delivery)
  return collected
}
