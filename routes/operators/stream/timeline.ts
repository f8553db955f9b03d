/**
 * Which requests came and went, a bounded sample: of each route the first twenty in progress are
 * followed from start to end, and of those too short to be seen so, as many are told as can be
 * drawn. It records between `start` and `stop` only, and in a flood it stops listening until the
 * next time, so that its cost has a bound that no traffic moves. Those who look on (the dashboard,
 * scrapes, probes) are left out.
 */
import type { AppConcurrency, RequestInProgress, RequestSpan, Snapshot } from 'fastify-sluice'

/** One request. Times are milliseconds, `start` is of the epoch; route and start identify it. */
export interface Bar {
  readonly route: string
  readonly start: number
  readonly wait: number
}

export interface RunningBar extends Bar {
  readonly waiting: boolean
}

export interface EndedBar extends Bar {
  readonly run: number
  readonly outcome: RequestSpan['outcome']
  readonly status: number | undefined
  readonly reason: RequestSpan['reason']
}

export interface Requests {
  /** When this was taken, in milliseconds of the epoch. */
  readonly time: number
  /** All that are followed, oldest first. */
  readonly running: readonly RunningBar[]
  /** Since the last time. */
  readonly ended: readonly EndedBar[]
}

/** Of one route, followed at once. */
const FOLLOWED = 20
/** Of one route, told at once, and again each time. */
const TOLD = 20
const TOLD_AGAIN = 4
/** Of all routes, told at once; and as many are passed over before it stops listening. */
const TOLD_OF_ALL = 200
/** New ones in progress that are looked at each time. */
const LOOKED_AT = 1000
/** Ended ones that are kept for whoever comes later. */
const KEPT = 200

const LOOKING_ON = /^\/(concurrency|dashboard|metrics|health)(\/|$)/

/** What is kept of a route: how many of its requests may still be followed, and told. */
interface Allowance {
  readonly isLookingOn: boolean
  followed: number
  told: number
}

export class Timeline {
  readonly #concurrency: AppConcurrency
  readonly #allowances = new Map<string, Allowance>()
  /** By their start, which no two share. */
  readonly #followed = new Map<number, RequestInProgress>()
  #lookedTo = Number.NEGATIVE_INFINITY
  #ended: EndedBar[] = []
  #passedOver = 0
  #kept: EndedBar[] = []
  #unobserve: (() => void) | undefined
  /** Of all that ended, those that were neither told nor counted as untold. */
  #unaccounted = 0

  constructor(concurrency: AppConcurrency) {
    this.#concurrency = concurrency
  }

  start(): void {
    this.#unaccounted = -endedOf(this.#concurrency.snapshot())
    this.#listen()
  }

  stop(): void {
    this.#unobserve?.()
    this.#unobserve = undefined
    this.#allowances.clear()
    this.#followed.clear()
    this.#lookedTo = Number.NEGATIVE_INFINITY
    this.#ended = []
    this.#kept = []
  }

  /** What came since the last time; undefined when nothing did and nothing is in progress. */
  take(): Requests | undefined {
    const wasQuiet = this.#followed.size === 0 && this.#ended.length === 0
    this.#follow()
    this.#listen()
    if (wasQuiet && this.#followed.size === 0) return undefined
    const requests = this.#requests(this.#ended)
    this.#kept = [...this.#kept, ...this.#ended].slice(-KEPT)
    this.#ended = []
    for (const allowance of this.#allowances.values()) {
      allowance.told = Math.min(allowance.told + TOLD_AGAIN, TOLD)
    }
    return requests
  }

  /** For one who comes later: what is left of what the others were told. */
  recall(): Requests {
    this.#follow()
    return this.#requests(this.#kept)
  }

  /** How many ended since the last time that are not told. */
  takeUntold(snapshot: Snapshot): number {
    this.#release()
    const untold = this.#unaccounted + endedOf(snapshot)
    this.#unaccounted -= untold
    return untold
  }

  #requests(ended: readonly EndedBar[]): Requests {
    const running = Array.from(this.#followed.values(), (request) => ({
      ...barOf(request),
      waiting: request.waiting,
    }))
    return { time: epoch(performance.now()), running, ended }
  }

  #listen(): void {
    this.#passedOver = 0
    this.#unobserve ??= this.#concurrency.observe(this.#onEnd)
  }

  readonly #onEnd = (span: RequestSpan): void => {
    const allowance = this.#allowanceOf(span.route)
    if (allowance.isLookingOn) return
    if (allowance.followed < FOLLOWED && this.#followed.has(span.startTime)) return
    if (allowance.told > 0 && this.#ended.length < TOLD_OF_ALL) {
      allowance.told--
      this.#tell(span, span.outcome)
    } else if (++this.#passedOver === TOLD_OF_ALL) {
      this.#unobserve?.()
      this.#unobserve = undefined
    }
  }

  #tell(request: RequestInProgress | RequestSpan, outcome: RequestSpan['outcome']): void {
    const { runMs, status, reason } = request
    this.#ended.push({ ...barOf(request), run: round(runMs), outcome, status, reason })
    this.#unaccounted--
  }

  /** Tells of those that were followed to their end. */
  #release(): void {
    for (const [start, request] of this.#followed) {
      if (request.outcome === undefined) continue
      this.#followed.delete(start)
      this.#allowanceOf(request.route).followed++
      this.#tell(request, request.outcome)
    }
  }

  /** Takes on those that have begun since it looked last, the oldest of them first. */
  #follow(): void {
    this.#release()
    const fresh: RequestInProgress[] = []
    for (const request of this.#concurrency.inProgress()) {
      if (request.startTime <= this.#lookedTo || fresh.length === LOOKED_AT) break
      fresh.push(request)
    }
    this.#lookedTo = fresh[0]?.startTime ?? this.#lookedTo
    for (const request of fresh.reverse()) {
      const allowance = this.#allowanceOf(request.route)
      if (allowance.followed === 0 || allowance.isLookingOn) continue
      allowance.followed--
      this.#followed.set(request.startTime, request)
    }
  }

  #allowanceOf(route: string): Allowance {
    let allowance = this.#allowances.get(route)
    if (allowance === undefined) {
      allowance = { isLookingOn: LOOKING_ON.test(route), followed: FOLLOWED, told: TOLD }
      this.#allowances.set(route, allowance)
    }
    return allowance
  }
}

/** All that ended, but those that look on. */
function endedOf({ routes }: Snapshot): number {
  return routes
    .filter(({ route }) => !LOOKING_ON.test(route))
    .reduce((sum, { total, active }) => sum + total - active, 0)
}

function barOf({ method, route, startTime, waitMs }: RequestInProgress | RequestSpan): Bar {
  return { route: `${method} ${route}`, start: epoch(startTime), wait: round(waitMs) }
}

/** To the microsecond: it identifies a request. */
function epoch(time: number): number {
  return Math.round((performance.timeOrigin + time) * 1000) / 1000
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100
}
