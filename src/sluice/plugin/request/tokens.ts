/** The tokens that a request holds, one for each limiter that it has passed, and what they teach. */
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

export abstract class TokenHolder {
  /** How many it holds. */
  held = 0
  /** Milliseconds of waiting for the event loop, as far as anybody knows: part of what work takes. */
  lag = 0
  /** The widest scope's, and linked behind it the narrower ones'. */
  protected token: Token | undefined
  /** When the work began, by `performance.now()`; 0 while no limiter asks for it. */
  private workSince = 0
  /** How many of them, the narrowest, it held while it waited for a wider limit. */
  private heldInWait = 0

  take(token: Token): void {
    token.before = this.token
    this.token = token
    this.held++
    if (token.startTime > 0) this.workSince = token.startTime
  }

  /** What it held meanwhile is no sample of its own limit, unless the wait was for the loop. */
  takeAfterWait(token: Token, forLoop: boolean): void {
    if (!forLoop) this.heldInWait = this.held
    this.take(token)
    this.workBegins()
  }

  /** What came until now was a wait, or its client's sending of a body. */
  workBegins(): void {
    if (this.held > 0) this.workSince = performance.now()
  }

  /** Whether one of them is of a permit of that lender's. */
  holdsOf(lender: object): boolean {
    for (let { token } = this; token !== undefined; token = token.before) {
      if (token.lender === lender) return true
    }
    return false
  }

  /** Gives back so many, the widest first: they learn nothing. */
  protected giveBack(count: number): void {
    for (let left = count; left > 0 && this.token !== undefined; left--) {
      const { token } = this
      this.token = token.before
      this.held--
      token.end('ignored')
    }
  }

  /** Each of them ends, even if the limit of one throws at its sample. */
  protected endAll(outcome: Outcome, onError: (error: unknown) => void): void {
    let { token, held } = this
    const { workSince, heldInWait } = this
    this.token = undefined
    this.held = this.workSince = this.heldInWait = 0
    const run = workSince > 0 ? performance.now() - workSince + this.lag : undefined
    for (; token !== undefined; token = token.before, held--) {
      try {
        token.end(outcome, run, held > heldInWait ? undefined : 1)
      } catch (error) {
        onError(error)
      }
    }
  }
}
