/** How many callers each replica has: a tenth of them has four fifths of all, and every 5 s another one. */
import { mulberry32 } from '../figures/random.js'

/** Milliseconds. */
export const MOVES_EVERY = 5000
const HOT = 0.1
const OF_HOT = 0.8

/** @returns one number for each replica; together `callers` */
export function demand(replicas: number, callers: number, move: number): number[] {
  const random = mulberry32(move + 1)
  const counts = new Array<number>(replicas).fill(0)
  const order = counts.map((_, index) => index).sort(() => random() - 0.5)
  const hot = Math.max(1, Math.round(replicas * HOT))
  for (let caller = 0; caller < callers; caller++) {
    const among = caller < callers * OF_HOT ? [0, hot] : [hot, replicas]
    const [from, to] = among as [number, number]
    const index = order[from + (caller % (to - from))] as number
    counts[index] = (counts[index] ?? 0) + 1
  }
  return counts
}
