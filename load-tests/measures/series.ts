/** What was measured over time, as charts draw it. */
import type { Snapshot } from 'fastify-sluice'
import type { Second } from '../clients/course.js'
import type { Look } from '../clients/looks.js'
import type { Series } from '../figures/outcome.js'

/** What snapshots that were taken in a row say of one limiter. */
export function limiterSeries(snapshots: readonly Snapshot[], name: string): Series[] {
  const start = snapshots[0]?.uptime ?? 0
  const looks = snapshots.flatMap(({ uptime, limiters }) =>
    limiters
      .filter((limiter) => limiter.name === name)
      .map((limiter) => ({ ...limiter, at: (uptime - start) * 1000 })),
  )
  return lookSeries(`requests, ${name}`, looks)
}

/** One contender under a load. */
export interface Ran {
  readonly contender: string
  readonly course: readonly Second[]
  /** None where it has no limiter to look at. */
  readonly looks: readonly Look[]
}

/** What was due, what of it each answered in time, and the limiters meanwhile. */
export function loadSeries(where: string, all: readonly Ran[]): Series[] {
  const rates = (name: string, what: string, { course }: Ran, key: keyof Second): Series => ({
    name,
    unit: `${what}/s, ${where}`,
    points: [...course, ...course.slice(-1)].map((one, second) => [second * 1000, one[key]]),
  })
  return [
    // The same for all of them; many times what is answered, where a scale of its own shows both.
    ...all.slice(0, 1).map((ran) => rates('due', 'due', ran, 'due')),
    ...all.map((ran) => rates(ran.contender, 'answers in time', ran, 'answered')),
    ...all.flatMap(({ contender, looks }) =>
      [...new Set(looks.map(({ name }) => name))].flatMap((name) =>
        lookSeries(
          `requests, ${where}, ${contender}, limiter ${name}, warm-up included`,
          looks.filter((look) => look.name === name),
        ),
      ),
    ),
  ]
}

function lookSeries(unit: string, looks: readonly Omit<Look, 'name'>[]): Series[] {
  const over = (name: string, key: 'inFlight' | 'queued' | 'limit'): Series => ({
    name,
    unit,
    points: looks.map((look) => [look.at, look[key]]),
  })
  return [over('in flight', 'inFlight'), over('queued', 'queued'), over('limit', 'limit')]
}
