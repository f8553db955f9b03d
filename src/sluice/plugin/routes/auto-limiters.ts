/**
 * `limit: 'auto'` of an app: each route has a limiter that finds its own limit, since what is slow for
 * one is usual for another. They share one account, and seen from outside they are one.
 */
import { isPlainObject, within } from '../../core/check.js'
import { Limiter } from '../../core/limiter/limiter.js'
import { AccountedLimiter, LimiterAccount } from '../../core/limiter/limiter-account.js'
import type { LimiterOptions } from '../../core/limiter/limiter-options.js'
import { AutoLimit, type AutoOptions } from '../../core/limits/auto.js'
import type { FoundLimit } from '../../core/limits/findings.js'
import type { LimitOption } from '../../core/limits/named.js'
import { loopGauge } from '../loop-gauge.js'

type AutoOption = 'auto' | ({ algorithm: 'auto' } & AutoOptions)

export class AutoLimiters extends AccountedLimiter {
  readonly isFixed = false
  readonly #options: LimiterOptions
  readonly #all: { readonly route: string; readonly limiter: Limiter }[] = []

  /** @throws RangeError or TypeError that names the option, what it got and what it takes. */
  constructor(name: string, options: LimiterOptions) {
    super(name, new LimiterAccount())
    this.#options = { ...options, name }
    // Says at once what every later one would say.
    new Limiter(this.#options)
  }

  /** Of a route, by its name. */
  create(route: string): Limiter {
    const limiter = new Limiter(withLoop(this.#options), this.account)
    this.#all.push({ route, limiter })
    return limiter
  }

  /** Of all routes that have been asked for, together; before the first, one route's. */
  get limit(): number {
    const used = this.#used
    const counted = used.length > 0 ? used : this.#all.slice(0, 1)
    return counted.reduce((sum, { limiter }) => sum + limiter.limit, 0)
  }

  get inFlight(): number {
    return this.#all.reduce((sum, { limiter }) => sum + limiter.inFlight, 0)
  }

  get queued(): number {
    return this.#all.reduce((sum, { limiter }) => sum + limiter.queued, this.outside)
  }

  override get found(): readonly FoundLimit[] {
    return this.#used.flatMap(({ route, limiter: { found = [] } }) =>
      found.map((one) => ({ ...one, name: route })),
    )
  }

  close(): void {
    for (const { limiter } of this.#all) limiter.close()
  }

  get #used() {
    return this.#all.filter(({ limiter }) => limiter.admitted > 0)
  }
}

export function isAuto(limit: LimitOption | undefined): limit is AutoOption {
  return (
    limit === 'auto' || (isPlainObject(limit) && 'algorithm' in limit && limit.algorithm === 'auto')
  )
}

/** A limit that finds itself has to know how long the loop makes all work wait. */
export function withLoop(options: LimiterOptions): LimiterOptions {
  const { limit } = options
  if (!isAuto(limit)) return options
  const { algorithm: _, ...given } = limit === 'auto' ? { algorithm: 'auto' } : limit
  const loopWait = (): number => loopGauge.lateness
  const auto = within('limit.', () => new AutoLimit({ loopWait, ...given }))
  return { ...options, limit: auto }
}
