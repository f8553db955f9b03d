/**
 * The counts as Prometheus metrics, computed when scraped and never before. Label `route` is the
 * pattern of the route, so that the number of series is bounded by the routes, not by the URLs.
 */
import { type Metric, Registry } from 'prom-client'
import { Histogram } from '../core/histogram.js'
import type { LimiterSnapshot } from '../core/limiter-account.js'
import type { SnapshotSource } from './snapshot.js'

type Labels = Record<string, string | number>

interface Reading {
  readonly value: number
  readonly labels: Labels
  /** Where a series is not named as its metric: a histogram's parts. */
  readonly metricName?: string
}

export function createRegistry(source: SnapshotSource): Registry {
  const registry = new Registry()
  const add = (
    name: string,
    type: 'counter' | 'gauge' | 'histogram',
    help: string,
    read: () => Reading[],
    aggregator = 'sum',
  ): void => {
    const get = async () => ({ name, type, help, aggregator, values: read() })
    // prom-client's types know its own classes only; its registry takes whatever has `get`.
    registry.registerMetric({ name, type, help, aggregator, get, reset() {} } as unknown as Metric)
  }

  const { traffic } = source
  const ofRoutes = (read: (route: (typeof traffic.routes)[number]) => number) => () =>
    traffic.routes
      .filter((route) => route.total > 0)
      .map((route) => ({
        value: read(route),
        labels: { method: route.method, route: route.route },
      }))
  const ofLimiters = (read: (snapshot: LimiterSnapshot) => number) => () =>
    source.limiters.map((limiter) => ({
      value: read(limiter.snapshot()),
      labels: { limiter: limiter.name },
    }))

  add(
    'http_server_active_requests',
    'gauge',
    'Requests in progress.',
    ofRoutes((route) => route.active),
  )
  add(
    'http_server_active_requests_peak',
    'gauge',
    'The most requests that were ever in progress at once.',
    () => [{ value: traffic.peak, labels: {} }],
    'max',
  )
  add(
    'http_server_request_duration_seconds',
    'histogram',
    'Time from the first hook to the end of the response, of answered requests.',
    () =>
      traffic.routes.flatMap(({ method, route, durations }) =>
        [...durations].flatMap(([status, histogram]) =>
          ofHistogram('http_server_request_duration_seconds', histogram, { method, route, status }),
        ),
      ),
  )
  add(
    'http_server_requests_aborted_total',
    'counter',
    'Requests whose client left before the answer was complete.',
    ofRoutes((route) => route.aborted),
  )
  add(
    'concurrency_limit',
    'gauge',
    'How many may be in flight.',
    ofLimiters((limiter) => limiter.limit),
  )
  add(
    'concurrency_in_flight',
    'gauge',
    'How many are in flight.',
    ofLimiters((limiter) => limiter.inFlight),
  )
  add(
    'concurrency_queued',
    'gauge',
    'How many wait.',
    ofLimiters((limiter) => limiter.queued),
  )
  add(
    'concurrency_queue_wait_seconds',
    'histogram',
    'How long the admitted waited in the queue.',
    () =>
      source.limiters.flatMap((limiter) =>
        ofHistogram('concurrency_queue_wait_seconds', limiter.waits, { limiter: limiter.name }),
      ),
  )
  add(
    'concurrency_admitted_total',
    'counter',
    'Work that was let through.',
    ofLimiters((limiter) => limiter.admitted),
  )
  add('concurrency_rejected_total', 'counter', 'Work that was shed, by reason.', () =>
    source.limiters.flatMap((limiter) =>
      Object.entries(limiter.snapshot().rejected).map(([reason, value]) => ({
        value,
        labels: { limiter: limiter.name, reason },
      })),
    ),
  )
  add(
    'nodejs_eventloop_utilization',
    'gauge',
    'Share of the last second that the event loop was busy, 0 to 1.',
    () => [{ value: source.eventLoop.utilization, labels: {} }],
    'average',
  )
  return registry
}

function ofHistogram(name: string, histogram: Histogram, labels: Labels): Reading[] {
  let cumulative = 0
  const readings: Reading[] = Histogram.bounds.map((bound, index) => {
    cumulative += histogram.buckets[index] as number
    return {
      metricName: `${name}_bucket`,
      value: cumulative,
      labels: { ...labels, le: bound / 1000 },
    }
  })
  readings.push(
    { metricName: `${name}_bucket`, value: histogram.count, labels: { ...labels, le: '+Inf' } },
    { metricName: `${name}_sum`, value: histogram.sum / 1000, labels },
    { metricName: `${name}_count`, value: histogram.count, labels },
  )
  return readings
}
