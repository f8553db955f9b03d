/**
 * How a piece of work ended, as far as its limit should learn from it; `failed`: by a fault of its
 * own; `aborted`: its caller had left; `abandoned`: it did not, and is not waited for any more.
 */
export type Outcome = 'succeeded' | 'dropped' | 'failed' | 'aborted' | 'ignored' | 'abandoned'

/** What a token needs of the limiter it came from. */
export interface TokenOwner {
  /** Who lends the permits, where that is not the limiter. */
  readonly lender?: object | undefined
  /**
   * @param run milliseconds that the work took; undefined: since the token's grant
   * @param inFlight how many were in flight when it began, itself included
   */
  end(token: Token, outcome: Outcome, run: number | undefined, inFlight: number): void
}

/**
 * The right to do one piece of work, which also reports how it ended. The first of its calls wins,
 * the rest do nothing. If the limit algorithm throws, the slot has returned when the error surfaces.
 */
export class Token implements Disposable {
  /** When it was granted, by the limiter's clock; 0 under a fixed limit. */
  readonly startTime: number
  /** How many were in flight then, itself included. */
  readonly inFlight: number
  /** For whoever holds several: the one it took before this. @internal */
  before: Token | undefined
  #owner: TokenOwner | undefined

  private constructor(owner: TokenOwner, startTime: number, inFlight: number) {
    this.#owner = owner
    this.startTime = startTime
    this.inFlight = inFlight
  }

  /** @internal Tokens come from a limiter. */
  static of(owner: TokenOwner, startTime: number, inFlight: number): Token {
    return new Token(owner, startTime, inFlight)
  }

  /** The work was done: its duration is a sample. */
  succeed(): void {
    this.end('succeeded')
  }

  /** The work was refused or timed out downstream: a sample that tells the limit to back off. */
  drop(): void {
    this.end('dropped')
  }

  /** The work says nothing about capacity (its caller left, its input was bad): no sample. */
  ignore(): void {
    this.end('ignored')
  }

  [Symbol.dispose](): void {
    this.end('ignored')
  }

  /** Of its permit, until it ends. @internal */
  get lender(): object | undefined {
    return this.#owner?.lender
  }

  /**
   * @param run milliseconds that the work took, where that is not all the time since the grant
   * @param inFlight 1 where something else bounded it: its sample is no reason to raise the limit
   * @internal
   */
  end(outcome: Outcome, run?: number, inFlight: number = this.inFlight): void {
    const owner = this.#owner
    if (owner === undefined) return
    this.#owner = undefined
    owner.end(this, outcome, run, inFlight)
  }
}
