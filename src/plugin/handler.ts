/**
 * Tells a request when its handler begins and settles. A request that is over, or answered, before
 * its handler begins does not reach it. What a handler returns is promise-like: its `then` may throw,
 * return nothing, or call back twice.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ActiveRequest } from './active-request.js'
import { activeOf } from './answer.js'
import { isPromiseLike } from './promise-like.js'

type Handler = (...given: never[]) => unknown

/** Other plugins call a handler with arguments of their own; its request is among them, or it has none. */
export function watchHandler<H extends Handler>(handler: H): H {
  const watched = function (this: unknown, ...given: never[]): unknown {
    const active = activeAmong(given)
    if (active === undefined) return handler.apply(this, given)
    if (!active.handlerBegins()) return undefined
    let result: unknown
    let promise: Promise<unknown> | undefined
    try {
      result = handler.apply(this, given)
      promise = promiseOf(result, active.reply)
    } catch (error) {
      active.handlerSettled(true)
      throw error
    }
    if (promise === undefined) {
      active.handlerSettled(true)
      return result
    }
    return promise.then(
      (value) => {
        // What comes after an answer that was given in its place goes nowhere.
        const dropped = active.answeredFor
        active.handlerSettled(!dropped && (active.awaited || value !== undefined))
        return dropped ? undefined : value
      },
      (error) => {
        const dropped = active.answeredFor
        active.handlerSettled(!(dropped || active.reply.sent))
        if (!dropped) throw error
      },
    )
  }
  return watched as H
}

/** A reply is a thenable of its own, which waits for the response; the request does so anyway. */
function promiseOf(result: unknown, reply: FastifyReply): Promise<unknown> | undefined {
  if (result === reply || !isPromiseLike(result)) return undefined
  if (result instanceof Promise && result.then === Promise.prototype.then) return result
  return new Promise((resolve) => resolve(result))
}

function activeAmong(given: readonly unknown[]): ActiveRequest | undefined {
  for (const value of given) {
    const active = (value as Partial<FastifyRequest> | undefined)?.concurrency
    if (active instanceof ActiveRequest) return active
  }
  return undefined
}

/** A `preValidation` hook: how long a client takes to send its body says nothing of the service. */
export function bodyRead(request: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  if (request.body !== undefined) activeOf(request)?.workBegins()
  done()
}
