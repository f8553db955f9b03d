/** A queue with one server, equal service times and a bound on the wait: the least that must be lost. */

/**
 * @param arrivals milliseconds, ascending
 * @param service milliseconds of each
 * @param bound the longest wait, in milliseconds; who would wait longer is refused
 * @param from milliseconds: arrivals before it are not counted
 * @returns the share that is refused
 */
export function lossOf(
  arrivals: readonly number[],
  service: number,
  bound: number,
  from: number,
): number {
  let freeAt = 0
  let counted = 0
  let lost = 0
  for (const at of arrivals) {
    const wait = Math.max(0, freeAt - at)
    const isLost = wait > bound
    if (!isLost) freeAt = at + wait + service
    if (at < from) continue
    counted++
    if (isLost) lost++
  }
  return counted === 0 ? 0 : lost / counted
}
