/**
 * Waiters in the order they are to be served: higher priority first, and within one priority by the
 * queue's order. Doubly linked, one list a priority: joining costs O(log priorities), the head is
 * known, and any waiter leaves in O(1) (the last one of its priority in O(priorities)).
 *
 * Whoever owns a queue hands out by its two rules: a newcomer is served at once only where `isClearFor`
 * says so, and whoever waits is served by `serve`.
 */
import type { CancelReason, Level, Waiter } from './waiter.js'

/**
 * Whom to serve first within a priority: `fifo`, first come first served; `lifo`, newest first;
 * `adaptive`, first come first served until the queue has been non-empty for 100 ms, then newest first
 * until it has been empty: in an overload the oldest are the ones whose callers have given up
 * (Facebook, "Fail at Scale", 2015).
 */
export type QueueOrder = 'fifo' | 'lifo' | 'adaptive'

/** Who hands out what is waited for. */
export interface Desk<T> {
  /** Grants or cancels whose turn it is; false where it must wait on, and all others with it. */
  attend(waiter: Waiter<T>, now: number): boolean
}

const ADAPTIVE_AFTER = 100

export class WaitQueue<T> {
  readonly #order: QueueOrder
  /** Ascending by priority, none empty. */
  protected readonly levels: Level<T>[] = []
  #size = 0
  #nonEmptySince = 0
  #serving = false

  constructor(order: QueueOrder = 'fifo') {
    this.#order = order
  }

  get size(): number {
    return this.#size
  }

  /** Of whoever is most important; -Infinity where nobody waits. */
  get priority(): number {
    return this.#top?.priority ?? Number.NEGATIVE_INFINITY
  }

  /** Whether a newcomer of that priority passes nobody of the same or a higher one. */
  isClearFor(priority: number): boolean {
    return this.#size === 0 || (this.levels[this.levels.length - 1] as Level<T>).priority < priority
  }

  /**
   * Serves in order for as long as the desk gives. Whoever is cancelled on the way asks for more in
   * vain: this goes on by itself. One whose signal is about to say so is left for that to take out.
   */
  serve(desk: Desk<T>, now: number): void {
    if (this.#serving) return
    this.#serving = true
    try {
      for (let next = this.peek(now); next !== undefined; next = this.peek(now)) {
        if (next.doomed || !desk.attend(next, now)) return
      }
    } finally {
      this.#serving = false
    }
  }

  /** @param now milliseconds; only `adaptive` reads it. */
  push(waiter: Waiter<T>, now: number): void {
    if (this.#size++ === 0) this.#nonEmptySince = now
    const level = this.#levelOf(waiter.priority)
    waiter.level = level
    waiter.previous = level.newest
    if (level.newest === undefined) level.oldest = waiter
    else level.newest.next = waiter
    level.newest = waiter
  }

  /** Whom to serve next. @param now milliseconds; only `adaptive` reads it. */
  protected peek(now: number): Waiter<T> | undefined {
    const level = this.#top
    return level === undefined ? undefined : this.firstOf(level, now)
  }

  /** Whom of one priority to serve next. */
  protected firstOf(level: Level<T>, now: number): Waiter<T> | undefined {
    if (this.#order === 'fifo') return level.oldest
    const newestFirst = this.#order === 'lifo' || now - this.#nonEmptySince > ADAPTIVE_AFTER
    return newestFirst ? level.newest : level.oldest
  }

  /** Whom to give up for a newcomer of that priority, if anybody: the newest of the lowest. */
  victim(priority: number): Waiter<T> | undefined {
    const lowest = this.levels[0]
    return lowest !== undefined && lowest.priority < priority ? lowest.newest : undefined
  }

  /** Cancels whoever waits, the most important and oldest first. */
  cancelAll(reason: CancelReason, error: unknown): void {
    for (let top = this.#top; top !== undefined; top = this.#top) {
      top.oldest?.cancel(reason, error)
    }
  }

  remove(waiter: Waiter<T>): void {
    const level = waiter.level
    if (level === undefined) return
    if (waiter.previous === undefined) level.oldest = waiter.next
    else waiter.previous.next = waiter.next
    if (waiter.next === undefined) level.newest = waiter.previous
    else waiter.next.previous = waiter.previous
    waiter.level = waiter.previous = waiter.next = undefined
    this.#size--
    if (level.oldest === undefined) this.levels.splice(this.#search(level.priority), 1)
  }

  /** Asks for the size first: an index of -1 is no element to V8, and missing it costs 30 ns. */
  get #top(): Level<T> | undefined {
    return this.#size === 0 ? undefined : this.levels[this.levels.length - 1]
  }

  #levelOf(priority: number): Level<T> {
    const index = this.#search(priority)
    const found = this.levels[index]
    if (found?.priority === priority) return found
    const level: Level<T> = { priority, oldest: undefined, newest: undefined }
    this.levels.splice(index, 0, level)
    return level
  }

  /** Index of the first level that is not below `priority`. */
  #search(priority: number): number {
    let low = 0
    let high = this.levels.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.levels[middle] as Level<T>).priority < priority) low = middle + 1
      else high = middle
    }
    return low
  }
}
