/** What a request has to pass, as its route and its caller say. */
import { checkNumber, show } from '../../core/check.js'
import type { Settings } from '../options.js'
import { keptKey } from '../routes/key-text.js'
import type { ActiveRequest } from './active-request.js'
import type { Admitting } from './admitting.js'

/** @throws what the app's function does, RangeError or TypeError for no number. */
export function priorityOf({ route, request }: ActiveRequest): number {
  if (route.priority === undefined) return 0
  const priority = route.priority(request)
  checkNumber('priority', priority)
  return priority
}

/**
 * With the key's limiter before the route's; undefined when the table of keys has no place.
 * @throws what the app's function does, TypeError for no string.
 */
export function limitersOf(
  active: ActiveRequest,
  keyed: Settings['keyed'],
): readonly Admitting[] | undefined {
  const { limiters } = active.route
  if (keyed === undefined) return limiters
  const given = keyed.by(active.request)
  if (typeof given !== 'string') throw new TypeError(`key: got ${show(given)}, takes a string`)
  const key = keptKey(given)
  const limiter = keyed.limiters.take(key)
  if (limiter === undefined) return undefined
  // `callNotFound` brings a request here again, with `preHandler`.
  active.onReleased?.()
  active.onReleased = () => keyed.limiters.settle(key)
  return [limiter, ...limiters]
}
