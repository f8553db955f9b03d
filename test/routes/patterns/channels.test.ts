/** The bounded channel: its capacity is never exceeded, nobody is overtaken, both ends can close. */
import { describe, expect, test } from 'vitest'
import { Channel } from '../../../routes/patterns/kit/channel.js'
import { turns } from '../../support/deferred.js'
import { startPatterns } from '../../support/patterns.js'

const never = new AbortController().signal

describe('a channel', () => {
  test('holds as many messages as its capacity; the next sender waits for the receiver', async () => {
    const channel = new Channel<number>(5)
    const sent: number[] = []
    for (let n = 1; n <= 8; n++) channel.send(n, never).then(() => sent.push(n))
    await turns()
    expect(sent).toEqual([1, 2, 3, 4, 5])
    expect(channel.full).toBe(true)
    const receiver = channel.receive()
    expect(await receiver.next()).toEqual({ done: false, value: 1 })
    await turns()
    expect(sent).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('messages come in the order in which they were sent, by whomever', async () => {
    const channel = new Channel<string>(1)
    const senders = ['a', 'b', 'c'].map(async (name) => {
      for (const n of [1, 2]) await channel.send(`${name}${n}`, never)
    })
    Promise.all(senders).then(() => channel.close())
    const received = []
    for await (const message of channel.receive()) received.push(message)
    expect(received).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2'])
  })

  test('closed, it still gives what is in it, and then ends', async () => {
    const channel = new Channel<number>(3)
    await channel.send(1, never)
    await channel.send(2, never)
    channel.close()
    const received = []
    for await (const message of channel.receive()) received.push(message)
    expect(received).toEqual([1, 2])
  })

  test('a receiver that leaves refuses whoever waits and whoever comes', async () => {
    const channel = new Channel<number>(1)
    const sending = [1, 2, 3].map((n) => channel.send(n, never))
    const settled = Promise.allSettled(sending)
    const receiver = channel.receive()
    await receiver.next()
    // The first was received, the second has its place: the third waits.
    await receiver.return()
    await expect(channel.send(4, never)).rejects.toMatchObject({ code: 'SLUICE_CLOSED' })
    channel.close()
    const statuses = (await settled).map(({ status }) => status)
    expect(statuses).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  })

  test('both ends may leave at once, whoever is a moment earlier', async () => {
    for (let moments = 0; moments < 20; moments++) {
      const channel = new Channel<number>(1)
      await channel.send(1, never)
      const receiver = channel.receive()
      await receiver.next()
      const left = receiver.return()
      for (let moment = 0; moment < moments; moment++) await undefined
      expect(() => channel.close()).not.toThrow()
      await left
    }
  })

  test('a sender that is aborted while it waits takes no place', async () => {
    const channel = new Channel<number>(1)
    await channel.send(1, never)
    const controller = new AbortController()
    const waiting = channel.send(2, controller.signal)
    const next = channel.send(3, never)
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    const receiver = channel.receive()
    expect((await receiver.next()).value).toBe(1)
    await next
    expect((await receiver.next()).value).toBe(3)
  })
})

describe('the route', () => {
  test('a fast sender waits once all places are taken, and all arrives in order', async () => {
    const patterns = await startPatterns(0)
    const words = Array.from({ length: 8 }, (_, index) => `m${index}`)
    const { result, events } = await patterns.ask(
      `channels?capacity=5&${words.map((word) => `message=${word}`).join('&')}`,
    )
    expect(result).toMatchObject({ received: words, refused: 0 })
    expect((result as { waits: number }).waits).toBeGreaterThan(0)
    const firstWait = events.findIndex((event) => event.includes('waits'))
    expect(events.slice(0, firstWait)).toContain('Sender 1 sent: m4')
    await patterns.close()
  })

  test('a receiver that leaves ends the senders', async () => {
    const patterns = await startPatterns(0)
    const { result } = await patterns.ask('channels?capacity=1&senders=3&take=2')
    expect(result).toEqual({
      received: ['hello', 'hello'],
      waits: expect.any(Number),
      refused: 3,
    })
    await patterns.close()
  })

  test('many senders at once take what one alone takes: the time of the receiver', async () => {
    const patterns = await startPatterns(0.1)
    const { elapsedMs, result } = await patterns.ask('channels?senders=5&capacity=1')
    expect((result as { received: string[] }).received).toHaveLength(15)
    expect(elapsedMs).toBeGreaterThan(15 * 10 - 15)
    await patterns.close()
  })

  test('senders and receiver stop when the client leaves', async () => {
    const patterns = await startPatterns(10)
    const events = await patterns.leave('channels?capacity=1&senders=2')
    expect(events.filter((event) => event.startsWith('Received'))).toHaveLength(1)
    await patterns.close()
  })
})
