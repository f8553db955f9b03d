/**
 * Tells a request when its handler begins and settles. A request that is over, or answered, before
 * its handler begins does not reach it. What a handler returns is promise-like: its `then` may throw,
 * return nothing, or call back twice.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ActiveRequest } from './active-request.js'
import { hasBody } from './linger.js'
import { isPromiseLike } from './promise-like.js'

type Handler = (...given: never[]) => unknown

/** Other plugins call a handler with arguments of their own; its request is among them, or it has none. */
export function watchHandler<H extends Handler>(handler: H): H {
  const watched = function (this: unknown, ...given: never[]): unknown {
    const active = activeAmong(given)
    // The not-found handler, called for an answer in the work's place, is no work of its own.
    if (active === undefined || (active.isReplaced && given.includes(active.standIn as never))) {
      return handler.apply(this, given)
    }
    const work = mayHaveLeft(active) ? runLater : run
    return work(active, handler, this, given)
  }
  return watched as H
}

function run(active: ActiveRequest, handler: Handler, self: unknown, given: never[]): unknown {
  if (!active.handlerBegins()) return undefined
  let result: unknown
  let promise: Promise<unknown> | undefined
  try {
    result = handler.apply(self, given)
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
      const dropped = active.isReplaced
      const later = dropped
        ? active.awaited && value === undefined
        : active.awaited || value !== undefined
      active.handlerSettled(later)
      if (dropped) return undefined
      // Fastify would send nothing in place of the answer that is on its way.
      return value === undefined && isOnItsWay(active) ? active.reply : value
    },
    (error) => {
      const dropped = active.isReplaced
      active.handlerSettled(!(dropped || active.reply.sent))
      if (dropped) return undefined
      if (isOnItsWay(active)) return throwBehind(active.reply, error)
      throw error
    },
  )
}

/** Node does not read on while a body waits, and the client's leaving lies behind it. */
function mayHaveLeft({ waited, reply }: ActiveRequest): boolean {
  return waited > 0 && hasBody(reply.request.raw)
}

/** One reads the body's end, the next one that of the connection; then its events are told. */
const TURNS = 3

async function runLater(...work: Parameters<typeof run>): Promise<unknown> {
  const [active] = work
  for (let turn = 0; turn < TURNS && !active.closed; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  const result = run(...work)
  // A handler that returns nothing answers later; in a promise, nothing is an answer.
  return result === undefined && active.handled ? active.reply : result
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

/** Its `onSend` hooks are at work. */
function isOnItsWay({ sending, isHijacked, response }: ActiveRequest): boolean {
  return sending && !(isHijacked || response.writableEnded)
}

/** Where there was an answer, Fastify logs the error. */
function throwBehind(reply: FastifyReply, error: unknown): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(error)
    reply.then(fail, fail)
  })
}
