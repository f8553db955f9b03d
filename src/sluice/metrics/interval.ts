/**
 * What came between two moments. A snapshot counts since start; two copies of its counts, subtracted,
 * give the time between them: nothing is added to the hot path, and readers do not disturb each other.
 */
import { Histogram } from '../core/histogram.js'
import type { SnapshotSource } from './snapshot.js'

/** The time since a mark. */
export interface Interval {
  /** How long it was. */
  readonly seconds: number
  /** Routes that answered within it. */
  readonly routes: readonly {
    readonly method: string
    readonly route: string
    readonly answered: number
    /** Within 12.5 %. */
    readonly durationMs: { readonly p50: number; readonly p90: number; readonly p99: number }
  }[]
  /** Limiters that admitted within it. */
  readonly limiters: readonly {
    readonly name: string
    readonly admitted: number
    /** Within 12.5 %. */
    readonly waitMs: { readonly p50: number; readonly p99: number }
  }[]
}

/** @returns what came since this call */
export function startInterval({
  traffic,
  limiters,
}: Pick<SnapshotSource, 'traffic' | 'limiters'>): () => Interval {
  const startedAt = performance.now()
  const durations = new Map(traffic.routes.map((route) => [route, durationsOf(route)]))
  const waits = new Map(limiters.map((limiter) => [limiter, Histogram.merge([limiter.waits])]))

  return () => ({
    seconds: (performance.now() - startedAt) / 1000,
    routes: traffic.routes.flatMap((route) => {
      const { method, route: pattern } = route
      const recent = durationsOf(route).since(durations.get(route) ?? NOTHING)
      if (recent.count === 0) return []
      const [p50, p90, p99] = [0.5, 0.9, 0.99].map((q) => recent.quantile(q)) as Three
      return [{ method, route: pattern, answered: recent.count, durationMs: { p50, p90, p99 } }]
    }),
    limiters: limiters.flatMap((limiter) => {
      const recent = limiter.waits.since(waits.get(limiter) ?? NOTHING)
      if (recent.count === 0) return []
      const waitMs = { p50: recent.quantile(0.5), p99: recent.quantile(0.99) }
      return [{ name: limiter.name, admitted: recent.count, waitMs }]
    }),
  })
}

type Three = [number, number, number]

const NOTHING = new Histogram()

function durationsOf({ durations }: { durations: ReadonlyMap<number, Histogram> }): Histogram {
  return Histogram.merge(durations.values())
}
