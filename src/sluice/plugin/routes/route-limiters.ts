/** The limiters of routes: one of a route's own, which its HEAD shares, or one of a group of routes. */
import type { RouteOptions } from 'fastify'
import type { LimiterView } from '../../core/limiter/limiter-account.js'
import { refuse } from '../option-checks.js'
import { createLimiter, type OwnLimiter } from '../options.js'
import type { RouteConcurrencyOptions } from '../types.js'
import { nameOf } from './route-name.js'
import type { SharedLimits } from './shared-limits.js'
import type { Sharing } from './sharing.js'

/** Those of the plugin's own limiters: in metrics and alerts one of them means this one. */
const RESERVED = new Set(['app', 'key', 'event-loop'])

export class RouteLimiters {
  readonly #all: LimiterView[]
  readonly #sharing: Sharing
  readonly #shared: SharedLimits
  readonly #groups = new Map<string, { limiter: OwnLimiter; options: RouteConcurrencyOptions }>()
  /** What GET routes have, by URL and constraints: their HEAD routes share it. */
  readonly #gets = new Map<string, { given: unknown; own: OwnLimiter | undefined }>()

  /** @param all where each of them is added */
  constructor(all: LimiterView[], sharing: Sharing, shared: SharedLimits) {
    this.#all = all
    this.#sharing = sharing
    this.#shared = shared
  }

  /** Of the route alone, of its group, or none. @throws SLUICE_OPTIONS */
  of(
    name: string,
    { method, url, config, constraints = {} }: RouteOptions,
    given: RouteConcurrencyOptions,
  ): OwnLimiter | undefined {
    const concurrency = config?.concurrency
    // Fastify adds HEAD to `/p` and `/p/` alike where a GET `/` in a prefix answers both.
    const at = nameOf({ method: 'GET', url: url.replace(/(?<=.)\/$/, ''), constraints })
    const get = this.#gets.get(at)
    if (method === 'HEAD' && get !== undefined && get.given === concurrency) return get.own
    const own = given.group === undefined ? this.#add(name, name, given) : this.#group(name, given)
    if ([method].flat().includes('GET')) this.#gets.set(at, { given: concurrency, own })
    return own
  }

  #group(name: string, given: RouteConcurrencyOptions): OwnLimiter | undefined {
    const group = given.group as string
    const where = `${name}: config.concurrency`
    const known = this.#groups.get(group)
    if (known === undefined) {
      if (given.limit === undefined) {
        refuse(`${where}.group`, group, 'a group that an earlier route made, or a limit beside it')
      }
      if (RESERVED.has(group) || this.#has(group)) {
        refuse(`${where}.group`, group, 'a name that no limiter has')
      }
      const limiter = this.#add(name, group, given) as OwnLimiter
      this.#groups.set(group, { limiter, options: given })
      return limiter
    }
    if (given.limit !== undefined && given.limit !== known.options.limit) {
      refuse(`${where}.limit`, given.limit, `what group '${group}' has, or nothing`)
    }
    if (given.queue !== undefined && given.queue !== known.options.queue) {
      refuse(`${where}.queue`, given.queue, `what group '${group}' has, or nothing`)
    }
    if (given.shared !== undefined && given.shared !== known.options.shared) {
      refuse(`${where}.shared`, given.shared, `what group '${group}' has, or nothing`)
    }
    return known.limiter
  }

  #add(
    route: string,
    name: string,
    { limit, queue, shared }: RouteConcurrencyOptions,
  ): OwnLimiter | undefined {
    if (limit === undefined) return undefined
    const where = `${route}: config.concurrency.`
    if (this.#groups.has(name)) {
      refuse(`${where}limit`, limit, `a limiter of that name, which no group may have: '${name}'`)
    }
    this.#shared.checkAsked(`${where}shared`, shared)
    const own = { name: this.#free(name), limit, queue, shared: shared === true }
    const limiter = createLimiter(where, own, this.#shared)
    this.#sharing.watch(limiter, queue, where)
    this.#all.push(limiter)
    return limiter
  }

  /** Constraints that are functions, or of classes, may be told apart by nothing but their order. */
  #free(name: string): string {
    for (let count = 2, free = name; ; count++) {
      if (!this.#has(free)) return free
      free = `${name} #${count}`
    }
  }

  #has(name: string): boolean {
    return this.#all.some((limiter) => limiter.name === name)
  }
}
