/**
 * How many a process may have in flight without a valid lease. `share`: as much as each would have if all
 * had the same, so that together they keep the limit if all are cut off at once and their work takes less
 * than half a lease. Until the leases of all the others have ended, of that only what it held; then all
 * of it. Where not all may know how many they are (before first contact, and in the beats after it)
 * there is no share. One that is cut off alone has its share beyond the limit: the store cannot know.
 */
import { checkInteger, show, wrongValue } from '../core/check.js'

/** `closed`: none; `open`: without limit; an integer >= 0: so many. */
export type Fallback = 'share' | 'closed' | 'open' | number

/** Of a lease: until then others may use what they hold; their last syncs were answered up to a beat later. */
const OTHERS_END = 1.2

/** @throws RangeError or TypeError that names it, what it got and what it takes. */
export function checkFallback(fallback: unknown): void {
  if (typeof fallback === 'number') {
    return checkInteger('fallback', fallback, 0, Number.MAX_SAFE_INTEGER)
  }
  if (fallback !== 'share' && fallback !== 'closed' && fallback !== 'open') {
    throw wrongValue('fallback', show(fallback), "'share', 'closed', 'open' or an integer >= 0")
  }
}

/**
 * @param members as all know; 0: they do not
 * @param held what it has of the limit
 * @param age milliseconds since what was last answered was sent
 */
export function fallbackOf(
  fallback: Fallback,
  limit: number,
  members: number,
  held: number,
  { age, lease }: { readonly age: number; readonly lease: number },
): number {
  if (typeof fallback === 'number') return fallback
  if (fallback === 'open') return Number.POSITIVE_INFINITY
  if (fallback === 'closed' || members === 0) return 0
  const even = Math.floor(limit / members)
  return age < OTHERS_END * lease ? Math.min(even, held) : even
}
