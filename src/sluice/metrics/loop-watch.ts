/**
 * How busy the event loop was over the last complete second, and how late it ran over the last two:
 * since start both would fade, and a reset at each read would let two readers disturb each other.
 *
 * To be late for what is due one must have something due: a hundred times a second, which keeps a
 * process awake that has nothing else to do. So it rests after two seconds in a row in which the loop
 * was busy for less than 20 ms, when it cannot have been later than that: then it has no timer, and an
 * immediate that wakes nobody looks at the end of each turn at how long the loop was busy. From the
 * turn on that makes it 20 ms within a second, it measures again, and that turn itself counts as late
 * for as long as it was. At rest the delay is 0.
 */
import { performance } from 'node:perf_hooks'
import { DelayWindow } from './delay-window.js'

const SECOND = 1000
/** Milliseconds of a second; what keeps a loop at rest is less. */
const BUSY = 20
/** Seconds in a row: the delay tells of so many. */
const QUIET = 2

/** Milliseconds since the loop began. */
interface Time {
  readonly idle: number
  readonly active: number
}

export class LoopWatch {
  /** In [0, 1]. */
  utilization = 0
  /** Milliseconds; 0 without data. */
  p50 = 0
  p99 = 0
  readonly #tell: (watch: LoopWatch) => void
  readonly #window: Pick<DelayWindow, 'turn' | 'stop' | 'restart' | 'percentile'>
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined
  /** When the second that goes on began. */
  #second: Time = performance.eventLoopUtilization()
  /** When the last turn ended; at rest only. */
  #turn: Time = this.#second
  /** Milliseconds of the turn that ended its rest. */
  #stall = 0
  #quiet = 0

  /** @param tell is called when any of its values has changed. */
  constructor(
    tell: (watch: LoopWatch) => void,
    window: Pick<DelayWindow, 'turn' | 'stop' | 'restart' | 'percentile'> = new DelayWindow(),
  ) {
    this.#tell = tell
    this.#window = window
    this.#timer = setInterval(this.#endSecond, SECOND).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    clearImmediate(this.#immediate)
    this.#window.stop()
  }

  readonly #endSecond = (): void => {
    const now = performance.eventLoopUtilization()
    this.#judge(now)
    if (this.#quiet >= QUIET) this.#rest(now)
    else {
      this.p50 = this.#window.percentile(50)
      this.p99 = Math.max(this.#window.percentile(99), this.#stall)
      this.#stall = 0
      this.#window.turn()
    }
    this.#tell(this)
  }

  /** Ends the second, or more than one, with that moment. */
  #judge(now: Time): void {
    const active = now.active - this.#second.active
    this.utilization = active / (active + now.idle - this.#second.idle)
    this.#second = now
    this.#quiet = active < BUSY ? this.#quiet + 1 : 0
  }

  #rest(now: Time): void {
    clearInterval(this.#timer)
    this.#window.stop()
    this.p50 = this.p99 = 0
    this.#turn = now
    this.#immediate = setImmediate(this.#endTurn).unref()
  }

  readonly #endTurn = (): void => {
    const now = performance.eventLoopUtilization()
    const busy = now.active - this.#turn.active
    this.#turn = now
    // What the turn waited before it was busy belongs to the time before it.
    const begin = { idle: now.idle, active: now.active - busy }
    const { idle, active } = this.#second
    const isOver = begin.idle - idle + begin.active - active >= SECOND
    if (isOver) this.#judge(begin)
    const wakes = now.active - this.#second.active >= BUSY
    if (wakes) this.#wake(busy)
    else this.#immediate = setImmediate(this.#endTurn).unref()
    if (isOver || wakes) this.#tell(this)
  }

  #wake(busy: number): void {
    this.#quiet = 0
    this.#stall = this.p99 = busy
    this.#window.restart()
    this.#timer = setInterval(this.#endSecond, SECOND).unref()
  }
}
