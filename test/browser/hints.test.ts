/** When the dashboard says that a limit is far below what the processor would allow. */
import { beforeEach, expect, test } from 'vitest'
import { Hints } from '../../public/dashboard/hints.js'
import type { FoundLimit, LimiterSnapshot, LoopFindings, Snapshot } from '../../src/sluice/index.js'

const rejected = {
  queue_full: 0,
  queue_timeout: 0,
  deadline: 0,
  pressure: 0,
  closed: 0,
  aborted: 0,
}
const full: LimiterSnapshot = {
  name: 'app',
  limit: 2,
  inFlight: 2,
  queued: 18,
  admitted: 5,
  rejected,
  abandoned: 0,
  waitMs: { p50: 0, p99: 0 },
}
let hints: Hints

beforeEach(() => {
  hints = new Hints()
})

function take(limiter: Partial<LimiterSnapshot>, utilization = 0.1): string[] {
  const eventLoop = { utilization, delayMs: { p50: 0, p99: 0 } }
  return hints.take({ limiters: [{ ...full, ...limiter }], eventLoop } as unknown as Snapshot)
}

function last(times: number, next: (at: number) => string[]): string[] {
  let told: string[] = []
  for (let at = 0; at < times; at++) told = next(at)
  return told
}

test('a limit that is full and has a queue, while the loop has time, for five seconds', () => {
  expect(last(4, () => take({}))).toEqual([])
  expect(take({})).toEqual([
    'app is full at 2, 18 wait, and the event loop is busy for 10 % of the time: if what is behind it can take more, the limit is far too low.',
  ])
})

test('one that has no queue, and rejects', () => {
  const told = last(6, (at) => take({ queued: 0, rejected: { ...rejected, queue_full: at } }))
  expect(told).toHaveLength(1)
})

test('none where clients left the queue, and nobody else', () => {
  const told = last(6, (at) => take({ queued: 0, rejected: { ...rejected, aborted: at } }))
  expect(told).toEqual([])
})

test('none where the loop is busy, or the limit has room, or there was a pause', () => {
  expect(last(9, () => take({}, 0.5))).toEqual([])
  expect(last(9, () => take({ inFlight: 1 }))).toEqual([])
  expect(last(9, (at) => take({ queued: at % 5 === 4 ? 0 : 18 }))).toEqual([])
})

test('none of the event loop, which is always full', () => {
  const loop: LoopFindings = { lateMs: 0, heldMs: 0, roomMs: null, routes: [] }
  expect(last(9, () => take({ loop }))).toEqual([])
})

test('one that finds itself, and bounds: what is behind it is the bottleneck', () => {
  const found = [{ bound: true, behindMs: 35 }] as unknown as FoundLimit[]
  expect(last(5, () => take({ found }))).toEqual([
    'app is full at 2, 18 wait, and the event loop is busy for 10 % of the time: what its work waits for, 35.0 ms behind the limit, is the bottleneck.',
  ])
})
