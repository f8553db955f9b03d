/**
 * prom-client's default metrics, with the event loop's lag measured anew: its own begins again at
 * each scrape, so that a second scraper takes from the first what lies between, and reads 10 ms in a
 * loop at rest. Here a scrape changes nothing.
 */
import { collectDefaultMetrics as collectOfPromClient, type Registry } from 'prom-client'
import { show, wrongType } from '../core/check.js'
import { DelayWindow } from './delay-window.js'
import type { Family } from './family.js'
import { addFamilies } from './prometheus.js'

/** Milliseconds: whoever scrapes twice a minute misses no stall. */
const INTERVAL = 30_000
/** Milliseconds, as rare as a timer can be: prom-client's own histogram is read by nobody. */
const NEVER = 2 ** 31 - 1

const LAG = 'nodejs_eventloop_lag'

/**
 * Adds them to a registry, and returns what ends the measuring of the lag. `nodejs_eventloop_lag_*`
 * tells how late the loop ran in the last 30 to 60 seconds, 0 when it was on time. Throws where the
 * registry has metrics of those names, or is none.
 */
export function collectDefaultMetrics(registry: Registry): () => void {
  // prom-client takes nothing for its global registry.
  if (typeof registry?.registerMetric !== 'function') {
    throw wrongType('registry', show(registry), 'a registry of prom-client')
  }
  collectOfPromClient({ register: registry, eventLoopMonitoringPrecision: NEVER })
  const window = new DelayWindow()
  const families = lagFamilies(window)
  for (const { name } of families) registry.removeSingleMetric(name)
  addFamilies(registry, families)
  const timer = setInterval(() => window.turn(), INTERVAL).unref()
  return () => {
    clearInterval(timer)
    window.stop()
  }
}

function lagFamilies(window: DelayWindow): Family[] {
  const gauge = (
    name: string,
    aggregator: NonNullable<Family['aggregator']>,
    what: string,
    read: () => number,
  ): Family => ({
    name: `${name}_seconds`,
    type: 'gauge',
    help: `How late the event loop ran in the last 30 to 60 seconds, ${what}.`,
    aggregator,
    read: () => [{ labels: {}, value: read() / 1000 }],
  })
  return [
    gauge(LAG, 'average', 'the mean', () => window.mean),
    gauge(`${LAG}_min`, 'min', 'the least', () => window.min),
    gauge(`${LAG}_max`, 'max', 'the most', () => window.max),
    gauge(`${LAG}_mean`, 'average', 'the mean', () => window.mean),
    gauge(`${LAG}_stddev`, 'average', 'the standard deviation', () => window.stddev),
    gauge(`${LAG}_p50`, 'average', 'the median', () => window.percentile(50)),
    gauge(`${LAG}_p90`, 'average', 'the 90th percentile', () => window.percentile(90)),
    gauge(`${LAG}_p99`, 'average', 'the 99th percentile', () => window.percentile(99)),
  ]
}
