/** The loop is played by hand: how long it was idle and busy, its seconds, and the ends of its turns. */
import { performance } from 'node:perf_hooks'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LoopWatch } from '../../../src/sluice/metrics/loop-watch.js'

/** Milliseconds since the loop began. */
let idle = 0
let active = 0
let immediates: (() => void)[] = []
/** Whether what measures delays ticks, and what it would say. */
let ticking = true
let percentiles: Record<number, number> = {}
let turns = 0
let told: string[] = []

const window = {
  restart: () => {
    ticking = true
  },
  stop: () => {
    ticking = false
  },
  turn: () => {
    turns++
  },
  percentile: (percent: number) => percentiles[percent] ?? 0,
}

beforeEach(() => {
  idle = 0
  active = 0
  immediates = []
  ticking = true
  percentiles = { 50: 1, 99: 5 }
  turns = 0
  told = []
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  vi.spyOn(performance, 'eventLoopUtilization').mockImplementation(() => ({
    idle,
    active,
    utilization: 0,
  }))
  vi.stubGlobal('setImmediate', (callback: () => void) => {
    immediates.push(callback)
    return { unref: () => callback }
  })
  vi.stubGlobal('clearImmediate', (callback: () => void) => {
    immediates = immediates.filter((each) => each !== callback)
  })
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

function start(): LoopWatch {
  return new LoopWatch(({ utilization, p50, p99 }) => {
    told.push([utilization, p50, p99].map((value) => Math.round(value * 1000) / 1000).join(' '))
  }, window)
}

/** One in which the loop was busy for so long. */
function second(busy: number): void {
  active += busy
  idle += 1000 - busy
  vi.advanceTimersByTime(1000)
}

/** One of the loop's own, which waits and is then busy. */
function turn(waits: number, busy: number): void {
  idle += waits
  active += busy
  for (const callback of immediates.splice(0)) callback()
}

test('tells of each second how busy the loop was in it, and how late it ran', () => {
  start()
  second(250)
  percentiles = { 50: 2, 99: 80 }
  second(900)
  expect(told).toEqual(['0.25 1 5', '0.9 2 80'])
  expect([turns, vi.getTimerCount(), immediates.length]).toEqual([2, 1, 0])
})

describe('a loop at rest', () => {
  test('has no timer, measures nothing and is not late, once two seconds in a row were quiet', () => {
    start()
    second(19)
    expect(ticking).toBe(true)
    second(500)
    second(19)
    second(10)
    expect(told.at(-1)).toBe('0.01 0 0')
    expect([ticking, vi.getTimerCount(), immediates.length]).toEqual([false, 0, 1])
  })

  test('stays so while its turns are short, and says how busy it was', () => {
    const watch = start()
    second(0)
    second(0)
    told = []
    for (let n = 0; n < 12; n++) turn(249, 1)
    // Four turns are a second; the one that is busy behind its end is of the next.
    expect(told).toEqual(['0.003 0 0', '0.004 0 0'])
    expect([ticking, vi.getTimerCount(), immediates.length]).toEqual([false, 0, 1])
    turn(3_600_000, 1)
    expect(watch.utilization).toBeLessThan(1e-5)
  })

  test('ends with a turn that is long, and tells of that turn at once and for two seconds', () => {
    start()
    second(0)
    second(0)
    told = []
    turn(3_600_000, 300)
    expect([ticking, vi.getTimerCount(), immediates.length]).toEqual([true, 1, 0])
    // The second of which it is the beginning has all of it.
    idle += 1000
    vi.advanceTimersByTime(1000)
    second(0)
    expect(told).toEqual(['0 0 300', '0.231 1 300', '0 1 5'])
    second(0)
    expect(told.at(-1)).toBe('0 0 0')
    expect([ticking, vi.getTimerCount(), immediates.length]).toEqual([false, 0, 1])
  })

  test('ends with short turns that are many', () => {
    start()
    second(0)
    second(0)
    for (let n = 0; n < 4; n++) turn(100, 4)
    expect(ticking).toBe(false)
    turn(100, 4)
    expect(ticking).toBe(true)
    expect(told.at(-1)).toBe('0 0 4')
  })

  test('ends with a turn that is longer than a second', () => {
    start()
    second(0)
    second(0)
    turn(0, 5000)
    expect(told.at(-1)).toBe('0 0 5000')
    idle += 1000
    vi.advanceTimersByTime(1000)
    expect(told.at(-1)).toBe('0.833 1 5000')
  })
})

test.each([0, 2])('stopped it leaves nothing behind, after %d quiet seconds', (seconds) => {
  const watch = start()
  for (let n = 0; n < seconds; n++) second(0)
  watch.stop()
  expect([ticking, vi.getTimerCount(), immediates.length]).toEqual([false, 0, 0])
})
