/** Rules of what must hold, and what becomes of them as checks. */
import type { Check } from '../../figures/outcome.js'
import type { Found } from '../campaign.js'
import type { Merged, MergedFigures } from '../measures/merge.js'
import type { ContenderName } from '../subjects/contender-names.js'

type Case = readonly [where: string, value: number]

/** Where a run has no case of it, it is not judged. */
export interface Rule {
  readonly name: string
  readonly least?: number
  readonly most?: number
  cases(found: Found): Case[]
}

/** One load with what ours is compared with there. */
export interface Compared {
  readonly found: Found
  readonly ours: Merged
  readonly unprotected: Merged
  readonly fixed: Merged
}

export function judge(rules: readonly Rule[], found: readonly Found[]): Check[] {
  return rules.flatMap((rule) => {
    const cases = found.flatMap((one) => rule.cases(one))
    return cases.length === 0 ? [] : [checkOf(rule, cases)]
  })
}

/** Fails name all that failed; otherwise the one nearest to it is named. A NaN holds nothing. */
function checkOf({ name, least = 0, most = Number.POSITIVE_INFINITY }: Rule, cases: Case[]): Check {
  const bounded = most === Number.POSITIVE_INFINITY ? `at least ${least}` : `at most ${most}`
  const broken = cases.filter(([, value]) => !(value >= least && value <= most))
  const sorted = cases.toSorted(([, a], [, b]) => (bounded.startsWith('at least') ? a - b : b - a))
  const shown = broken.length > 0 ? broken : sorted.slice(0, 1)
  const detail = shown
    .map(([where, value]) => `${where} ${Number(value.toPrecision(3))}`)
    .join(', ')
  return { name: `${name}: ${bounded}`, ok: broken.length === 0, detail }
}

/** A case for each load of a service that both `where` and `which` take. */
export function compared(
  where: (factor: number) => boolean,
  value: (at: Compared) => number,
  which: (found: Found) => boolean = () => true,
  contender: ContenderName = 'auto',
): Rule['cases'] {
  return (found) => {
    const { service, merged } = found
    if (service.trouble !== undefined || !which(found)) return []
    const loads = merged.filter((one) => one.contender === contender && where(one.factor))
    return loads.flatMap((ours): Case[] => {
      const beside = (name: ContenderName): Merged | undefined =>
        merged.find((one) => one.contender === name && one.factor === ours.factor)
      const [unprotected, fixed] = [beside('unprotected'), beside('fixed')]
      if (unprotected === undefined || fixed === undefined) return []
      return [[`${service.name} ${ours.factor} ×`, value({ found, ours, unprotected, fixed })]]
    })
  }
}

/** The streams beside the dear one, beyond capacity, each with what it is at half of it. */
export function beside(value: (now: MergedFigures, half: MergedFigures) => number): Rule['cases'] {
  return ({ service, merged }) => {
    const ours = merged.filter(({ contender }) => contender === 'auto')
    const half = ours.find(({ factor }) => factor === 0.5)
    if (half === undefined) return []
    return ours
      .filter(({ factor }) => factor >= 2)
      .flatMap(({ factor, streams }) =>
        streams.flatMap((now, index): Case[] => {
          const then = half.streams[index]
          if (!service.streams[index]?.steady || then === undefined) return []
          return [[`${service.name} ${factor} × ${now.name}`, value(now, then)]]
        }),
      )
  }
}

export function worst(
  { streams }: Merged,
  key: 'refused' | 'hanging' | 'newcomersHanging',
): number {
  return Math.max(...streams.map((stream) => stream[key]))
}

/** Of all streams, in milliseconds. */
export function slowest({ streams }: Merged): number {
  return Math.max(...streams.map(({ p99 = Number.POSITIVE_INFINITY }) => p99))
}

/** How many times as long the p99 is. */
export function slower(one: MergedFigures, other: MergedFigures | undefined): number {
  return (one.p99 ?? Number.POSITIVE_INFINITY) / (other?.p99 ?? Number.POSITIVE_INFINITY)
}
