/** Who is refused, and when: by a queue, before any, or as the deadline passes. */
import { DeadlineError } from '../../core/errors.js'
import type { RejectFunction } from '../types.js'
import type { ActiveRequest } from './active-request.js'
import type { Refusal } from './admitting.js'
import { Rejector } from './rejection.js'
import { tellWait } from './server-timing.js'

export class Refusals {
  readonly #rejector: Rejector
  readonly #app: object

  /** @param app whose backlog counts where no limiter refused */
  constructor(shape: RejectFunction | undefined, app: object) {
    this.#rejector = new Rejector(shape)
    this.#app = app
  }

  /** @param where the limiter that refused, or whatever else did */
  refuse(active: ActiveRequest, reason: Refusal, where: object, status?: 503 | 504): void {
    active.refusal = reason
    if (active.waited > 0 && !active.working) tellWait(active)
    this.#rejector.send(active, reason, where, status)
  }

  /** A refusal that no queue made: it is counted where it would have been. */
  refuseOutside(active: ActiveRequest, reason: Refusal): void {
    active.route.widest?.countRejected(reason)
    this.refuse(active, reason, this.#app)
  }

  /** @param milliseconds from its beginning */
  expireAfter(milliseconds: number, active: ActiveRequest): void {
    active.dueAt = active.startedAt + milliseconds
    active.deadline = setTimeout(this.#expire, milliseconds, active)
  }

  /**
   * 503 while it has not reached its handler, 504 once it has; a stream that began is cut. An answer
   * that has begun goes out, and so does what a hijacked response says.
   */
  readonly #expire = (active: ActiveRequest): void => {
    const { response } = active
    if (active.closed || response.writableEnded) return
    active.abort(new DeadlineError())
    // Who listens to its signal may have answered.
    if (response.writableEnded) return
    if (active.waiter !== undefined) active.waiter.cancel('deadline', undefined)
    else if (response.headersSent) active.cut()
    else if (active.isHijacked || active.sending || active.isReplaced) return
    else if (active.handled) this.refuse(active, 'deadline', this.#app, 504)
    else this.refuseOutside(active, 'deadline')
  }
}
