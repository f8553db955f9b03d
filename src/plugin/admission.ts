/**
 * Takes a request through its limiters one after the other, narrowest first and the app's last, so
 * that nobody holds a wide token while it waits for a narrow one.
 */
import type { Limiter, RejectReason } from '../core/limiter.js'
import type { Token } from '../core/token.js'
import type { ActiveRequest } from './active-request.js'
import type { Answerable } from './rejection.js'

/**
 * Exactly one of the two is called, unless the client leaves first: then neither is, so that a
 * request whose client left while queued never goes on.
 */
export function admit(
  request: ActiveRequest,
  limiters: readonly Limiter[],
  admitted: () => void,
  rejected: (reason: Answerable, limiter: Limiter) => void,
): void {
  const tokens: Token[] = []
  request.tokens = tokens
  next()

  function next(): void {
    while (tokens.length < limiters.length) {
      const limiter = limiters[tokens.length] as Limiter
      const token = limiter.tryAcquire()
      if (token === undefined) return wait(limiter)
      tokens.push(token)
    }
    admitted()
  }

  function wait(limiter: Limiter): void {
    const waiter = limiter.wait(0)
    if (typeof waiter === 'string') return refuse(waiter, limiter)
    request.waiter = waiter
    waiter.promise.then(
      (token) => {
        request.waiter = undefined
        if (request.closed) return token.ignore()
        tokens.push(token)
        next()
      },
      () => {
        request.waiter = undefined
        if (!request.closed && waiter.cancelled !== undefined) refuse(waiter.cancelled, limiter)
      },
    )
  }

  function refuse(reason: RejectReason, limiter: Limiter): void {
    if (reason === 'aborted') return
    request.rejected = true
    request.releaseEarly()
    rejected(reason, limiter)
  }
}
