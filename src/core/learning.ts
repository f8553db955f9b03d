/**
 * What a limiter learns from the work that it let through: the limit, if that is found by an
 * algorithm, and how long a run takes at least, once anybody has a deadline. A fixed limit without
 * deadlines learns only how fast its queue moves, and reads the clock for none that need not wait.
 */
import { checkInteger, show, wrongType } from './check.js'
import type { Clock } from './clock.js'
import { claim, disclaim } from './limits/claim.js'
import { FixedLimit } from './limits/fixed.js'
import { type LimitAlgorithm, readLimit } from './limits/limit.js'
import { Patience } from './patience.js'
import { ShortestRun } from './shortest-run.js'
import type { Outcome, Token } from './token.js'
import type { Waiter } from './waiter.js'

/** Milliseconds: who sets a limit by hand means it for the load that there usually is. */
const FIXED_BURST = 500

export class Learning {
  /** An integer >= 1. */
  limit: number
  /** The limit finds itself. */
  readonly adapts: boolean
  readonly #algorithm: LimitAlgorithm
  readonly #clock: Clock
  #runs: ShortestRun | undefined
  /** Of its queue, where that has no timeout of its own. */
  readonly #patience: Patience | undefined = undefined

  /**
   * @param bounded the queue has a timeout of its own.
   * @throws RangeError for an algorithm that learns for another limiter.
   */
  constructor(algorithm: LimitAlgorithm, clock: Clock, bounded: boolean) {
    this.#algorithm = algorithm
    this.#clock = clock
    this.limit = readLimit(algorithm)
    this.adapts = !(algorithm instanceof FixedLimit)
    if (this.adapts) claim(algorithm)
    if (!bounded) this.#patience = new Patience(this.adapts ? undefined : FIXED_BURST)
  }

  /** @throws TypeError where the limit finds itself, RangeError or TypeError for no integer >= 1. */
  set(limit: number): void {
    if (this.adapts) {
      throw wrongType('limit', show(limit), 'only what its algorithm finds')
    }
    checkInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER)
    this.limit = limit
  }

  /** When work began that begins now, as its token should say it: 0 if nobody will ask. */
  startTime(): number {
    return this.adapts || this.#runs !== undefined ? this.#clock() : 0
  }

  /** Work without a time by the clock is no sample. */
  end({ startTime, inFlight }: Token, outcome: Outcome): void {
    if (outcome === 'ignored' || outcome === 'abandoned') return
    if (!(this.adapts || this.#runs !== undefined)) return
    const now = this.#clock()
    const rtt = now - startTime
    if (rtt <= 0) return
    const dropped = outcome === 'dropped'
    if (!dropped && startTime > 0) {
      this.#runs?.record(rtt, now)
      if (this.adapts) this.#patience?.learn(rtt, now)
    }
    if (!this.adapts) return
    this.#algorithm.onSample({ startTime, rtt, inFlight, dropped })
    this.limit = readLimit(this.#algorithm)
  }

  /** From now on runs are timed. */
  expectDeadlines(): void {
    this.#runs ??= new ShortestRun()
  }

  /**
   * Why one whose turn has come is not to be started: not even the shortest of the recent runs would
   * end by its deadline, or it has waited too long. @param last there is nobody else
   */
  refusal(
    { deadline, since }: Pick<Waiter<Token>, 'deadline' | 'since'>,
    now: number,
    last: boolean,
  ): 'deadline' | 'queue_timeout' | undefined {
    if (deadline !== undefined && deadline - now < (this.#runs?.at(now) ?? 0)) return 'deadline'
    if (deadline === Number.POSITIVE_INFINITY) return undefined
    // After a pause all are too late: the last of them is as good as whoever comes next.
    const late = this.#patience?.isTooLate(now - since, now) === true && !last
    if (late) return 'queue_timeout'
    if (!this.adapts) this.#patience?.depart(since, now, this.limit)
    return undefined
  }

  /** One was let in without a wait. @param now as `startTime` said it */
  letIn(now: number): void {
    this.#patience?.letIn(now === 0 ? undefined : now)
  }

  /** Whether one that would join behind so many would wait too long. */
  isHopeless(ahead: number): boolean {
    return this.#patience?.wouldBeTooLate(ahead, this.limit) === true
  }

  close(): void {
    disclaim(this.#algorithm)
  }
}
