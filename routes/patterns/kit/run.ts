/** One request to a pattern: what it may wait for, and what it notes of what happened when. */
import { setMaxListeners } from 'node:events'
import { Clock } from './clock.js'

/** What every pattern answers. */
export interface Answer {
  pattern: string
  result: unknown
  elapsedMs: number
  timeline: readonly Moment[]
}

export interface Moment {
  /** Milliseconds since the start. */
  at: number
  event: string
}

/** A signal with an end of its own; disposed of, it stays quiet. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal
}

export class Run {
  /** Multiplies delays. */
  readonly timeScale: number
  /** Fires when the client leaves: whatever waits, waits for this too. */
  readonly signal: AbortSignal
  readonly timeline: Moment[] = []
  readonly #startedAt = performance.now()
  readonly #clock: Clock

  constructor(timeScale: number, signal: AbortSignal) {
    this.timeScale = timeScale
    this.signal = signal
    this.#clock = new Clock(timeScale)
    // As many as the pattern has tasks.
    setMaxListeners(0, signal)
  }

  note(event: string): void {
    this.timeline.push({ at: this.#elapsed(), event })
  }

  /** Milliseconds, scaled. Rejects with the signal's reason. */
  sleep(ms: number, signal: AbortSignal = this.signal): Promise<void> {
    return this.#clock.sleep(ms, signal)
  }

  /** See `Clock`. */
  outside<T>(work: Promise<T>): Promise<T> {
    return this.#clock.outside(work)
  }

  /** Fires after so many milliseconds, scaled, with a TimeoutError; or with the run's signal. */
  deadline(ms: number): Deadline {
    const late = new AbortController()
    const over = new AbortController()
    const signal = AbortSignal.any([this.signal, late.signal])
    setMaxListeners(0, signal)
    this.sleep(ms, AbortSignal.any([this.signal, over.signal])).then(
      () => late.abort(new DOMException('Timed out!', 'TimeoutError')),
      () => {},
    )
    return { signal, [Symbol.dispose]: () => over.abort() }
  }

  answer(pattern: string, result: unknown): Answer {
    return { pattern, result, elapsedMs: this.#elapsed(), timeline: this.timeline }
  }

  #elapsed(): number {
    return tenths(performance.now() - this.#startedAt)
  }
}

/** Milliseconds as people read them. */
export function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}
