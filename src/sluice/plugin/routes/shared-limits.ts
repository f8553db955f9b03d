/** The plugin's `shared`: the limiters that it makes, each by a name of its own in the store. */
import { setTimeout as sleep } from 'node:timers/promises'
import { checkNames, isPlainObject, show } from '../../core/check.js'
import { OptionsError } from '../../core/errors.js'
import type { QueueOptions } from '../../core/limiter/limiter-options.js'
import type { Borrower } from '../../shared/borrower.js'
import { readSharing, SHARING_NAMES } from '../../shared/options.js'
import { SharedKeyedLimiters } from '../../shared/shared-keyed-limiters.js'
import { SharedLimiter } from '../../shared/shared-limiter.js'
import type { SharedOptions } from '../limit-types.js'
import { checkOneOf, refuse, translate } from '../option-checks.js'
import { withLoop } from './auto-limiters.js'

interface Given {
  readonly limit: unknown
  readonly queue?: QueueOptions | undefined
}

export class SharedLimits {
  readonly #options: SharedOptions | undefined
  readonly #all: (SharedLimiter | SharedKeyedLimiters)[] = []
  #onLost: ((lender: Borrower) => void) | undefined

  /** @throws SLUICE_OPTIONS */
  constructor(options: SharedOptions | undefined) {
    if (options !== undefined && !isPlainObject(options)) {
      refuse('shared', options, '{ store, name, mode, lease, fallback, onLost, local }')
    }
    if (options !== undefined) {
      checkOneOf('shared.onLost', options.onLost, ['keep', 'abort'])
      translate('shared.', () => {
        checkNames(options, [...SHARING_NAMES, 'onLost'])
        readSharing(options)
      })
    }
    this.#options = options && { ...options }
  }

  /** The plugin's own `limit` is shared. */
  get isGiven(): boolean {
    return this.#options !== undefined
  }

  /** @param name in metrics; in the store it comes behind the plugin's, but for the app's. */
  create(where: string, name: string, { limit, queue }: Given): SharedLimiter {
    const { local, ...options } = this.#sharing(name)
    const own = local === undefined ? {} : { local: withLoop({ limit: local }).limit }
    return this.#add(
      translate(where, () => {
        return new SharedLimiter({ ...options, ...own, label: name, limit: limit as number, queue })
      }),
    )
  }

  /** @throws RangeError or TypeError that names the option, what it got and what it takes. */
  createKeyed(limit: number, queue: QueueOptions | undefined, maxKeys: number) {
    // How many each caller may have here is no caller's to find.
    const { local: _, ...options } = this.#sharing('key')
    return this.#add(new SharedKeyedLimiters({ ...options, label: 'key', limit, queue, maxKeys }))
  }

  /** @throws SLUICE_OPTIONS for `shared: true` where nothing says with whom. */
  checkAsked(name: string, asked: unknown): void {
    if (asked === undefined) return
    if (asked !== true) refuse(name, asked, 'true')
    if (!this.isGiven) refuse(name, asked, "effect only beside the plugin's own shared")
  }

  /** When all routes are known. @throws SLUICE_OPTIONS where nothing is shared. */
  check(): void {
    if (this.#options === undefined || this.#all.length > 0) return
    const { name } = this.#options
    const takes = 'effect only beside limit, or a route or key that says shared: true'
    throw new OptionsError('shared', show({ name }), takes)
  }

  /** @param abort ends what holds a permit that such a one lent */
  whenLost(abort: (lender: Borrower) => void): void {
    if (this.#options?.onLost !== 'abort') return
    this.#onLost = abort
    for (const { borrower } of this.#all) borrower.onLost = () => abort(borrower)
  }

  /** Resolves when all permits are back, or after so many milliseconds. */
  async leave(timeout: number): Promise<void> {
    if (this.#all.length === 0) return
    const end = new AbortController()
    const waited = sleep(timeout, undefined, { signal: end.signal }).catch(() => {})
    await Promise.race([waited, Promise.all(this.#all.map((limiter) => limiter.leave()))])
    end.abort()
  }

  #add<L extends SharedLimiter | SharedKeyedLimiters>(limiter: L): L {
    const { borrower } = limiter
    if (this.#onLost !== undefined) borrower.onLost = () => this.#onLost?.(borrower)
    this.#all.push(limiter)
    return limiter
  }

  #sharing(name: string) {
    const { onLost: _, ...options } = this.#options as SharedOptions
    return { ...options, name: name === 'app' ? options.name : `${options.name}:${name}` }
  }
}
