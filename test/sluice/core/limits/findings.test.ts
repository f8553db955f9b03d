/** What `auto` tells of itself is what happened: each cause of a move, what is waited for, and how much. */
import { expect, test } from 'vitest'
import { AutoLimit, Limiter } from '../../../../src/sluice/index.js'
import { fakeClock } from '../../../support/clock.js'
import { seeded } from '../../../support/downstream.js'
import { run } from '../../../support/queueing.js'

const pool = { slots: () => 10 }
const endless = { slots: () => Number.POSITIVE_INFINITY }

/** Work of 50 ms, of which a pool of ten does 200 a second. */
async function after(
  seconds: number,
  rate: (at: number) => number,
  downstream: typeof pool = pool,
  duration: (at: number) => number = () => 50,
) {
  const limit = new AutoLimit()
  const route = { limit, rate, duration: (_: () => number, at: number) => duration(at) }
  await run([route], downstream, seconds, seeded(7))
  return { ...limit.findings, limit: limit.limit }
}

test('at first it knows nothing, and says so', () => {
  expect(new AutoLimit().findings).toEqual({
    bound: false,
    cause: undefined,
    moves: { free: 0, queueing: 0, room: 0, probe: 0, elsewhere: 0 },
    usualMs: 0,
    behindMs: 0,
    loopMs: 0,
    throughput: 0,
  })
})

test('nothing queues: it floats, and tells what work takes and how much ends', async () => {
  const found = await after(10, () => 80)
  expect(found.bound).toBe(false)
  expect(found.behindMs).toBeLessThan(0.001)
  expect(found.usualMs).toBeCloseTo(50, 0)
  expect(found.throughput).toBeGreaterThan(50)
  expect(found.throughput).toBeLessThan(120)
})

test('work queues: it is bounded, tells what waits behind the limit, and that the queue is why', async () => {
  const found = await after(20, (at) => (at < 10 ? 80 : 1000))
  expect(found.bound).toBe(true)
  expect(found.moves.queueing).toBeGreaterThan(0)
  expect(found.usualMs).toBeGreaterThan(45)
  expect(found.usualMs).toBeLessThan(70)
  expect(found.throughput).toBeGreaterThan(180)
  expect(found.throughput).toBeLessThan(220)
  expect(found.behindMs).toBeGreaterThan(0)
  expect(found.behindMs).toBeLessThan(100)
})

test('what waits behind the limit is told exactly', () => {
  const limit = new AutoLimit()
  let now = 1
  const end = (times: number, rtt: number, inFlight: number): void => {
    for (let n = 0; n < times; n++)
      limit.onSample({ startTime: now++, rtt, inFlight, dropped: false })
  }
  end(1000, 50, 10)
  expect(limit.findings).toMatchObject({ bound: false, usualMs: 50, throughput: 1000 })
  end(2000, 130, 26)
  const { bound, cause, behindMs } = limit.findings
  expect({ bound, cause }).toEqual({ bound: true, cause: 'queueing' })
  expect(behindMs).toBeCloseTo(80, 3)
})

test('the flood is over: it floats again, since nothing queues', async () => {
  const found = await after(30, (at) => (at >= 10 && at < 20 ? 1000 : 80))
  expect(found).toMatchObject({ bound: false, cause: 'free' })
})

test('work gets slow by itself: it was bounded, found that its number is no matter, and let go', async () => {
  const slow = (at: number) => (at < 10 ? 50 : 400)
  const { bound, moves } = await after(60, () => 80, endless, slow)
  expect(bound).toBe(false)
  expect(moves.queueing + moves.room + moves.probe + moves.elsewhere).toBeGreaterThan(0)
})

test('what it knows of the loop is told as it is', () => {
  const clock = fakeClock(1)
  const limiter = new Limiter({ name: 'x', limit: new AutoLimit({ loopWait: () => 7 }), clock })
  for (let n = 0; n < 100; n++) {
    const token = limiter.tryAcquire()
    clock.advance(30)
    token?.succeed()
  }
  expect(limiter.snapshot().found).toEqual([
    expect.objectContaining({ name: 'x', limit: 50, inFlight: 0, queued: 0, loopMs: 7 }),
  ])
})

test('a limit that cannot tell has no findings', () => {
  expect(new Limiter({ limit: 'vegas' }).snapshot()).not.toHaveProperty('found')
  expect(new Limiter({ limit: 3 }).snapshot()).not.toHaveProperty('found')
})
