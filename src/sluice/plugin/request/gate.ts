/** What the plugin does with each request: counts it, and lets it through its limiters or not. */
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { checkNumber, show } from '../../core/check.js'
import { DeadlineError } from '../../core/errors.js'
import type { Concurrency } from '../concurrency.js'
import { endBehind, type Fate, fateOf, isPipelined } from '../connections/pipelining.js'
import { loopGauge } from '../loop-gauge.js'
import type { Settings } from '../options.js'
import { keptKey } from '../routes/key-text.js'
import type { Route } from '../routes/route.js'
import type { Routes } from '../routes/routes.js'
import { ActiveRequest } from './active-request.js'
import { takeFree, waitInLine } from './admission.js'
import type { Admitting, Refusal } from './admitting.js'
import { activeOf } from './answer.js'
import { Rejector } from './rejection.js'
import { isGone } from './response-end.js'
import { tellWait } from './server-timing.js'

type Done = (error?: Error) => void

/** Pipelined requests before one limiter that wait for others of their connections. */
const MOST_OUTSIDE = 1000

export class Gate {
  readonly #concurrency: Concurrency
  readonly #routes: Routes
  readonly #settings: Settings
  readonly #rejector: Rejector

  constructor(concurrency: Concurrency, routes: Routes, settings: Settings) {
    this.#concurrency = concurrency
    this.#routes = routes
    this.#settings = settings
    this.#rejector = new Rejector(settings.reject)
  }

  /** The `onRequest` hook: every request is seen here, and admitted here unless later. */
  readonly onRequest = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    const { raw } = request
    const { shutdown, traffic, active: list, pressure, stalls } = this.#concurrency
    let route: Route
    try {
      route = this.#routes.of(request)
    } catch (error) {
      return done(error as Error)
    }
    const counts = route.traffic(request.method)
    // An earlier hook may have let the client go; a request that is never continued is collected.
    if (isGone(raw)) return traffic.countGone(counts)
    const fate = isPipelined(reply.raw, raw) ? this.#fateOf(route, raw) : 'welcome'
    if (fate === 'ignored') return traffic.countGone(counts)
    const active = new ActiveRequest(list, counts, route, reply)
    request.concurrency = active
    stalls.begin()
    if (shutdown.started) shutdown.closeBehind(active)
    if (fate !== 'welcome') {
      if (fate === 'last') endBehind(raw.socket, reply.raw)
      return this.#refuseOutside(route, active, 'queue_full')
    }
    if (route.exempt) return done()
    pressure?.arrived()
    if (route.learns) loopGauge.ask(active.startedAt)
    if (route.feelsLoop) active.lag = pressure?.age(active.startedAt) ?? 0
    if (shutdown.refusing) return this.#refuseOutside(route, active, 'closed')
    if (route.timeout !== undefined) {
      active.dueAt = active.startedAt + route.timeout
      active.deadline = setTimeout(() => this.#expire(route, active), route.timeout)
    }
    if (this.#settings.hook === 'preHandler') done()
    else this.#enter(route, active, done)
  }

  /**
   * The `preHandler` hook, where the options ask for it: the last of a route's own, so that it comes
   * behind authentication; of what the plugin cannot see being declared, the scope's.
   */
  readonly preHandler = (request: FastifyRequest, _reply: FastifyReply, done: Done): void => {
    const active = activeOf(request)
    // An earlier hook called the not-found handler before the plugin, or behind its admission.
    // So may the error handler of an answer in the work's place, or of a refusal.
    if (active === null || active.working || active.isReplaced || active.refusal) return done()
    const route = this.#routes.of(request)
    if (route.exempt) done()
    else this.#enter(route, active, done)
  }

  /**
   * A `preValidation` hook: the body has been read. How long a client took to send it says nothing of
   * the service; and where it took so long that its permits went to others, it is admitted again.
   */
  readonly behindBody = (request: FastifyRequest, _reply: FastifyReply, done: Done): void => {
    const active = activeOf(request)
    if (active === null) return done()
    if (active.hasLent) {
      active.hasLent = false
      return this.#enter(this.#routes.of(request), active, done)
    }
    if (active.rules.learns && request.body !== undefined) active.workBegins()
    done()
  }

  /** The same for a scope. */
  readonly scopePreHandler = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    if (this.#routes.of(request).isWatched) done()
    else this.preHandler(request, reply, done)
  }

  #enter(route: Route, active: ActiveRequest, done: Done): void {
    if (route.limiters.length === 0 && this.#settings.keyed === undefined) return done()
    if (active.closed || active.isReplaced) return
    if (isPipelined(active.response, active.request.raw)) {
      const widest = this.#widestOf(route) as Admitting
      this.#concurrency.stalls.hurry()
      active.whenSendable(widest, () => this.#admit(route, active, done))
    } else this.#admit(route, active, done)
  }

  #admit(route: Route, active: ActiveRequest, done: Done): void {
    const { request } = active
    let limiters: readonly Admitting[] | undefined
    let priority: number
    try {
      priority = this.#priorityOf(route, request)
      limiters = this.#limitersOf(route, request)
    } catch (error) {
      return done(error as Error)
    }
    if (limiters === undefined) return this.#refuse(active, 'queue_full', this.#settings)
    if (takeFree(active, limiters, priority)) {
      active.working = true
      return done()
    }
    this.#concurrency.stalls.hurry()
    waitInLine(
      active,
      limiters,
      priority,
      () => {
        tellWait(active)
        active.working = true
        done()
      },
      (reason, limiter) => this.#refuse(active, reason, limiter),
    )
  }

  /** Of one more on its connection; many connections together wait no more than a queue has places. */
  #fateOf(route: Route, { socket }: IncomingMessage): Fate {
    const fate = fateOf(socket, this.#settings.perConnection)
    const { outside = 0 } = this.#widestOf(route) ?? {}
    return fate === 'welcome' && outside >= MOST_OUTSIDE ? 'last' : fate
  }

  #widestOf(route: Route): Pick<Admitting, 'outside'> | undefined {
    return route.widest ?? this.#settings.keyed?.limiters
  }

