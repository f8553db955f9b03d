/**
 * Max-min fairness: the most that each may have, so that whoever wants less has what they want and the
 * rest is even. Rounded down; what that leaves over goes round in turns.
 */

/**
 * The highest level in 0..limit at which all fit.
 * @param wants integers >= 0 @param limit an integer >= 0
 */
export function fairLevel(wants: readonly number[], limit: number): number {
  let low = 0
  let high = limit
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    const sum = wants.reduce((total, want) => total + Math.min(want, middle), 0)
    if (sum <= limit) low = middle
    else high = middle - 1
  }
  return low
}
