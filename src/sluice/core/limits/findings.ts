/** What an algorithm found when it judged last, so that a person can follow what it did. */

/**
 * Why a limit moved: nothing queues any more, or yet (`free`); work queues behind itself (`queueing`);
 * what is behind has room (`room`); in case there is some (`probe`); or what the work waits for is
 * something else, so that what it takes by now is usual (`elsewhere`).
 */
export type MoveCause = 'free' | 'queueing' | 'room' | 'probe' | 'elsewhere'

/** What a limit that finds itself saw when it judged last. */
export interface LimitFindings {
  /** Work queues, so that it is bounded; otherwise the limit floats far above what is in flight. */
  readonly bound: boolean
  /** Why it moved last; undefined before it did. */
  readonly cause: MoveCause | undefined
  /** How often it moved, by cause. */
  readonly moves: Readonly<Record<MoveCause, number>>
  /** Milliseconds that work takes without a wait, on average; 0 before that is known. */
  readonly usualMs: number
  /** Milliseconds that it waits for other work, behind the limit: in a pool, or downstream. */
  readonly behindMs: number
  /** Milliseconds that whatever is due waits for the event loop, on average. */
  readonly loopMs: number
  /** How many ended a second. */
  readonly throughput: number
}

/** A limit that finds itself, and what it found. */
export interface FoundLimit extends LimitFindings {
  /** The route, where each finds its own; otherwise the limiter. */
  readonly name: string
  /** How many may be in flight. */
  readonly limit: number
  /** How many are. */
  readonly inFlight: number
  /** How many wait. */
  readonly queued: number
}

/** As plain data, as of now. */
export function foundLimit(
  { name, limit, inFlight, queued }: Pick<FoundLimit, 'name' | 'limit' | 'inFlight' | 'queued'>,
  { bound, cause, moves, usualMs, behindMs, loopMs, throughput }: LimitFindings,
): FoundLimit {
  const told = { bound, cause, moves: { ...moves }, usualMs, behindMs, loopMs, throughput }
  return { name, limit, inFlight, queued, ...told }
}

/** The findings, kept from one judgement to the next. */
export class Findings implements LimitFindings {
  bound = false
  cause: MoveCause | undefined
  readonly moves: Record<MoveCause, number> = {
    free: 0,
    queueing: 0,
    room: 0,
    probe: 0,
    elsewhere: 0,
  }
  usualMs = 0
  behindMs = 0
  loopMs = 0
  throughput = 0

  /** The limit went from one to the other. What is less than one request is no move. */
  move(from: number, to: number, cause: MoveCause): void {
    if (Math.floor(from) === Math.floor(to)) return
    this.cause = cause
    this.moves[cause]++
  }
}
