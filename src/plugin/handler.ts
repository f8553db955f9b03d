/**
 * Tells a request when its handler begins and settles. A request that is over before its handler
 * begins has given its permits back, so the handler does not run. Where a limit learns it is told, by
 * hooks, what of its time was its own.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify'
import type { ActiveRequest } from './active-request.js'
import type { ReleaseOn } from './types.js'

export function watchHandler(
  handler: RouteHandlerMethod,
  releaseOn: ReleaseOn,
): RouteHandlerMethod {
  return function (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply): unknown {
    const active = request.concurrency as ActiveRequest
    if (active.closed) {
      reply.hijack()
      return undefined
    }
    active.handlerStarted(releaseOn)
    let result: unknown
    try {
      result = handler.call(this, request, reply)
    } catch (error) {
      active.handlerSettled()
      throw error
    }
    // A reply is a thenable of its own, which waits for the response; the request does so anyway.
    if (result === reply || typeof (result as PromiseLike<unknown>)?.then !== 'function') {
      active.handlerSettled()
      return result
    }
    return (result as PromiseLike<unknown>).then(
      (value) => {
        active.handlerSettled()
        // The deadline has been answered: what comes after it goes nowhere.
        return active.expired ? undefined : value
      },
      (error) => {
        active.handlerSettled()
        if (!active.expired) throw error
      },
    )
  }
}

/** A `preValidation` hook: how long a client takes to send its body says nothing of the service. */
export function bodyRead(request: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  if (request.body !== undefined) activeOf(request)?.workBegins()
  done()
}

/** An `onSend` hook. */
export function answerReady(
  request: FastifyRequest,
  _reply: FastifyReply,
  _payload: unknown,
  done: () => void,
): void {
  activeOf(request)?.answerReady()
  done()
}

/** An earlier hook may have answered before the plugin saw the request. */
function activeOf(request: FastifyRequest): ActiveRequest | null {
  return request.concurrency as ActiveRequest | null
}
