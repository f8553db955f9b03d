/** All points of a run, one after the other: capacity, the best fixed limit, then every load. */
import type { Stand } from '../measures/stand.js'
import type { Choice } from './chosen.js'
import { capacityOf, DISTURBED, declared } from './measures/capacity.js'
import { type At, measure, type Point, SECONDS } from './measures/measure.js'
import { type Merged, merge } from './measures/merge.js'
import { line } from './report/line.js'
import { CONTENDERS, type ContenderName } from './subjects/contender-names.js'
import { contenderOf } from './subjects/contenders.js'
import { serviceOf } from './subjects/menu.js'
import type { Service } from './subjects/service.js'

const FACTORS = [0.5, 0.8, 0.9, 1, 2, 5, 10]
/** Where limits are swept. */
const SWEPT = 2
/** Where a limit with nothing else is tried. */
const PLAIN = 5
/** Goodput this near to the best one is as good: then the quicker answers decide. */
const AS_GOOD = 0.99
/** Where and for how many seconds a new process is looked at from its first request on. */
const DEPLOYED = { factor: 0.8, seconds: 60 }

export interface Effort {
  /** Seconds. */
  readonly warmUp: number
  /** Seconds of each limit of the sweep; 0: none is swept. */
  readonly sweep: number
  readonly deploys: boolean
  /** Whether a closed loop shows what services can do that have one. */
  readonly measures: boolean
  /** How often a point is taken at most, where others had the server's core. */
  readonly tries: number
}

export interface Found {
  readonly service: Service
  readonly capacity: number
  /** The best fixed limit. */
  readonly limit: number
  readonly swept: readonly { readonly limit: number; readonly point: Point }[]
  readonly merged: readonly Merged[]
  /** Ours in a process that has just begun. */
  readonly deployed: Merged | undefined
}

export async function campaign(choice: Choice, effort: Effort, stand: Stand): Promise<Found[]> {
  const found: Found[] = []
  for (const name of choice.services) found.push(await one(name, choice, effort, stand))
  return found
}

async function one(name: string, choice: Choice, effort: Effort, stand: Stand): Promise<Found> {
  const parameters = choice.parameters[name] ?? {}
  const service = serviceOf(name, parameters)
  const factors = choice.factors ?? service.factors ?? FACTORS
  const capacity = effort.measures ? await capacityOf(name, parameters, stand) : declared(service)
  const take = async (
    contender: ContenderName,
    limit: number,
    more: Pick<At, 'factor' | 'seed' | 'seconds' | 'warmUp' | 'calm'>,
  ): Promise<Point> => {
    const at = { service: name, parameters, capacity, ...more }
    const whole = { ...at, contender: contenderOf(contender, service, limit) }
    let point = await measure(whole, stand)
    for (let tries = 1; tries < effort.tries && point.waited > DISTURBED; tries++) {
      const again = await measure(whole, stand)
      if (again.waited < point.waited) point = again
    }
    const label =
      contender === 'fixed' || contender === 'default' ? `${contender} ${limit}` : contender
    stand.progress.say(`  ${line(point, label)}`)
    return point
  }

  const { warmUp } = effort
  const [first = 1] = choice.seeds
  const seconds = choice.seconds ?? service.seconds ?? SECONDS
  const swept: { limit: number; point: Point }[] = []
  if (effort.sweep > 0 && service.limits.length > 1) {
    for (const limit of service.limits) {
      const at = { factor: SWEPT, seed: first, seconds: effort.sweep, warmUp, calm: true }
      swept.push({ limit, point: await take('fixed', limit, at) })
    }
  }
  const limit = bestOf(swept) ?? (service.limits[service.limits.length >> 1] as number)
  const contenders = choice.contenders ?? [...CONTENDERS, ...(service.also ?? [])]
  const merged: Merged[] = []
  for (const factor of factors) {
    for (const contender of contenders) {
      if (contender === 'default' && factor !== plainOf(service)) continue
      const points: Point[] = []
      for (const seed of choice.seeds) {
        points.push(await take(contender, limit, { factor, seed, seconds, warmUp }))
      }
      merged.push(merge(contender, points))
    }
  }
  const isDeployed = effort.deploys && service.trouble === undefined && contenders.includes('auto')
  const fresh = { ...DEPLOYED, seed: first, warmUp: 0 }
  const deployed = isDeployed ? merge('auto', [await take('auto', limit, fresh)]) : undefined
  return { service, capacity, limit, swept, merged, deployed }
}

/** The load that a limit alone must bear: the most there is of it, up to five times too much. */
function plainOf({ factors = FACTORS }: Service): number | undefined {
  return factors.findLast((factor) => factor <= PLAIN && factor > 1)
}

function bestOf(swept: Found['swept']): number | undefined {
  const most = Math.max(...swept.map(({ point }) => point.goodput))
  return swept
    .filter(({ point }) => point.goodput >= AS_GOOD * most)
    .toSorted((a, b) => slowest(a.point) - slowest(b.point))[0]?.limit
}

function slowest({ streams }: Point): number {
  return Math.max(...streams.map(({ p99 = Number.POSITIVE_INFINITY }) => p99))
}
