/** What the plugin knows of a route: its counts, its limiters, and what its options say. */
import type { RouteTraffic, Traffic } from '../../metrics/traffic.js'
import type { Admitting } from '../request/admitting.js'
import type { PriorityFunction, ReleaseOn } from '../types.js'

/**
 * Those of RFC 9110, PATCH and QUERY. Any other of the 34 that Node parses is labelled `_OTHER`, as
 * in OpenTelemetry's conventions: a client must not be able to make series.
 */
const METHODS = new Set('CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE'.split(' '))
const OTHER_METHOD = '_OTHER'

interface RouteSettings {
  /** Narrowest first, the app's last. */
  readonly limiters: readonly Admitting[]
  /** Its class before the event loop, behind all limiters. */
  readonly loop: Admitting | undefined
  /** Those of keys, before all others. */
  readonly keyed: Counting | undefined
  /** Outside every limit, and never refused. */
  readonly exempt: boolean
  /** Its limits learn from it. */
  readonly learns: boolean
  /** What they learn of is also the wait for the event loop. */
  readonly feelsLoop: boolean
  /** How many of its permits, the last ones, are of limits that find themselves, or of the loop. */
  readonly found: number
  readonly releaseOn: ReleaseOn
  /** Milliseconds that its work may go on after its response's end; Infinity: for ever. */
  readonly abandonAfter: number
  readonly priority: PriorityFunction | undefined
  /** Milliseconds. */
  readonly timeout: number | undefined
  /** What its `config.concurrency` was when it was read. */
  readonly asked: unknown
}

type Counting = Pick<Admitting, 'outside' | 'countRejected'>

export class Route implements Omit<RouteSettings, 'loop' | 'keyed'> {
  readonly limiters: readonly Admitting[]
  /** Where whatever is refused before them counts; undefined where there is nothing to pass. */
  readonly widest: Counting | undefined
  readonly exempt: boolean
  readonly learns: boolean
  readonly feelsLoop: boolean
  readonly found: number
  readonly releaseOn: ReleaseOn
  readonly abandonAfter: number
  /** Its handler tells when it begins and settles. */
  isWatched = false
  readonly priority: PriorityFunction | undefined
  readonly timeout: number | undefined
  readonly asked: unknown
  readonly #all: Traffic
  readonly #pattern: string
  readonly #traffic: Record<string, RouteTraffic> = {}

  constructor(all: Traffic, pattern: string, settings: RouteSettings) {
    this.#all = all
    this.#pattern = pattern
    const { limiters, loop } = settings
    this.limiters = loop === undefined ? limiters : [...limiters, loop]
    this.widest = limiters.at(-1) ?? loop ?? settings.keyed
    this.exempt = settings.exempt
    this.learns = settings.learns
    this.feelsLoop = settings.feelsLoop
    this.found = settings.found
    this.releaseOn = settings.releaseOn
    this.abandonAfter = settings.abandonAfter
    this.priority = settings.priority
    this.timeout = settings.timeout
    this.asked = settings.asked
  }

  traffic(method: string): RouteTraffic {
    let traffic = this.#traffic[method]
    if (traffic === undefined) {
      const label = METHODS.has(method) ? method : OTHER_METHOD
      traffic = this.#all.route(label, this.#pattern)
      this.#traffic[method] = traffic
    }
    return traffic
  }
}
