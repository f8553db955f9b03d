/**
 * The snapshots of several workers as that of one server. What counts adds up; what says how bad it is,
 * as delays and quantiles, which do not add, is that of the worst.
 */
import type { LimiterSnapshot, RouteSnapshot, Snapshot } from 'fastify-sluice'

/** What a snapshot of all workers tells besides. */
export interface ServerSnapshot extends Snapshot {
  readonly workers: {
    /** Whose numbers are in here. */
    readonly told: number
    /** Those that did not answer in time. */
    readonly silent: number
  }
}

type Counts = Readonly<Record<string, number>>
/** How each field of many becomes one; what is not named is the first that there is. */
type Rules<T> = {
  readonly [Field in keyof T]?: (values: readonly NonNullable<T[Field]>[]) => T[Field]
}

/** @param snapshots of one or more */
export function mergeSnapshots(snapshots: readonly Snapshot[]): Snapshot {
  return merge(snapshots, SNAPSHOT)
}

/** What of a worker that has ended is still true: its counts. */
export function countsOf(snapshot: Snapshot): Snapshot {
  const { requests, limiters, routes } = snapshot
  return {
    uptime: 0,
    draining: true,
    requests: { ...requests, active: 0 },
    limiters: limiters.map(({ found: _found, loop: _loop, ...limiter }) => ({
      ...limiter,
      ...{
        limit: 0,
        inFlight: 0,
        queued: 0,
        ...(limiter.share !== undefined && { share: 0 }),
        waitMs: { p50: 0, p99: 0 },
      },
    })),
    routes: routes.map((route) => ({
      ...{ ...route, active: 0, total: route.total - route.active },
      durationMs: { p50: 0, p90: 0, p99: 0 },
    })),
    eventLoop: { utilization: 0, delayMs: { p50: 0, p99: 0 } },
  }
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)
const max = (values: readonly number[]): number => Math.max(...values)
const some = (values: readonly boolean[]): boolean => values.some(Boolean)
/** From the best to the worst. */
const STATES = ['joined', 'joining', 'learning', 'lost'] as const
const worst = (values: readonly (typeof STATES)[number][]) =>
  STATES[max(values.map((value) => STATES.indexOf(value)))]
const each =
  (how: (values: readonly number[]) => number) =>
  <T extends Counts>(values: readonly T[]): T => {
    const names = new Set(values.flatMap(Object.keys))
    return Object.fromEntries(
      Array.from(names, (name) => [name, how(values.map((value) => value[name] ?? 0))]),
    ) as T
  }
const byName =
  <T extends object>(nameOf: (one: T) => string, rules: Rules<T>) =>
  (values: readonly (readonly T[])[]): T[] => {
    const groups = new Map<string, T[]>()
    for (const one of values.flat()) {
      const group = groups.get(nameOf(one))
      if (group) group.push(one)
      else groups.set(nameOf(one), [one])
    }
    return Array.from(groups.values(), (group) => merge(group, rules))
  }

const FOUND: Rules<NonNullable<LimiterSnapshot['found']>[number]> = {
  ...{ limit: sum, inFlight: sum, queued: sum, throughput: sum, moves: each(sum) },
  ...{ bound: some, usualMs: max, behindMs: max, loopMs: max },
}

type Loop = NonNullable<LimiterSnapshot['loop']>

const LOOP: Rules<Loop> = {
  ...{ lateMs: max, heldMs: sum, roomMs: sum },
  routes: byName<Loop['routes'][number]>(({ name }) => name, {
    ...{ costMs: max, inFlight: sum, queued: sum },
  }),
}

const LIMITER: Rules<LimiterSnapshot> = {
  ...{ limit: sum, inFlight: sum, queued: sum, admitted: sum, abandoned: sum },
  ...{ rejected: each(sum), waitMs: each(max) },
  ...{ share: sum, sharedLimit: max, members: max, state: worst },
  found: byName(({ name }) => name, FOUND),
  loop: (values) => merge(values, LOOP),
}

const SNAPSHOT: Rules<Snapshot> = {
  uptime: max,
  draining: (values) => values.every(Boolean),
  requests: (values) => ({ ...each(sum)(values), peak: max(values.map(({ peak }) => peak)) }),
  limiters: byName(({ name }) => name, LIMITER),
  routes: byName<RouteSnapshot>(({ method, route }) => `${method} ${route}`, {
    ...{ active: sum, total: sum, durationMs: each(max) },
  }),
  eventLoop: (values) => ({
    utilization: max(values.map(({ utilization }) => utilization)),
    delayMs: each(max)(values.map(({ delayMs }) => delayMs)),
  }),
}

function merge<T extends object>(all: readonly T[], rules: Rules<T>): T {
  const names = new Set(all.flatMap(Object.keys)) as Set<keyof T>
  const fields = Array.from(names, (name) => {
    const values = all.map((one) => one[name]).filter((value) => value != null)
    const rule = rules[name] as ((values: readonly unknown[]) => unknown) | undefined
    return [name, rule === undefined || values.length === 0 ? (values[0] ?? null) : rule(values)]
  })
  return Object.fromEntries(fields)
}
