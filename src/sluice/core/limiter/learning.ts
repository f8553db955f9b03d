/**
 * What a limiter learns from the work that it let through: the limit, if that is found by an
 * algorithm, and how long a run takes at least, once anybody has a deadline. A fixed limit without
 * deadlines learns only how fast its queue moves, and reads the clock for none that need not wait.
 */
import { checkInteger, show, wrongType } from '../check.js'
import { type Clock, systemClock } from '../clock.js'
import { AutoLimit } from '../limits/auto.js'
import { claim, disclaim } from '../limits/claim.js'
import { FixedLimit } from '../limits/fixed.js'
import { type LimitAlgorithm, readLimit } from '../limits/limit.js'
import { processStops } from '../loop/stops.js'
import type { Waiter } from '../queue/waiter.js'
import { Patience } from '../shedding/patience.js'
import { ShortestRun } from '../shedding/shortest-run.js'
import type { Outcome, Token } from './token.js'

/** Milliseconds that a burst may last before a limit that is meant for the load that there usually is. */
const BURST = 500

export class Learning {
  /** An integer >= 1. */
  limit: number
  /** The limit finds itself. */
  readonly adapts: boolean
  /** What it learns of is also the wait for the event loop. */
  readonly feelsLoop: boolean
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
    this.feelsLoop = this.adapts && !(algorithm instanceof AutoLimit)
    if (!bounded) this.#patience = new Patience(this.feelsLoop ? undefined : BURST)
    if (this.adapts) claim(algorithm)
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

  /**
   * Work without a time by the clock is no sample, nor is any that a stop of the process was part of.
   * The parameters are those of `TokenOwner.end`.
   */
  end(token: Token, outcome: Outcome, run: number | undefined, inFlight: number): void {
    if (outcome === 'ignored' || outcome === 'abandoned') return
    if (!(this.adapts || this.#runs !== undefined)) return
    const now = this.#clock()
    const startTime = run === undefined ? token.startTime : now - run
    const rtt = now - startTime
    if (rtt <= 0 || (this.#clock === systemClock && processStops.spans(startTime, now))) return
    const succeeded = outcome === 'succeeded'
    if (startTime > 0) {
      if (succeeded) this.#runs?.record(rtt, now)
      // Work goes on when its caller has left.
      if (this.adapts && (succeeded || outcome === 'aborted')) {
        this.#patience?.learn(this.#algorithm.usualRtt ?? rtt, now)
      }
    }
    if (!this.adapts) return
    const dropped = outcome === 'dropped'
    const sample = { startTime, rtt, inFlight, dropped }
    if (succeeded || dropped) this.#algorithm.onSample(sample)
    else if (this.#algorithm.learnsFromLosses !== true) return
    else if (outcome === 'failed') this.#algorithm.onSample({ ...sample, failed: true })
    else this.#algorithm.onSample({ ...sample, censored: true })
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
