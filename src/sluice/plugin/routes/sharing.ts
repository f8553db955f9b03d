/**
 * Shares of a queue mean nothing where all work has one priority. Whether anything tells priorities
 * apart, the plugin's option or a route's, is known when all routes are.
 */
import type { RouteOptions } from 'fastify'
import { show } from '../../core/check.js'
import { OptionsError } from '../../core/errors.js'
import type { QueueOptions } from '../../core/limiter/limiter-options.js'

export class Sharing {
  /** What is called where a route is declared, once that is all that can be. */
  declaring: ((route: RouteOptions) => void) | undefined
  /** Each error is made where the options are given, so that it points there. */
  readonly #untold = new Map<object, Error>()

  /** A limiter and its queue; `where` says whose options these are. Returns the limiter. */
  watch<L extends object>(limiter: L, queue: QueueOptions | undefined, where: string): L {
    const { shares } = queue ?? {}
    if (shares !== undefined) {
      const takes = 'effect only beside priority'
      const error = new OptionsError(`${where}queue.shares`, show(shares), takes)
      if (this.declaring !== undefined) Error.captureStackTrace(error, this.declaring)
      this.#untold.set(limiter, error)
    }
    return limiter
  }

  /** What comes to these tells its priority. */
  told(...limiters: (object | undefined)[]): void {
    for (const limiter of limiters) if (limiter !== undefined) this.#untold.delete(limiter)
  }

  /** @throws SLUICE_OPTIONS */
  check(): void {
    for (const error of this.#untold.values()) throw error
  }
}
