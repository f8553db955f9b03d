/** What a run would find where everything holds, to be changed by tests. */
import type { Ended } from '../../../load-tests/clients/open-loop.js'
import type { Found } from '../../../load-tests/services/campaign.js'
import { figuresOf } from '../../../load-tests/services/measures/figures.js'
import type { Point } from '../../../load-tests/services/measures/measure.js'
import { merge } from '../../../load-tests/services/measures/merge.js'
import { timesOf, windowsOf } from '../../../load-tests/services/measures/windows.js'
import type { ContenderName } from '../../../load-tests/services/subjects/contender-names.js'
import { serviceOf } from '../../../load-tests/services/subjects/menu.js'

export const SECONDS = 30
export const WARM_UP = 2
export const LIMIT = 20
/** Of a trouble, in milliseconds since the load began. */
export const BEGIN = 12_000
export const END = 22_000

/** One stream's, a thousand of them, evenly over what counts. */
export function ended(change: Partial<Ended> = {}, every = 1): Ended[] {
  return Array.from({ length: 1000 }, (_, index) => ({
    due: WARM_UP * 1000 + (index * SECONDS * 1000) / 1000,
    outcome: 'answered',
    newcomer: index % 10 === 0,
    took: 50,
    ...(index % every === 0 ? change : {}),
  }))
}

export interface Change {
  readonly contender?: ContenderName
  readonly factor?: number
  /** Of the first stream, and of all others but the probes. */
  readonly first?: Ended[]
  readonly others?: Ended[]
  readonly probes?: Ended[]
  /** By milliseconds since the load began. */
  readonly limit?: (at: number) => number
}

export function point(service: string, change: Change, seed = 1): Point {
  const { streams, trouble } = serviceOf(service)
  // With half of the capacity gone, half of it is.
  const best = (at: number): number =>
    service === 'half' && at >= BEGIN && at < END ? LIMIT / 2 : LIMIT
  const { first = ended(), others = ended(), probes = ended(), limit = best } = change
  const all = [...streams.map((_, index) => (index === 0 ? first : others)), probes]
  const looks = Array.from({ length: (SECONDS + WARM_UP) * 4 }, (_, index) => {
    const at = index * 250
    const idle = { at, inFlight: 0, queued: 0 }
    return [
      { ...idle, name: 'event-loop', limit: 1 },
      { ...idle, name: 'app', limit: limit(at) },
    ]
  }).flat()
  const figures = all.map((own, index) => {
    const known = figuresOf(own)
    const goodput = known.counts.answered / SECONDS
    return { name: streams[index]?.name ?? 'probe', ...known, goodput, possible: 1000 / SECONDS }
  })
  const work = figures.slice(0, -1)
  return {
    ...{ service, parameters: {}, contender: { kind: 'unprotected' }, capacity: 40, seed },
    ...{ factor: change.factor ?? 1, seconds: SECONDS, warmUp: WARM_UP },
    streams: figures,
    windows: trouble
      ? windowsOf(trouble.name, timesOf(WARM_UP, SECONDS), all.slice(0, -1).flat(), looks)
      : [],
    looks,
    course: [],
    due: all.flat().length,
    unsent: 0,
    goodput: work.reduce((sum, one) => sum + one.goodput / one.possible, 0) / work.length,
    cpu: 0.5,
    waited: 0,
    behind: 1,
  }
}

/** All contenders at 0.5, 1 and 5 times, alike but for the changes. */
export function found(service: string, ...changes: Change[]): Found {
  const contenders = ['unprotected', 'fixed', 'default', 'auto'] as const
  const of = (contender: ContenderName, factor: number): Change =>
    changes.find(
      (one) => (one.contender ?? 'auto') === contender && (one.factor ?? factor) === factor,
    ) ?? {}
  return {
    service: serviceOf(service),
    capacity: 40,
    limit: LIMIT,
    swept: [],
    merged: [0.5, 1, 5].flatMap((factor) =>
      contenders.map((contender) =>
        merge(contender, [point(service, { ...of(contender, factor), factor })]),
      ),
    ),
    deployed: merge('auto', [point(service, of('auto', 0))]),
  }
}
