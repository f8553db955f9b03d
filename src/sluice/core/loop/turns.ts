/**
 * The turns of the event loop, as far as they can be told from inside: one begins with the first
 * thing that is seen in it, and ends with its immediates. Each accepts about one new connection, so
 * that while connections come in, turns go by without work (but not for ever): those behind them are
 * let in, too, and whoever connects is soon seen.
 * Cost: one immediate in each turn in which something is seen.
 */
import type { Clock } from '../clock.js'

/** Turns in a row that brought a connection each, so that none of them came by itself. */
const CROWD = 2
/** Turns in a row that may go by without work. */
const MOST_IDLE = 20

export interface Work {
  /** Whether any waits to be run. */
  isWaiting(): boolean
  /** Called once a turn, while some waits. @param now milliseconds */
  run(now: number): void
}

export class Turns {
  readonly #clock: Clock
  readonly #work: Work
  /** Undefined between a turn's end and what is first seen of the next. */
  #began: number | undefined
  /** A connection came in, in this turn. */
  #connected = false
  /** Turns in a row, before this one, in which one did. */
  #connecting = 0
  #idle = 0

  constructor(clock: Clock, work: Work) {
    this.#clock = clock
    this.#work = work
  }

  /** When this turn began, in milliseconds. */
  begin(now: number): number {
    if (this.#began === undefined) {
      this.#began = now
      setImmediate(this.#end)
    }
    return this.#began
  }

  /** A connection came in: there may be more. */
  connected(): void {
    this.begin(this.#clock())
    this.#connected = true
  }

  /** Whether more connections may be waiting to be accepted. */
  get mayHaveMore(): boolean {
    return this.#connecting >= CROWD
  }

  readonly #end = (): void => {
    const connected = this.#connected
    this.#began = undefined
    this.#connecting = connected ? this.#connecting + 1 : 0
    this.#connected = false
    const isWaiting = this.#work.isWaiting()
    if (!isWaiting && !connected) return
    // Another turn, even if nothing is seen in it.
    const now = this.begin(this.#clock())
    if (connected && this.#idle < MOST_IDLE) {
      this.#idle++
      return
    }
    this.#idle = 0
    if (isWaiting) this.#work.run(now)
  }
}
