/** What becomes of requests whose permits were lent, and may be other processes' soon. */
import { LeaseLostError } from '../../core/errors.js'
import type { ActiveRequest } from './active-request.js'

/** Fires the signal of each that holds one of that lender's. */
export function abortHolders(active: Iterable<ActiveRequest>, lender: object): void {
  for (const request of [...active]) {
    if (request.holdsOf(lender)) request.abort(new LeaseLostError())
  }
}
