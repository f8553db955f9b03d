/**
 * Which metrics there are, and how each is read off the counts when somebody scrapes. Label `route`
 * is the pattern of the route, so that the number of series is bounded by the routes, not the URLs.
 */
import type { Histogram } from '../core/histogram.js'
import type { LimiterView } from '../core/limiter/limiter-account.js'
import type { EventLoopMonitor } from './event-loop.js'
import type { Family, Series } from './family.js'
import { foundFamilies } from './found-families.js'
import { sharedFamilies } from './shared-families.js'
import type { SnapshotSource } from './snapshot.js'
import type { RouteTraffic } from './traffic.js'

/** What they are read off. */
export type Source = Pick<SnapshotSource, 'traffic' | 'limiters'> & {
  readonly eventLoop: Pick<EventLoopMonitor, 'utilization' | 'delay'>
}

export function createFamilies(source: Source): Family[] {
  const { traffic } = source
  const ofRoutes = (read: (route: RouteTraffic) => number) => (): Series[] =>
    traffic.routes
      .filter((route) => route.total > 0)
      .map((route) => ({
        labels: { method: route.method, route: route.route },
        value: read(route),
      }))
  const ofLimiters = (read: (limiter: LimiterView) => number | Histogram) => (): Series[] =>
    source.limiters.map((limiter) => ({
      labels: { limiter: limiter.name },
      value: read(limiter),
    }))

  return [
    {
      name: 'http_server_active_requests',
      type: 'gauge',
      help: 'Requests in progress.',
      read: ofRoutes((route) => route.active),
    },
    {
      name: 'http_server_active_requests_peak',
      type: 'gauge',
      help: 'The most requests that were ever in progress at once.',
      aggregator: 'max',
      read: () => [{ labels: {}, value: traffic.peak }],
    },
    {
      name: 'http_server_request_duration_seconds',
      type: 'histogram',
      help: 'Time from the first hook to the end of the response, of answered requests.',
      read: () =>
        traffic.routes.flatMap(({ method, route, durations }) =>
          Array.from(durations, ([status, value]) => ({
            labels: { method, route, status },
            value,
          })),
        ),
    },
    {
      name: 'http_server_requests_aborted_total',
      type: 'counter',
      help: 'Requests whose client left before the answer was complete.',
      read: ofRoutes((route) => route.aborted),
    },
    {
      name: 'http_server_upgraded_connections',
      type: 'gauge',
      help: 'Connections that were upgraded, to WebSockets for one, and are open.',
      read: () => {
        const open = new Map<string, number>()
        for (const { route, upgrades, upgraded } of traffic.routes) {
          if (upgrades > 0) open.set(route, (open.get(route) ?? 0) + upgraded)
        }
        return Array.from(open, ([route, value]) => ({ labels: { route }, value }))
      },
    },
    {
      name: 'concurrency_limit',
      type: 'gauge',
      help: 'How many may be in flight.',
      read: ofLimiters((limiter) => limiter.limit),
    },
    {
      name: 'concurrency_in_flight',
      type: 'gauge',
      help: 'How many are in flight.',
      read: ofLimiters((limiter) => limiter.inFlight),
    },
    {
      name: 'concurrency_queued',
      type: 'gauge',
      help: 'How many wait.',
      read: ofLimiters((limiter) => limiter.queued),
    },
    {
      name: 'concurrency_queue_wait_seconds',
      type: 'histogram',
      help: 'How long the admitted waited in the queue.',
      read: ofLimiters((limiter) => limiter.waits),
    },
    {
      name: 'concurrency_admitted_total',
      type: 'counter',
      help: 'Work that was let through.',
      read: ofLimiters((limiter) => limiter.admitted),
    },
    {
      name: 'concurrency_rejected_total',
      type: 'counter',
      help: 'Work that was shed, by reason.',
      read: () =>
        source.limiters.flatMap((limiter) =>
          Object.entries(limiter.rejected).map(([reason, value]) => ({
            labels: { limiter: limiter.name, reason },
            value,
          })),
        ),
    },
    {
      name: 'concurrency_abandoned_total',
      type: 'counter',
      help: 'Work whose permit returned while it went on, long after its answer.',
      read: ofLimiters((limiter) => limiter.abandoned),
    },
    ...foundFamilies(source),
    ...sharedFamilies(source),
    {
      name: 'nodejs_eventloop_utilization',
      type: 'gauge',
      help: 'Share of the last second that the event loop was busy, 0 to 1.',
      aggregator: 'average',
      read: () => [{ labels: {}, value: source.eventLoop.utilization }],
    },
    {
      name: 'nodejs_eventloop_delay_p50_seconds',
      type: 'gauge',
      help: 'How late the event loop ran in the last two seconds, the median.',
      aggregator: 'max',
      read: () => [{ labels: {}, value: source.eventLoop.delay.p50 / 1000 }],
    },
    {
      name: 'nodejs_eventloop_delay_p99_seconds',
      type: 'gauge',
      help: 'How late the event loop ran in the last two seconds, the 99th percentile.',
      aggregator: 'max',
      read: () => [{ labels: {}, value: source.eventLoop.delay.p99 / 1000 }],
    },
  ]
}
