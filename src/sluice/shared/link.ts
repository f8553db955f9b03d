/** Keeps a membership alive: sends its syncs when they are due, and hears answers and pushes. */
import type { Clock } from '../core/clock.js'
import { Histogram } from '../core/histogram.js'
import type { Membership } from './membership.js'
import type { Batch, Push, SharedStore } from './protocol.js'

/** How to be called later; `performance.now` and `setTimeout` are ones. */
export interface Timers {
  /** @param ms milliseconds >= 0 @returns what ends it */
  start(callback: () => void, ms: number): Disposable
}

/** They keep no process alive. */
export const systemTimers: Timers = {
  start(callback, ms) {
    const timer = setTimeout(callback, Math.min(ms, LONGEST)).unref()
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}

/** Node fires a longer timer at once. */
const LONGEST = 2 ** 31 - 1

export interface LinkPorts {
  readonly store: SharedStore
  readonly clock: Clock
  /** The time of day. */
  readonly wallClock: Clock
  readonly timers: Timers
}

export class Link {
  /** How long answers took, in milliseconds. */
  readonly syncs = new Histogram()
  /** Syncs that were rejected, or given up. */
  errors = 0
  readonly #membership: Membership
  readonly #ports: LinkPorts
  readonly #onNews: () => void
  readonly #left: Promise<void>
  #leave: () => void = () => {}
  readonly #listening: Disposable
  #timer: Disposable | undefined
  #timerAt = Number.NaN
  #touched = false
  /** Of the sync that is neither answered nor given up. */
  #asked: number | undefined

  /** @param onNews what is held, or may be used, may be another */
  constructor(membership: Membership, ports: LinkPorts, onNews: () => void) {
    this.#membership = membership
    this.#ports = ports
    this.#onNews = onNews
    this.#left = new Promise((resolve) => {
      this.#leave = resolve
    })
    this.#listening = ports.store.listen(membership.id, (push) => this.#hear(push))
    this.touch()
  }

  /** Resolves when the membership has left. */
  get left(): Promise<void> {
    return this.#left
  }

  /** A sync may be due. What is told in one turn of the event loop goes out as one. */
  touch(): void {
    if (this.#touched) return
    this.#touched = true
    queueMicrotask(() => {
      this.#touched = false
      this.#run()
    })
  }

  #run(): void {
    const { clock, wallClock, timers } = this.#ports
    let mono = clock()
    let due = this.#membership.dueAt(mono, wallClock())
    if (due <= mono) {
      this.#send(mono, wallClock())
      mono = clock()
      due = this.#membership.dueAt(mono, wallClock())
    }
    // Whatever it holds must not be used any longer.
    due = Math.min(due, mono + this.#membership.lease.left(mono, wallClock()))
    if (due === this.#timerAt) return
    this.#timer?.[Symbol.dispose]()
    this.#timerAt = due
    if (this.#membership.hasLeft) {
      this.#listening[Symbol.dispose]()
      this.#leave()
    } else this.#timer = timers.start(() => this.#wake(), Math.max(0, due - mono))
  }

  #wake(): void {
    this.#timerAt = Number.NaN
    this.#onNews()
    this.#run()
  }

  #hear(push: Push): void {
    this.#membership.told(push)
    this.#onNews()
    this.touch()
  }

  #send(mono: number, wall: number): void {
    const { store, clock, wallClock } = this.#ports
    const batch = this.#membership.next(mono, wall)
    if (this.#asked !== undefined) this.errors++
    this.#asked = batch.seq
    store.sync(batch).then(
      (reply) => {
        const now = clock()
        if (this.#isSettled(batch)) this.syncs.record(now - mono)
        this.#membership.answered(reply, now)
        this.#onNews()
        this.touch()
      },
      () => {
        if (this.#isSettled(batch)) this.errors++
        this.#membership.failed(batch.seq, clock(), wallClock())
        this.#onNews()
        this.touch()
      },
    )
  }

  /** Not given up before; it is over then. */
  #isSettled({ seq }: Batch): boolean {
    if (this.#asked !== seq) return false
    this.#asked = undefined
    return true
  }
}
