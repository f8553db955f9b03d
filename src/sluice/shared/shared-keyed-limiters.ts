/** A shared limit for each key, of one name: one membership, and one account a key. */
import { KeyedLimiters, type KeyLimiter } from '../core/limiter/keyed-limiters.js'
import type { SharedFindings } from '../core/limiter/limiter-account.js'
import { Borrower } from './borrower.js'
import { readSharedOptions, type SharedLimiterOptions } from './options.js'
import { SharedLimiter, sharedAccount } from './shared-limiter.js'

export interface SharedKeyedOptions extends Omit<SharedLimiterOptions, 'local'> {
  /** How many keys the table of this process holds: an integer >= 1. */
  maxKeys: number
}

export class SharedKeyedLimiters extends KeyedLimiters {
  readonly borrower: Borrower
  readonly #options: SharedLimiterOptions

  /** @throws RangeError or TypeError that names the option, what it got and what it takes. */
  constructor({ maxKeys, ...options }: SharedKeyedOptions) {
    const settings = readSharedOptions(options)
    const { label: name, limit, clock } = settings
    super({ name, limit, queue: options.queue, clock, maxKeys }, sharedAccount())
    this.borrower = new Borrower(settings)
    this.#options = options
  }

  /** What this process may have in flight of all busy keys together. */
  override get limit(): number {
    return this.sum('limit')
  }

  override get shared(): SharedFindings {
    return this.borrower.findings(this.sum('share'), this.admitted)
  }

  override setLimit(limit: number): void {
    super.setLimit(limit)
    this.borrower.setLimit(limit)
  }

  override close(): void {
    super.close()
    this.borrower.leave()
  }

  /** Closes it, and resolves when all that it held is back, as `SharedLimiter.leave`. */
  leave(): Promise<void> {
    this.close()
    return this.borrower.leave()
  }

  protected override create(key: string): KeyLimiter {
    const { borrower, account } = this
    return new SharedLimiter(this.#options, { borrower, key, account })
  }
}
