/** What must hold where some trouble befalls a service. */
import { mainOf } from '../../clients/looks.js'
import { median } from '../../figures/statistics.js'
import type { Found } from '../campaign.js'
import type { Point } from '../measures/measure.js'
import { type Times, timesOf } from '../measures/windows.js'
import type { Rule } from './judge.js'

/** Milliseconds that finding back may take, from failures and from what is half as much. */
const AFTER_FAILURES = 2000
const AFTER_A_STEP = 1000

export const troubleRules: readonly Rule[] = [
  {
    name: 'while work fails the limit, of the highest before',
    most: 1,
    cases: during('fails', 0, ({ windows: [before, ...rest] }) => {
      const most = Math.max(...rest.slice(0, 2).flatMap(({ limits }) => limits))
      return most / Math.max(...(before?.limits ?? []))
    }),
  },
  {
    name: 'two seconds after work failed the limit, off the best by',
    most: 0.25,
    cases: during('fails', 2, off('end', AFTER_FAILURES, 1)),
  },
  {
    name: 'a second after half of the capacity went the limit, off the best by',
    most: 0.25,
    cases: during('half', 2, off('begin', AFTER_A_STEP, 0.5)),
  },
  {
    name: 'a second after it came back the limit, off the best by',
    most: 0.25,
    cases: during('half', 2, off('end', AFTER_A_STEP, 1)),
  },
  {
    name: 'two seconds after a stop answered, whatever finds the limit',
    least: 0.95,
    cases: ({ service, merged }) =>
      merged
        .filter(({ contender }) => contender !== 'unprotected' && contender !== 'under-pressure')
        .filter(() => service.name === 'stopped')
        .map(({ contender, factor, windows }) => {
          const { refused = 1, hanging = 0, failed = 0 } = windows.at(-1) ?? {}
          return [`${contender} ${factor} ×`, 1 - refused - hanging - failed]
        }),
  },
]

/** Ours at loads of `least` and more, the median of the seeds. */
function during(
  name: string,
  least: number,
  value: (point: Point, found: Found) => number,
): Rule['cases'] {
  return (found) =>
    found.merged
      .filter(({ contender, factor }) => contender === 'auto' && factor >= least)
      .filter(() => found.service.name === name)
      .map(({ factor, points }) => [
        `${name} ${factor} ×`,
        median(points.map((point) => value(point, found))),
      ])
}

/** How far the limit is from `part` of the best fixed one so long after that moment, in ratio to it. */
function off(moment: keyof Times, after: number, part: number) {
  return ({ warmUp, seconds, looks }: Point, { limit }: Found): number => {
    const at = timesOf(warmUp, seconds)[moment] + after
    const look = mainOf(looks).find((one) => one.at >= at)
    return look === undefined ? Number.NaN : Math.abs(look.limit / (limit * part) - 1)
  }
}
