/**
 * One request, one answer. `reply.sent` is true when an answer has been sent; between its beginning
 * and that lie the `onSend` hooks, which may take long. Fastify lets a second answer begin there, and
 * the process dies when both are written. Here each reply of the scope knows when its answer begins,
 * by whomever. An answer in the place of whoever works on the request has a reply of its own, so that
 * what the work says by the other goes nowhere.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { type ActiveRequest, activeOf } from './active-request.js'
import { isUnread } from './aftermath.js'
import { mayLinger } from './linger.js'

/** Fastify's own answer in the work's place, after a route's `handlerTimeout`. */
const HANDLER_TIMEOUT = 'FST_ERR_HANDLER_TIMEOUT'

/** What describes the answer that a handler had in mind. */
const REPRESENTATION = `accept-ranges cache-control content-disposition content-encoding
  content-language content-length content-range content-type etag expires last-modified location
  trailer`.split(/\s+/)

/** What Fastify keeps in a reply behind symbols that it does not export. */
const TRAILERS = 'fastify.reply.trailers'
const IS_ERROR = 'fastify.reply.isError'

/** What the work may still say of its answer. */
const SAYING = [
  'code',
  'status',
  'header',
  'type',
  'serializer',
  'removeHeader',
  'trailer',
  'removeTrailer',
] as const

type Reply = FastifyReply & PromiseLike<unknown>

/**
 * For all replies of the scope and of those within it; to be called once, before any is made. A
 * reply's methods are in Fastify's prototype, which decorators shadow.
 */
export function watchAnswers(app: FastifyInstance): void {
  let base: Reply | undefined
  const baseOf = (reply: Reply): Reply => {
    base ??= shadowedBy(send, reply)
    return base
  }

  function send(this: Reply, payload?: unknown): FastifyReply {
    const active = activeOf(this.request)
    if (active === null) return baseOf(this).send.call(this, payload)
    if (isLate(active, this)) return this
    let reply: FastifyReply = this
    if (isHandlerTimeout(payload) && active.standIn === undefined) {
      // The answer that has begun is the one, and what it says is no error.
      if (active.sending) return set(this, IS_ERROR, false)
      reply = standIn(active, true)
    }
    // Fastify leaves it at that as well.
    if (this.raw.writableEnded) active.workOver()
    mayLinger(this.request.raw, this.raw)
    active.answerBegins(streamOf(payload))
    baseOf(this).send.call(reply, payload)
    return this
  }

  function hijack(this: Reply): FastifyReply {
    const active = activeOf(this.request)
    if (active !== null && isLate(active, this)) return this
    baseOf(this).hijack.call(this)
    active?.hijack()
    return this
  }

  function callNotFound(this: Reply): FastifyReply {
    const active = activeOf(this.request)
    if (active !== null && isLate(active, this)) return this
    active?.answerPassedOn()
    baseOf(this).callNotFound.call(this)
    return this
  }

  function then(this: Reply, ...[answered = () => {}, failed]: Parameters<Reply['then']>): unknown {
    const active = activeOf(this.request)
    if (active?.reply === this) active.awaited = true
    return baseOf(this).then.call(this, answered, failed)
  }

  app.decorateReply('send', send as never)
  app.decorateReply('hijack', hijack as never)
  app.decorateReply('callNotFound', callNotFound as never)
  app.decorateReply('then', then as never)
}

/**
 * A reply for an answer in place of whoever works on the request. A copy: to inherit from the other
 * would make that one slow.
 *
 * @param isBusy somebody does, and goes on with the reply that it has: that is `sent` from now on,
 * which keeps Fastify from its next step, and what is said by it is lost
 */
export function standIn(active: ActiveRequest, isBusy: boolean): FastifyReply {
  const { reply } = active
  if (isBusy) for (const name of REPRESENTATION) reply.removeHeader(name)
  const answer: FastifyReply = Object.assign(Object.create(Object.getPrototypeOf(reply)), reply)
  active.standIn = answer
  if (isBusy) {
    forget(answer)
    silence(active)
  }
  return answer
}

/** What the work had set in the reply, and no header tells of. */
function forget(answer: FastifyReply): void {
  answer.serializer(null as never)
  set(answer, TRAILERS, null)
}

function set(reply: FastifyReply, name: string, value: unknown): FastifyReply {
  const symbols = Object.getOwnPropertySymbols(reply)
  const symbol = symbols.find(({ description }) => description === name)
  return symbol === undefined ? reply : Object.assign(reply, { [symbol]: value })
}

function silence(active: ActiveRequest): void {
  const { reply, response } = active
  active.wasUnread = isUnread(reply.request.raw)
  const same = (): FastifyReply => reply
  for (const name of SAYING) Object.assign(reply, { [name]: same })
  Object.defineProperty(reply, 'sent', {
    get: () => {
      // Hooks are over when Fastify asks.
      if (!active.handled || active.passedOn) active.workOver()
      return true
    },
  })
  const { writeHead } = response
  response.writeHead = ((...given: Parameters<typeof writeHead>) => {
    if (!response.headersSent) return writeHead.apply(response, given)
    // It wrote past Fastify, and there can't be two answers.
    if (!response.writableEnded) response.destroy()
    response.end = () => response
    return response
  }) as typeof writeHead
}

/** An answer was given in its place: what the work says goes nowhere, and is its end. */
function isLate(active: ActiveRequest, reply: FastifyReply): boolean {
  if (active.standIn === undefined || active.standIn === reply) return false
  active.workOver()
  return true
}

function isHandlerTimeout(payload: unknown): boolean {
  return payload instanceof Error && (payload as NodeJS.ErrnoException).code === HANDLER_TIMEOUT
}

function streamOf(payload: unknown): object | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined
  const { pipe, getReader } = payload as { pipe?: unknown; getReader?: unknown }
  const streams =
    typeof pipe === 'function' || typeof getReader === 'function' || payload instanceof Response
  return streams ? payload : undefined
}

function shadowedBy(method: unknown, reply: Reply): Reply {
  let found: Reply = Object.getPrototypeOf(reply)
  while (found.send === method) found = Object.getPrototypeOf(found)
  return found
}
