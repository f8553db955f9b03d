/**
 * One request, one answer. `reply.sent` is true when an answer has been sent; between its beginning
 * and that lie the `onSend` hooks, which may take long. Fastify lets a second answer begin there, and
 * the process dies when both are written. Here each reply of the scope knows when its answer begins,
 * by whomever, and what comes after an answer that was given in the work's place goes nowhere.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ActiveRequest } from './active-request.js'
import { mayLinger } from './linger.js'

/** Fastify's own answer in the work's place, after a route's `handlerTimeout`. */
const HANDLER_TIMEOUT = 'FST_ERR_HANDLER_TIMEOUT'

/** What describes the answer that a handler had in mind. */
const REPRESENTATION = `accept-ranges cache-control content-disposition content-encoding
  content-language content-length content-range content-type etag expires last-modified location
  trailer`.split(/\s+/)

type Reply = FastifyReply & PromiseLike<unknown>

/** Null where an earlier hook answered before the plugin saw the request. */
export function activeOf(request: FastifyRequest): ActiveRequest | null {
  return request.concurrency as ActiveRequest | null
}

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
    if (active.answeredFor) {
      active.workOver()
      return this
    }
    if (isHandlerTimeout(payload) && !active.timedOut) {
      // The answer that has begun is the one.
      if (active.sending) return this
      active.timedOut = true
    }
    // Fastify leaves it at that as well.
    if (this.raw.writableEnded) active.workOver()
    mayLinger(this.request.raw, this.raw)
    active.answerBegins(isStream(payload))
    baseOf(this).send.call(this, payload)
    return this
  }

  function hijack(this: Reply): FastifyReply {
    const active = activeOf(this.request)
    if (active?.answeredFor) active.workOver()
    else {
      baseOf(this).hijack.call(this)
      active?.hijack()
    }
    return this
  }

  function then(this: Reply, ...callbacks: Parameters<Reply['then']>): unknown {
    const active = activeOf(this.request)
    if (active !== null) active.awaited = true
    return baseOf(this).then.call(this, ...callbacks)
  }

  app.decorateReply('send', send as never)
  app.decorateReply('hijack', hijack as never)
  app.decorateReply('then', then as never)
  app.addHook('onError', (request, _reply, _error, done) => {
    // The answer in the work's place failed in a hook: what the error handler says is let through.
    const active = activeOf(request)
    if (active !== null) active.answeredFor = false
    done()
  })
}

/**
 * From now on the answer is given in place of whoever works on the request. Between this and
 * `sendAnswer` lies what makes the answer.
 */
export function answerFor(active: ActiveRequest): void {
  const { reply, response } = active
  active.answeredFor = true
  active.sending = true
  if (!active.handled) return
  for (const name of REPRESENTATION) {
    reply.removeHeader(name)
    response.removeHeader(name)
  }
}

export function sendAnswer(active: ActiveRequest, payload: unknown): void {
  const { reply, handled } = active
  active.answeredFor = false
  if (handled) keepAnswer(reply)
  try {
    reply.send(payload)
  } finally {
    active.answeredFor = true
  }
}

function isHandlerTimeout(payload: unknown): boolean {
  return payload instanceof Error && (payload as NodeJS.ErrnoException).code === HANDLER_TIMEOUT
}

function isStream(payload: unknown): boolean {
  if (typeof payload !== 'object' || payload === null) return false
  const { pipe, getReader } = payload as { pipe?: unknown; getReader?: unknown }
  return (
    typeof pipe === 'function' || typeof getReader === 'function' || payload instanceof Response
  )
}

function shadowedBy(method: unknown, reply: Reply): Reply {
  let found: Reply = Object.getPrototypeOf(reply)
  while (found.send === method) found = Object.getPrototypeOf(found)
  return found
}

/** The handler goes on, and may still say what its answer would have been. */
function keepAnswer(reply: FastifyReply): void {
  const { raw, statusCode } = reply
  const { header } = reply
  const same = (): FastifyReply => reply
  Object.assign(reply, {
    code: same,
    status: same,
    type: same,
    serializer: same,
    redirect: same,
    header: (name: string, value?: unknown) =>
      name.toLowerCase() === 'content-type' ? reply : header.call(reply, name, value),
  })
  const { writeHead } = raw
  raw.writeHead = ((_status: number, ...rest: []) =>
    // It wrote past Fastify, and there can't be two answers.
    raw.headersSent
      ? raw.destroy()
      : writeHead.call(raw, statusCode, ...rest)) as typeof raw.writeHead
}
