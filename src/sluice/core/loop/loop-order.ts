/**
 * Whose turn it is, of the classes that wait for the loop: by priority, and within one so that each gets
 * the same part of the loop's time, whatever its requests cost; who asks for less than its part has it
 * at once.
 * Source: start-time fair queuing (Goyal, Vin and Cheng, 1996), for requests in place of packets.
 */

import type { Token } from '../limiter/token.js'
import type { Waiter } from '../queue/waiter.js'
import type { LoopClass } from './loop-class.js'

export class LoopOrder {
  readonly waiting = new Set<LoopClass>()
  /** Virtual time, in milliseconds of loop time: where the class that ran last began. */
  #virtual = 0

  /** One of the class runs. */
  ran(one: LoopClass): void {
    this.#virtual = Math.max(this.#virtual, one.tag)
    one.tag = this.#virtual + one.cost
  }

  /** Whom to give up for a newcomer of that priority, if anybody: the newest of the lowest. */
  victim(priority: number): Waiter<Token> | undefined {
    let victim: Waiter<Token> | undefined
    for (const { queue } of this.waiting) {
      const one = queue.victim(priority)
      if (one !== undefined && !(victim !== undefined && victim.priority <= one.priority))
        victim = one
    }
    return victim
  }

  /** Of those that may: O(classes that wait). */
  next(may: (one: LoopClass) => boolean): LoopClass | undefined {
    let next: LoopClass | undefined
    for (const each of this.waiting) {
      if (may(each) && (next === undefined || isBefore(each, next))) next = each
    }
    return next
  }
}

function isBefore(one: LoopClass, other: LoopClass): boolean {
  const more = one.queue.priority - other.queue.priority
  return more > 0 || (more === 0 && one.tag < other.tag)
}
