/** What the plugin does with each request: counts it, and lets it through its limiters or not. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { checkNumber, show } from '../core/check.js'
import { DeadlineError } from '../core/errors.js'
import { ActiveRequest } from './active-request.js'
import { type Admitting, type Refusal, takeFree, waitInLine } from './admission.js'
import type { Concurrency } from './concurrency.js'
import type { Settings } from './options.js'
import { isPipelined } from './pipelining.js'
import { Rejector } from './rejection.js'
import type { Route, Routes } from './routes.js'

type Done = (error?: Error) => void

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
    const { shutdown, traffic, active: list, pressure } = this.#concurrency
    let route: Route
    try {
      route = this.#routes.of(request)
    } catch (error) {
      return done(error as Error)
    }
    const counts = route.traffic(request.method)
    // An earlier hook may have let the client go; a request that is never continued is collected.
    if (raw.aborted || raw.socket.destroyed) return traffic.countGone(counts)
    const active = new ActiveRequest(list, counts, request, reply.raw)
    request.concurrency = active
    if (shutdown.started) active.closeBehind()
    if (route.exempt) return done()
    if (pressure !== undefined) active.lag = pressure.age(active.startedAt)
    if (shutdown.refusing) return this.#refuseOutside(route, request, reply, 'closed')
    if (route.timeout !== undefined) {
      active.dueAt = active.startedAt + route.timeout
      active.deadline = setTimeout(() => this.#expire(route, request, reply), route.timeout)
    }
    if (this.#settings.hook === 'preHandler') done()
    else this.#enter(route, request, reply, done)
  }

  /** The `preHandler` hook, where the options ask for it. */
  readonly preHandler = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    const route = this.#routes.of(request)
    if (route.exempt) done()
    else this.#enter(route, request, reply, done)
  }

  #enter(route: Route, request: FastifyRequest, reply: FastifyReply, done: Done): void {
    if (route.limiters.length === 0 && this.#settings.keyed === undefined) return done()
    const active = request.concurrency as ActiveRequest
    if (active.closed) return
    if (isPipelined(active.response)) {
      active.whenSendable(() => this.#admit(route, request, reply, done))
    } else {
      this.#admit(route, request, reply, done)
    }
  }

  #admit(route: Route, request: FastifyRequest, reply: FastifyReply, done: Done): void {
    const active = request.concurrency as ActiveRequest
    let limiters: readonly Admitting[] | undefined
    let priority: number
    try {
      priority = this.#priorityOf(route, request)
      limiters = this.#limitersOf(route, request)
    } catch (error) {
      return done(error as Error)
    }
    if (limiters === undefined) return this.#refuse(request, reply, 'queue_full', this.#settings)
    if (takeFree(active, limiters, priority)) return done()
    waitInLine(
      active,
      limiters,
      priority,
      () => {
        reply.header('server-timing', queueTiming(active))
        done()
      },
      (reason, limiter) => this.#refuse(request, reply, reason, limiter),
    )
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
    const key = keyed.by(request)
    if (typeof key !== 'string') throw new TypeError(`key: got ${show(key)}, takes a string`)
    const limiter = keyed.limiters.take(key)
    if (limiter === undefined) return undefined
    const active = request.concurrency as ActiveRequest
    // `callNotFound` brings a request here again, with `preHandler`.
    active.onReleased?.()
    active.onReleased = () => keyed.limiters.settle(key)
    const { pressure } = this.#concurrency
    if (pressure === undefined) return [limiter, ...route.limiters]
    return [pressure, limiter, ...route.limiters.slice(1)]
  }

  #refuse(
    request: FastifyRequest,
    reply: FastifyReply,
    reason: Refusal,
    where: object,
    status?: 503 | 504,
  ): void {
    const active = request.concurrency as ActiveRequest
    active.refusal = reason
    if (active.waited > 0) reply.header('server-timing', queueTiming(active))
    this.#rejector.send(request, reply, reason, where, status)
  }

  /** A refusal that no queue made: it is counted where it would have been. */
  #refuseOutside(
    route: Route,
    request: FastifyRequest,
    reply: FastifyReply,
    reason: Refusal,
  ): void {
    route.limiters.at(-1)?.countRejected(reason)
    this.#refuse(request, reply, reason, this.#concurrency)
  }

  /** 503 while it has not reached its handler, 504 once it has; a stream that began is cut. */
  #expire(route: Route, request: FastifyRequest, reply: FastifyReply): void {
    const active = request.concurrency as ActiveRequest
    if (active.closed || active.response.writableEnded) return
    active.expired = true
    active.abort(new DeadlineError())
    if (active.waiter !== undefined) active.waiter.cancel('deadline', undefined)
    else if (active.response.headersSent) active.response.destroy()
    else if (!reply.sent) {
      if (active.handled) {
        return this.#refuse(request, reply, 'deadline', this.#concurrency, 504)
      }
      active.releaseEarly()
      this.#refuseOutside(route, request, reply, 'deadline')
    }
  }
}

/** RFC 8941's decimals: at most three digits behind the point. */
function queueTiming({ waited }: ActiveRequest): string {
  return `queue;dur=${waited.toFixed(1)}`
}
