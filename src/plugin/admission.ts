/**
 * Takes a request through its limiters one after the other, narrowest first and the app's last, so
 * that nobody holds a wide token while it waits for a narrow one.
 */
import type { Limiter } from '../core/limiter.js'
import type { RejectReason } from '../core/limiter-account.js'
import type { Token } from '../core/token.js'
import type { ActiveRequest } from './active-request.js'

/** Nobody is there to be told of an abort. */
export type Refusal = Exclude<RejectReason, 'aborted'>

/**
 * Exactly one of the two is called, unless the client leaves first: then neither is, so that a
 * request whose client left while queued never goes on.
 */
export function admit(
  request: ActiveRequest,
  limiters: readonly Limiter[],
  priority: number,
  admitted: () => void,
  refused: (reason: Refusal, limiter: Limiter) => void,
): void {
  const tokens: Token[] = []
  const options = priority === 0 ? undefined : { priority }
  request.tokens = tokens
  next()

  function next(): void {
    while (tokens.length < limiters.length) {
      const limiter = limiters[tokens.length] as Limiter
      const token = limiter.tryAcquire(options)
      if (token === undefined) return wait(limiter)
      tokens.push(token)
    }
    admitted()
  }

  function wait(limiter: Limiter): void {
    const waiter = limiter.wait(priority)
    if (typeof waiter === 'string') return refuse(waiter, limiter)
    const since = performance.now()
    const left = (): boolean => {
      request.waiter = undefined
      request.waited += performance.now() - since
      return request.closed
    }
    request.waiter = waiter
    waiter.promise.then(
      (token) => {
        if (left()) return token.ignore()
        tokens.push(token)
        next()
      },
      () => {
        if (!left() && waiter.cancelled !== undefined) refuse(waiter.cancelled, limiter)
      },
    )
  }

  function refuse(reason: RejectReason, limiter: Limiter): void {
    if (reason === 'aborted') return
    request.releaseEarly()
    refused(reason, limiter)
  }
}
