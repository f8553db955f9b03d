/** What becomes of the tokens that a request holds, linked from the widest scope's, and what they teach. */
import type { Outcome, Token } from '../../core/limiter/token.js'

/** Milliseconds that a body may take to be sent, whatever came before it. */
const SHORT_BODY = 10

/** @param work milliseconds until the answer was ready @param body milliseconds from there to its end */
export function outcomeOf(status: number, work: number, body: number): Outcome {
  if (status === 503 || status === 504) return 'dropped'
  if (status >= 500) return 'failed'
  // A stream, a hijacked response or a slow reader says nothing of what the service can do.
  return body <= Math.max(work, SHORT_BODY) ? 'succeeded' : 'ignored'
}

/** What came until now was no work. */
export function beginAnew(widest: Token | undefined): void {
  const now = performance.now()
  for (let token = widest; token !== undefined; token = token.before) token.beginAnew(now)
}

/** They were held while their request waited for a wider limit. */
export function haveWaited(widest: Token | undefined): void {
  if (widest === undefined) return
  for (let token: Token | undefined = widest; token; token = token.before) token.countAlone()
  beginAnew(widest)
}

/**
 * Each of them ends, even if the limit of one throws at its sample.
 * @param lag milliseconds of waiting for the event loop, which are part of what the work took
 */
export function endAll(
  widest: Token | undefined,
  outcome: Outcome,
  lag: number,
  onError: (error: unknown) => void,
): void {
  for (let token = widest; token !== undefined; token = token.before) {
    try {
      if (lag > 0) token.beganEarlier(lag)
      token.end(outcome)
    } catch (error) {
      onError(error)
    }
  }
}
