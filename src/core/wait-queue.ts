/**
 * Waiters in the order they are to be served: higher priority first, and within one priority by the
 * queue's order. Doubly linked, one list a priority: joining costs O(log priorities), the head is
 * known, and any waiter leaves in O(1) (the last one of its priority in O(priorities)).
 *
 * Orders: `fifo`, first come first served; `lifo`, newest first; `adaptive`, first come first served
 * until the queue has been non-empty for 100 ms, then newest first until it has been empty: in an
 * overload the oldest are the ones whose callers have given up (Facebook, "Fail at Scale", 2015).
 */
import type { Waiter } from './waiter.js'

export type QueueOrder = 'fifo' | 'lifo' | 'adaptive'

/** The waiters of one priority, oldest first. */
export interface Level<T> {
  readonly priority: number
  oldest: Waiter<T> | undefined
  newest: Waiter<T> | undefined
}

const ADAPTIVE_AFTER = 100

export class WaitQueue<T> {
  readonly #order: QueueOrder
  /** Ascending by priority, none empty. */
  protected readonly levels: Level<T>[] = []
  #size = 0
  #nonEmptySince = 0

  constructor(order: QueueOrder = 'fifo') {
    this.#order = order
  }

  get size(): number {
    return this.#size
  }

  /** The highest priority that waits; -Infinity when none does. */
  get highest(): number {
    return this.#top?.priority ?? Number.NEGATIVE_INFINITY
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

  /** Whom to serve next; it stays until `remove`. @param now milliseconds; only `adaptive` reads it. */
  peek(now: number): Waiter<T> | undefined {
    const level = this.#top
    return level === undefined ? undefined : this.firstOf(level, now)
  }

  /** Whom of one priority to serve next. */
  protected firstOf(level: Level<T>, now: number): Waiter<T> | undefined {
    if (this.#order === 'fifo') return level.oldest
    const newestFirst = this.#order === 'lifo' || now - this.#nonEmptySince > ADAPTIVE_AFTER
    return newestFirst ? level.newest : level.oldest
  }

  /** The newest of the lowest priority. */
  peekLast(): Waiter<T> | undefined {
    return this.levels[0]?.newest
  }

  /** Whom to give up for a newcomer of that priority, if anybody. */
  victim(priority: number): Waiter<T> | undefined {
    const last = this.peekLast()
    return last !== undefined && last.priority < priority ? last : undefined
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
