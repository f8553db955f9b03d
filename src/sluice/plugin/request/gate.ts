/** What the plugin does with each request: counts it, and lets it through its limiters or not. */
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Concurrency } from '../concurrency.js'
import { endBehind, type Fate, fateOf, isPipelined } from '../connections/pipelining.js'
import { loopGauge } from '../loop-gauge.js'
import type { Settings } from '../options.js'
import type { Route } from '../routes/route.js'
import type { Routes } from '../routes/routes.js'
import { ActiveRequest, activeOf } from './active-request.js'
import { takeFree, waitInLine } from './admission.js'
import type { Admitting } from './admitting.js'
import { limitersOf, priorityOf } from './limiters-of.js'
import { Refusals } from './refusals.js'
import { isGone } from './response-end.js'
import { tellWait } from './server-timing.js'

type Done = (error?: Error) => void

/** Pipelined requests before one limiter that wait for others of their connections. */
const MOST_OUTSIDE = 1000

export class Gate {
  readonly #concurrency: Concurrency
  readonly #routes: Routes
  readonly #settings: Settings
  readonly #refusals: Refusals

  constructor(concurrency: Concurrency, routes: Routes, settings: Settings) {
    this.#concurrency = concurrency
    this.#routes = routes
    this.#settings = settings
    this.#refusals = new Refusals(settings.reject, concurrency)
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
    const pipelined = isPipelined(reply.raw, raw)
    const fate = pipelined ? this.#fateOf(route, raw) : 'welcome'
    if (fate === 'ignored') return traffic.countGone(counts)
    const active = new ActiveRequest(list, route, counts, reply, pipelined)
    request.concurrency = active
    stalls.begin()
    if (shutdown.started) shutdown.closeBehind(active)
    if (fate !== 'welcome') {
      if (fate === 'last') endBehind(raw.socket, reply.raw)
      return this.#refusals.refuseOutside(active, 'queue_full')
    }
    if (route.exempt) return done()
    pressure?.arrived()
    if (route.learns) loopGauge.ask(active.startedAt)
    if (route.feelsLoop) active.lag = pressure?.age(active.startedAt) ?? 0
    if (shutdown.refusing) return this.#refusals.refuseOutside(active, 'closed')
    if (route.timeout !== undefined) this.#refusals.expireAfter(route.timeout, active)
    if (this.#settings.hook === 'preHandler') done()
    else this.#enter(active, done)
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
    active.route = this.#routeOf(active)
    if (active.route.exempt) done()
    else this.#enter(active, done)
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
      return this.#enter(active, done)
    }
    if (active.route.learns && request.body !== undefined) active.workBegins()
    done()
  }

  /** The same for a scope. */
  readonly scopePreHandler = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    const active = activeOf(request)
    if (active === null || this.#routeOf(active).isWatched) done()
    else this.preHandler(request, reply, done)
  }

  /** An earlier hook may have called the not-found handler. */
  #routeOf({ passedOn, request, route }: ActiveRequest): Route {
    return passedOn ? this.#routes.of(request) : route
  }

  #enter(active: ActiveRequest, done: Done): void {
    const { widest } = active.route
    if (widest === undefined) return done()
    if (active.closed || active.isReplaced) return
    if (active.pipelined && isPipelined(active.response, active.request.raw)) {
      this.#concurrency.stalls.hurry()
      active.whenSendable(widest, () => this.#admit(active, done))
    } else this.#admit(active, done)
  }

  #admit(active: ActiveRequest, done: Done): void {
    let limiters: readonly Admitting[] | undefined
    let priority: number
    try {
      priority = priorityOf(active)
      limiters = limitersOf(active, this.#settings.keyed)
    } catch (error) {
      return done(error as Error)
    }
    if (limiters === undefined) return this.#refusals.refuse(active, 'queue_full', this.#settings)
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
      (reason, limiter) => this.#refusals.refuse(active, reason, limiter),
    )
  }

  /** Of one more on its connection; many connections together wait no more than a queue has places. */
  #fateOf({ widest }: Route, { socket }: IncomingMessage): Fate {
    const fate = fateOf(socket, this.#settings.perConnection)
    const { outside = 0 } = widest ?? {}
    return fate === 'welcome' && outside >= MOST_OUTSIDE ? 'last' : fate
  }
}
