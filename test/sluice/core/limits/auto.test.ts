/**
 * Named and nothing else, `auto` limits what queues and leaves alone what only waits. What is best is
 * known here: a downstream of ten slots, or of as many as it takes.
 */
import { describe, expect, test } from 'vitest'
import { AutoLimit, type LimitOption } from '../../../../src/sluice/index.js'
import { seeded } from '../../../support/downstream.js'
import { type Course, type Downstream, normal, type Route, run } from '../../../support/queueing.js'

type Duration = Route['duration']

const always =
  (milliseconds: number): Duration =>
  () =>
    milliseconds
const lognormal =
  (median: number, sigma: number): Duration =>
  (random) =>
    median * Math.exp(sigma * normal(random))
const either =
  (part: number, short: number, long: number): Duration =>
  (random) =>
    random() < part ? short : long

const endless: Downstream = { slots: () => Number.POSITIVE_INFINITY }
const pool: Downstream = { slots: () => 10 }

function sum(counts: (number | undefined)[], from = 0, to = counts.length): number {
  return counts.slice(from, to).reduce<number>((total, count) => total + (count ?? 0), 0)
}

async function course(
  limit: LimitOption,
  rate: number | ((at: number) => number),
  duration: Duration,
  downstream: Downstream,
  seconds: number,
  seed: number,
  fails?: (at: number) => boolean,
): Promise<Course> {
  const route: Route = { limit, rate: typeof rate === 'number' ? () => rate : rate, duration }
  if (fails !== undefined) route.fails = fails
  return (await run([route], downstream, seconds, seeded(seed)))[0] as Course
}

describe.each([1, 2, 3])('work that only waits, seed %d', (seed) => {
  test.each([
    ['95 % of 10 ms, 5 % of 500 ms', either(0.95, 10, 500)],
    ['80 % and 20 %', either(0.8, 10, 500)],
    ['half and half', either(0.5, 10, 500)],
    ['lognormal of sigma 1', lognormal(50, 1)],
    ['lognormal of sigma 1.5', lognormal(50, 1.5)],
  ])('%s: in ten minutes nothing is refused or kept waiting', async (_, duration) => {
    const { refused, waits } = await course('auto', 150, duration, endless, 600, seed)
    expect(sum(refused)).toBe(0)
    // But at the start, of which nothing is known.
    const kept = waits.slice(1000).filter((wait) => wait > 10)
    expect(kept).toEqual([])
  })

  test.each([
    ['lognormal of sigma 1.5', 1000, lognormal(50, 1.5)],
    ['500 ms', 400, always(500)],
  ])('a deploy into %s sheds nothing', async (_, rate, duration) => {
    const { refused } = await course('auto', rate, duration, endless, 60, seed)
    expect(sum(refused)).toBe(0)
  })

  test('ten times as much of it from one moment to the next: nothing is refused', async () => {
    const rate = (at: number): number => (at < 10 ? 50 : 500)
    const { refused } = await course('auto', rate, lognormal(50, 0.5), endless, 30, seed)
    expect(sum(refused)).toBe(0)
  })
})

describe.each([1, 2, 3])('a pool of ten, seed %d', (seed) => {
  /** In the last twenty seconds, after ten of calm and ten to find it. */
  const good = async (
    limit: LimitOption,
    times: number,
    duration: Duration,
    downstream: Downstream,
  ): Promise<number> => {
    const rate = (at: number): number => 125 * (at < 10 ? 0.5 : times)
    return sum((await course(limit, rate, duration, downstream, 40, seed)).good, 20)
  }

  test.each([0.5, 0.8])('below what it can do, %f of it, nothing is refused', async (times) => {
    const { refused } = await course('auto', 125 * times, always(80), pool, 60, seed)
    expect(sum(refused)).toBe(0)
  })

  test.each([2, 5, 10])('%d times too much: 0.95 of the best is done', async (times) => {
    const best = await good(11, times, always(80), pool)
    expect(await good('auto', times, always(80), pool)).toBeGreaterThan(0.95 * best)
  })

  test.each([2, 5])('%d times too much where it thrashes: 0.9', async (times) => {
    const thrashing = { ...pool, thrashes: true }
    const best = await good(10, times, always(80), thrashing)
    expect(await good('auto', times, always(80), thrashing)).toBeGreaterThan(0.9 * best)
  })

  test.each([
    ['lognormal', lognormal(48, 1)],
    ['of two kinds', either(0.8, 20, 320)],
  ])('work that is %s, twice too much: 0.8', async (_, duration) => {
    const best = await good(11, 2, duration, pool)
    expect(await good('auto', 2, duration, pool)).toBeGreaterThan(0.8 * best)
  })

  test('ten minutes of overload do not become the usual case', async () => {
    const { limits } = await course('auto', 250, always(80), pool, 600, seed)
    expect(Math.max(...limits.slice(-600))).toBeLessThan(30)
  })
})