  #priorityOf(route: Route, request: FastifyRequest): number {
    if (route.priority === undefined) return 0
    const priority = route.priority(request)
    checkNumber('priority', priority)
    return priority
  }

  /** With the key's limiter before the route's; undefined when the table of keys has no place. */
  #limitersOf(route: Route, request: FastifyRequest): readonly Admitting[] | undefined {
    const { keyed } = this.#settings
    if (keyed === undefined) return route.limiters
    const given = keyed.by(request)
    if (typeof given !== 'string') throw new TypeError(`key: got ${show(given)}, takes a string`)
    const key = keptKey(given)
    const limiter = keyed.limiters.take(key)
    if (limiter === undefined) return undefined
    const active = request.concurrency as ActiveRequest
    // `callNotFound` brings a request here again, with `preHandler`.
    active.onReleased?.()
    active.onReleased = () => keyed.limiters.settle(key)
    return [limiter, ...route.limiters]
  }

  #refuse(active: ActiveRequest, reason: Refusal, where: object, status?: 503 | 504): void {
    active.refusal = reason
    if (active.waited > 0 && !active.working) tellWait(active)
    this.#rejector.send(active, reason, where, status)
  }

  /** A refusal that no queue made: it is counted where it would have been. */
  #refuseOutside(route: Route, active: ActiveRequest, reason: Refusal): void {
    const widest = route.widest ?? this.#settings.keyed?.limiters
    widest?.countRejected(reason)
    this.#refuse(active, reason, this.#concurrency)
  }

  /**
   * 503 while it has not reached its handler, 504 once it has; a stream that began is cut. An answer
   * that has begun goes out, and so does what a hijacked response says.
   */
  #expire(route: Route, active: ActiveRequest): void {
    const { response } = active
    if (active.closed || response.writableEnded) return
    active.abort(new DeadlineError())
    // Who listens to its signal may have answered.
    if (response.writableEnded) return
    if (active.waiter !== undefined) active.waiter.cancel('deadline', undefined)
    else if (response.headersSent) active.cut()
    else if (active.isHijacked || active.sending || active.isReplaced) return
    else if (active.handled) this.#refuse(active, 'deadline', this.#concurrency, 504)
    else this.#refuseOutside(route, active, 'deadline')
  }
}
