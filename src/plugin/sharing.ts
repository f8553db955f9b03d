/**
 * Shares of a queue mean nothing where all work has one priority. Whether anything tells priorities
 * apart, the plugin's option or a route's, is known when all routes are.
 */
import { show } from '../core/check.js'
import { OptionsError } from '../core/errors.js'
import type { QueueOptions } from '../core/limiter-options.js'

export class Sharing {
  readonly #untold = new Map<object, { name: string; shares: unknown }>()

  /** A limiter and its queue; `where` says whose options these are. Returns the limiter. */
  watch<L extends object>(limiter: L, queue: QueueOptions | undefined, where: string): L {
    const { shares } = queue ?? {}
    if (shares !== undefined) this.#untold.set(limiter, { name: `${where}queue.shares`, shares })
    return limiter
  }

  /** What comes to these tells its priority. */
  told(...limiters: (object | undefined)[]): void {
    for (const limiter of limiters) if (limiter !== undefined) this.#untold.delete(limiter)
  }

  /** @throws SLUICE_OPTIONS */
  check(): void {
    for (const { name, shares } of this.#untold.values()) {
      throw new OptionsError(name, show(shares), 'effect only beside priority')
    }
  }
}