describe.each([1, 2, 3])('what changes, seed %d', (seed) => {
  test('half of the slots gone, and back: within a quarter of what they can do after 1 s', async () => {
    const slots = (at: number): number => (at >= 10 && at < 20 ? 10 : 20)
    const { good } = await course('auto', 800, always(50), { slots }, 30, seed)
    expect(sum(good, 12, 20) / 8).toBeGreaterThan(0.75 * 200)
    expect(sum(good, 21) / 9).toBeGreaterThan(0.75 * 400)
  })

  test('work that takes three times as long, and waits for nobody, is let alone again', async () => {
    const duration: Duration = (random, at) => (at < 20 ? 50 : 150) * (0.8 + 0.4 * random())
    const { refused, limits } = await course('auto', 150, duration, endless, 60, seed)
    expect(sum(refused)).toBeLessThan(0.05 * 60 * 150)
    expect(sum(refused, 40)).toBe(0)
    expect(limits.at(-1)).toBeGreaterThanOrEqual(23)
  })

  test('guarantee 11: a downstream that fails at once raises no limit, and comes back', async () => {
    const fails = (at: number): boolean => at >= 20 && at < 50
    const downstream = { slots: () => 20 }
    const { limits, good } = await course('auto', 800, always(50), downstream, 70, seed, fails)
    const [before, within] = [limits.slice(150, 200), limits.slice(205, 500)]
    expect(Math.max(...within)).toBeLessThanOrEqual(Math.max(...before))
    expect(sum(good, 52) / 18).toBeGreaterThan(0.75 * 400)
  })

  test('clients that all give up are no trap', async () => {
    const { good } = await course('auto', 60, always(100), { slots: () => 2 }, 90, seed)
    expect(sum(good, 60) / 30).toBeGreaterThan(0.9 * 20)
  })
})

describe('exact numbers', () => {
  /** Windows of a hundred samples in 100 ms each. */
  const feed = (
    limit: AutoLimit,
    from: number,
    windows: number,
    rtt: number,
    inFlight: number,
    lost: { failed?: boolean; censored?: boolean; dropped?: boolean } = {},
  ): number => {
    for (let at = from; at < from + windows * 100; at++) {
      limit.onSample({ startTime: at - rtt, rtt, inFlight, dropped: false, ...lost })
    }
    return from + windows * 100
  }

  test('it starts at 50, or at the nearest of its bounds', () => {
    expect(new AutoLimit().limit).toBe(50)
    expect(new AutoLimit({ max: 7 }).limit).toBe(7)
    expect(new AutoLimit({ min: 300 }).limit).toBe(300)
  })

  test('everything three times as slow, twice in a row: it is limited to what works', () => {
    const limit = new AutoLimit()
    const now = feed(limit, 1000, 50, 50, 10)
    expect(limit.findings.bound).toBe(false)
    feed(limit, now, 3, 200, 40)
    expect(limit.findings.bound).toBe(true)
    expect(limit.limit).toBeLessThanOrEqual(20)
  })

  test('a busy loop is no queue: its wait is not held against what is behind', () => {
    const limit = new AutoLimit({ loopWait: () => 50 })
    const now = feed(limit, 1000, 50, 50, 10)
    feed(limit, now, 3, 200, 40)
    expect(limit.limit).toBeGreaterThanOrEqual(40)
  })

  test.each(['failed', 'censored', 'dropped'])('%s and quick, it teaches nothing', (how) => {
    const [told, untold] = [new AutoLimit(), new AutoLimit()]
    for (const limit of [told, untold]) feed(limit, 1000, 50, 50, 10)
    feed(told, 6000, 50, 1, 100, { [how]: true })
    for (const limit of [told, untold]) feed(limit, 11_000, 3, 200, 40)
    expect(told.limit).toBe(untold.limit)
    expect(told.findings.bound).toBe(true)
  })

  test.each(['failed', 'dropped'])('guarantee 11: %s and slow, it raises no limit', (how) => {
    const limit = new AutoLimit()
    const now = feed(limit, 1000, 50, 50, 10)
    // The first of them end a window that had begun before.
    feed(limit, now, 2, 60, 10, { [how]: true })
    feed(limit, now + 200, 5, 60, 100, { [how]: true })
    expect(limit.limit).toBe(50)
    feed(limit, now + 700, 2, 60, 100)
    expect(limit.limit).toBeGreaterThan(150)
  })

  test.each([
    [{ initial: 0 }, 'initial: got 0, takes an integer in 1..'],
    [{ loopWait: 5 }, 'loopWait: got 5, takes a function'],
    [{ tolerance: 2 }, 'tolerance: got 2, takes no such name'],
  ])('guarantee 9: %j is refused', (options, message) => {
    expect(() => new AutoLimit(options as never)).toThrow(message)
  })
})
