/** What became of requests, in figures. */
import type { Ended, Outcome } from '../../clients/open-loop.js'

export interface Figures {
  /** How many were due, and what became of them. */
  readonly due: number
  readonly counts: Readonly<Record<Outcome, number>>
  /** Of those on connections of their own, which share was left hanging. */
  readonly newcomersHanging: number
  /** Milliseconds from when it was due of what was answered in time; undefined: nothing was. */
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly max: number | undefined
}

export function figuresOf(ended: readonly Ended[]): Figures {
  const of = (outcome: Outcome): Ended[] => ended.filter((one) => one.outcome === outcome)
  const took = of('answered')
    .map((one) => one.took)
    .sort((a, b) => a - b)
  const at = (share: number): number | undefined => took[Math.ceil(share * took.length) - 1]
  const newcomers = ended.filter(({ newcomer }) => newcomer)
  const left = newcomers.filter(({ outcome }) => outcome === 'hanging').length
  return {
    due: ended.length,
    counts: {
      answered: took.length,
      refused: of('refused').length,
      failed: of('failed').length,
      hanging: of('hanging').length,
    },
    newcomersHanging: newcomers.length === 0 ? 0 : left / newcomers.length,
    p50: at(0.5),
    p99: at(0.99),
    max: took.at(-1),
  }
}

export function share({ due, counts }: Figures, outcome: Outcome): number {
  return due === 0 ? 0 : counts[outcome] / due
}
