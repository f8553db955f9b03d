/**
 * The time of one pattern. Its sleeps last what they say times the scale, never less, and end in the
 * order in which they are due, however late the event loop is: what the first to wake does then is
 * done before the next one wakes. At a scale of 0 nobody waits, and the order is the same.
 */
import { addAbortListener } from 'node:events'

interface Sleeper {
  readonly due: number
  wake(): void
}

export class Clock {
  readonly #scale: number
  /** By when they are due; those of one moment as they came. */
  readonly #sleepers: Sleeper[] = []
  /** At a scale of 0: when the last one was due. */
  #jumped = 0
  #outside = 0
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined

  /** @param scale multiplies each sleep */
  constructor(scale: number) {
    this.#scale = scale
  }

  /** Rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const onAbort = (): void => {
        this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1)
        this.#arm()
        reject(signal.reason)
      }
      const sleeper: Sleeper = {
        due: this.#now() + ms,
        wake: () => {
          listener[Symbol.dispose]()
          resolve()
        },
      }
      // Heard also where another listener stops the event.
      const listener = addAbortListener(signal, onAbort)
      const behind = this.#sleepers.findLastIndex(({ due }) => due <= sleeper.due)
      this.#sleepers.splice(behind + 1, 0, sleeper)
      this.#arm()
    })
  }

  /** For what takes real time, scale or not: at a scale of 0 no sleep ends before it. */
  async outside<T>(work: Promise<T>): Promise<T> {
    this.#outside++
    try {
      return await work
    } finally {
      this.#outside--
      this.#arm()
    }
  }

  #now(): number {
    return this.#scale === 0 ? this.#jumped : performance.now() / this.#scale
  }

  /** Milliseconds until the next is due: none of them sleeps, or only time outside goes on. */
  #untilNext(): number | undefined {
    const [next] = this.#sleepers
    if (next === undefined || (this.#scale === 0 && this.#outside > 0)) return undefined
    return (next.due - this.#now()) * this.#scale
  }

  #arm(): void {
    clearTimeout(this.#timer)
    const ms = this.#untilNext()
    if (ms === undefined) return
    // Timers fire up to a millisecond early: then there is another.
    if (ms > 0) this.#timer = setTimeout(() => this.#arm(), ms)
    else this.#turn ??= setImmediate(() => this.#wakeNext())
  }

  #wakeNext(): void {
    this.#turn = undefined
    const ms = this.#untilNext()
    if (ms !== undefined && ms <= 0) {
      const { due, wake } = this.#sleepers.shift() as Sleeper
      this.#jumped = due
      wake()
    }
    this.#arm()
  }
}
