/** The default metrics are prom-client's, and no scraper takes anything from another. */
import { setTimeout as sleep } from 'node:timers/promises'
import { collectDefaultMetrics as ofPromClient, Registry, register } from 'prom-client'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { collectDefaultMetrics } from '../../../src/sluice/index.js'
import { DelayWindow } from '../../../src/sluice/metrics/delay-window.js'
import { parseExposition } from '../../support/exposition.js'

const ends: (() => void)[] = []

afterEach(() => {
  vi.useRealTimers()
  for (const end of ends.splice(0)) end()
})

function collect(): Registry {
  const registry = new Registry()
  ends.push(collectDefaultMetrics(registry))
  return registry
}

function startWindow(): DelayWindow {
  const window = new DelayWindow()
  ends.push(() => window.stop())
  return window
}

function stall(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** Lets the histograms tick, before which they measure nothing and behind which they have measured. */
const tick = (): Promise<void> => sleep(40)

/** The lag metrics by their names' own part, in seconds. */
async function lags(registry: Registry): Promise<Record<string, number>> {
  const families = parseExposition(await registry.metrics(), 'text')
  const found = [...families].flatMap(([name, { samples }]) => {
    const own = /^nodejs_eventloop_lag_(.*)$/.exec(name)?.[1]
    return own === undefined ? [] : [[own, samples[0]?.value] as const]
  })
  return Object.fromEntries(found) as Record<string, number>
}

test('they are those of prom-client, by name, type and aggregation', async () => {
  const theirs = new Registry()
  ofPromClient({ register: theirs })
  const shapes = async (registry: Registry) =>
    (await registry.getMetricsAsJSON())
      .map(({ name, type, aggregator }) => `${name} ${type} ${aggregator}`)
      .sort()
  expect(await shapes(collect())).toEqual(await shapes(theirs))
})

test('two scrapers do not disturb each other: both see a stall, however often the other has looked', async () => {
  const registry = collect()
  await tick()
  stall(300)
  await tick()
  const first = await lags(registry)
  expect(Object.keys(first)).toHaveLength(8)
  expect(first.max_seconds).toBeGreaterThan(0.2)
  expect(first.p99_seconds).toBeGreaterThan(0.2)
  for (let scrapes = 0; scrapes < 20; scrapes++) await registry.metrics()
  await tick()
  expect((await lags(registry)).max_seconds).toBeGreaterThanOrEqual(first.max_seconds as number)
})

test.each([
  [undefined, 'registry: got undefined, takes a registry of prom-client'],
  [{ register: new Registry() }, 'registry: got {"register":'],
])(
  'guarantee 8: what is no registry is refused, and the global one is left alone: %o',
  (none, message) => {
    expect(() => collectDefaultMetrics(none as never)).toThrow(message)
    expect(register.getMetricsAsArray()).toEqual([])
  },
)

test('a loop at rest is not late', async () => {
  const registry = collect()
  await sleep(200)
  const { min_seconds, p50_seconds } = await lags(registry)
  expect(min_seconds).toBeLessThan(0.005)
  expect(p50_seconds).toBeLessThan(0.005)
})

test('without data all are 0', async () => {
  expect(new Set(Object.values(await lags(collect())))).toEqual(new Set([0]))
})

test('what ends them leaves no timer', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const end = collectDefaultMetrics(new Registry())
  expect(vi.getTimerCount()).toBe(1)
  end()
  expect(vi.getTimerCount()).toBe(0)
})

test('a stall is told for 30 s at least, and for 60 s at most', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const registry = collect()
  await tick()
  stall(300)
  await tick()
  const most = async (): Promise<number> => (await lags(registry)).max_seconds as number
  vi.advanceTimersByTime(30_000)
  expect(await most()).toBeGreaterThan(0.2)
  vi.advanceTimersByTime(30_000)
  await tick()
  expect(await most()).toBeLessThan(0.2)
})

describe('a window of delays', () => {
  test('loses no stall that lies across its turn', async () => {
    const window = startWindow()
    await tick()
    window.turn()
    await tick()
    stall(80)
    window.turn()
    stall(80)
    await tick()
    expect(window.max).toBeGreaterThan(120)
  })

  test('has in mean, deviation and percentiles what is late, without its own ticks', async () => {
    const window = startWindow()
    await tick()
    stall(300)
    await tick()
    expect(window.max).toBeGreaterThan(100)
    expect(window.percentile(100)).toBe(window.max)
    expect(window.mean).toBeGreaterThan(window.min)
    expect(window.mean).toBeLessThan(window.max)
    expect(window.stddev).toBeGreaterThan(10)
    expect(window.min).toBeLessThan(5)
  })
})
