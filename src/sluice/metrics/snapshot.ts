/** The whole state as one plain object, made when somebody asks. */
import { Histogram } from '../core/histogram.js'
import type { LimiterSnapshot, LimiterView } from '../core/limiter/limiter-account.js'
import type { EventLoopMonitor } from './event-loop.js'
import type { RouteTraffic, Traffic } from './traffic.js'

/** All counts of one registration, as of now. */
export interface Snapshot {
  /** Seconds since the plugin was registered. */
  readonly uptime: number
  /** A drain has begun. */
  readonly draining: boolean
  /** Since then; total = answered + aborted + active. */
  readonly requests: {
    readonly active: number
    /** The most there ever were at once. */
    readonly peak: number
    readonly total: number
    /** Includes the rejected. */
    readonly answered: number
    readonly aborted: number
    readonly rejected: number
  }
  /** Those of the plugin first, then those of routes and groups. */
  readonly limiters: readonly LimiterSnapshot[]
  /** Only routes that have been asked for. */
  readonly routes: readonly RouteSnapshot[]
  /** Of the whole process. */
  readonly eventLoop: {
    /** In [0, 1], over the last second. */
    readonly utilization: number
    /** How late it ran over the last two seconds, in milliseconds. */
    readonly delayMs: { readonly p50: number; readonly p99: number }
  }
}

/** What was asked of a route since the plugin was registered. */
export interface RouteSnapshot {
  /** `_OTHER` beyond the usual ten. */
  readonly method: string
  /** Its pattern; `(unmatched)` for a 404. */
  readonly route: string
  /** Requests in progress. */
  readonly active: number
  /** All of them. */
  readonly total: number
  /** Of the answered, in milliseconds; 0 without data. */
  readonly durationMs: { readonly p50: number; readonly p90: number; readonly p99: number }
}

export interface SnapshotSource {
  readonly startedAt: number
  readonly draining: boolean
  readonly traffic: Traffic
  readonly limiters: readonly LimiterView[]
  readonly eventLoop: EventLoopMonitor
}

export function takeSnapshot(source: SnapshotSource): Snapshot {
  const { active, peak, total, answered, aborted, rejected, routes } = source.traffic
  return {
    uptime: (performance.now() - source.startedAt) / 1000,
    draining: source.draining,
    requests: { active, peak, total, answered, aborted, rejected },
    limiters: source.limiters.map((limiter) => limiter.snapshot()),
    routes: routes.filter((route) => route.total > 0).map(takeRoute),
    eventLoop: {
      utilization: source.eventLoop.utilization,
      delayMs: { ...source.eventLoop.delay },
    },
  }
}

function takeRoute({ method, route, active, total, durations }: RouteTraffic): RouteSnapshot {
  const all = Histogram.merge(durations.values())
  return {
    method,
    route,
    active,
    total,
    durationMs: { p50: all.quantile(0.5), p90: all.quantile(0.9), p99: all.quantile(0.99) },
  }
}
