/**
 * The time of one pattern. Its sleeps last what they say times the scale. At a scale of 0 nobody waits,
 * yet whoever would wake first does: when all that could run has run, the next of the sleepers wakes.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Clock {
  /** Rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /** For what takes real time, scale or not: at a scale of 0 no sleep ends before it. */
  outside<T>(work: Promise<T>): Promise<T>
}

export function createClock(scale: number): Clock {
  return scale === 0 ? new JumpingClock() : new ScaledClock(scale)
}

class ScaledClock implements Clock {
  readonly #scale: number

  constructor(scale: number) {
    this.#scale = scale
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await sleep(ms * this.#scale, undefined, { signal })
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    }
  }

  outside<T>(work: Promise<T>): Promise<T> {
    return work
  }
}

interface Sleeper {
  due: number
  wake(): void
}

class JumpingClock implements Clock {
  /** By when they are due; those of one moment as they came. */
  readonly #sleepers: Sleeper[] = []
  #now = 0
  #outside = 0
  #next: NodeJS.Immediate | undefined

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const onAbort = (): void => {
        this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1)
        reject(signal.reason)
      }
      const sleeper: Sleeper = {
        due: this.#now + ms,
        wake: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      const behind = this.#sleepers.findLastIndex(({ due }) => due <= sleeper.due)
      this.#sleepers.splice(behind + 1, 0, sleeper)
      this.#arm()
    })
  }

  async outside<T>(work: Promise<T>): Promise<T> {
    this.#outside++
    try {
      return await work
    } finally {
      this.#outside--
      this.#arm()
    }
  }

  #arm(): void {
    this.#next ??= setImmediate(() => {
      this.#next = undefined
      if (this.#outside > 0) return
      const sleeper = this.#sleepers.shift()
      if (sleeper === undefined) return
      this.#now = sleeper.due
      sleeper.wake()
      this.#arm()
    })
  }
}
