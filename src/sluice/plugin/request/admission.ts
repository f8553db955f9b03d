/**
 * Takes a request through its limiters one after the other, narrowest first, the app's and then the
 * event loop's last, so that nobody holds a wide token while it waits for a narrow one.
 */
import type { RejectReason } from '../../core/limiter/limiter-account.js'
import type { ActiveRequest } from './active-request.js'
import type { Admitting, Refusal } from './admitting.js'

/** Takes what is free; true when that is all there is to take. The hot path: no closure, no wait. */
export function takeFree(
  request: ActiveRequest,
  limiters: readonly Admitting[],
  priority: number,
): boolean {
  while (request.held < limiters.length) {
    const token = (limiters[request.held] as Admitting).take(priority)
    if (token === undefined) return false
    request.take(token)
  }
  return true
}

/**
 * Goes on where `takeFree` found nothing free, and waits. Exactly one of the two is called, unless
 * the client leaves first: then neither is, so that a request whose client left while queued never
 * goes on.
 */
export function waitInLine(
  request: ActiveRequest,
  limiters: readonly Admitting[],
  priority: number,
  admitted: () => void,
  refused: (reason: Refusal, limiter: Admitting) => void,
): void {
  const limiter = limiters[request.held] as Admitting
  const waiter = limiter.wait(priority, request.dueAt)
  if (typeof waiter === 'string') return refuse(waiter)
  request.waitingSince = performance.now()
  request.waiter = waiter
  waiter.promise.then(
    (token) => {
      if (left()) return token.ignore()
      request.takeAfterWait(token, limiter.isLoop === true)
      if (takeFree(request, limiters, priority)) admitted()
      else waitInLine(request, limiters, priority, admitted, refused)
    },
    () => {
      if (!left() && waiter.cancelled !== undefined) refuse(waiter.cancelled)
    },
  )

  function left(): boolean {
    const waited = performance.now() - request.waitingSince
    request.waited += waited
    request.waiter = undefined
    if (limiter.isLoop && request.route.feelsLoop) request.lag += waited
    return request.closed
  }

  function refuse(reason: RejectReason): void {
    if (reason === 'aborted') return
    request.releaseEarly()
    refused(reason, limiter)
  }
}
