/** One watch for all registrations of a process. */
import { fastify } from 'fastify'
import { beforeEach, expect, test, vi } from 'vitest'
import sluice from '../../../src/sluice/index.js'
import { EventLoopMonitor } from '../../../src/sluice/metrics/event-loop.js'

const histograms = vi.hoisted(() => ({ made: 0, ticking: 0 }))

vi.mock('node:perf_hooks', async (original) => {
  const real = await original<typeof import('node:perf_hooks')>()
  return {
    ...real,
    monitorEventLoopDelay: (options: object) => {
      const histogram = real.monitorEventLoopDelay(options)
      const { enable, disable } = histogram
      histograms.made++
      histogram.enable = () => {
        const done = enable.call(histogram)
        if (done) histograms.ticking++
        return done
      }
      histogram.disable = () => {
        const done = disable.call(histogram)
        if (done) histograms.ticking--
        return done
      }
      return histogram
    },
  }
})

beforeEach(() => {
  histograms.made = 0
})

test('any number of registrations measure once, until the last of them has closed', async () => {
  const apps = [fastify(), fastify(), fastify()]
  for (const app of apps) {
    await app.register(sluice)
    await app.register(async (scope) => {
      await scope.register(async (inner) => void inner.get('/', async () => ''))
    })
    await app.ready()
  }
  expect(histograms).toEqual({ made: 2, ticking: 2 })
  await apps[1]?.close()
  await apps[0]?.close()
  expect(histograms.ticking).toBe(2)
  await apps[2]?.close()
  expect(histograms.ticking).toBe(0)
  const again = new EventLoopMonitor()
  expect(histograms.ticking).toBe(2)
  again.stop()
  expect(histograms.ticking).toBe(0)
})

test('stopped twice it is stopped once, and another goes on', () => {
  const one = new EventLoopMonitor()
  const other = new EventLoopMonitor()
  one.stop()
  one.stop()
  expect(histograms.ticking).toBe(2)
  other.stop()
  expect(histograms.ticking).toBe(0)
})

test('whoever comes later sees what the others see', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const one = new EventLoopMonitor()
    const end = performance.now() + 30
    while (performance.now() < end);
    vi.advanceTimersByTime(1000)
    const other = new EventLoopMonitor()
    expect(one.utilization).toBeGreaterThan(0)
    expect(other).toMatchObject({ utilization: one.utilization, delay: one.delay })
    one.stop()
    other.stop()
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})
