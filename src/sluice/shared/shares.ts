/**
 * The shares of one process, by key. One that nobody asks for any more is forgotten once the store knows
 * that nothing of it is held or wanted. Should its key come again, it counts on from above all that was
 * forgotten, so that a message that speaks of the old one and comes late changes nothing.
 */
import type { Standing } from './protocol.js'
import { Share } from './share.js'

export class Shares {
  readonly all: Share[] = []
  readonly #byKey = new Map<string, Share>()
  readonly #closing = new Set<Share>()
  #floor = 0

  /** One that is open already, or not yet forgotten, is the same. */
  open(key: string): Share {
    let share = this.#byKey.get(key)
    if (share === undefined) {
      share = new Share(key, this.#floor)
      this.all.push(share)
      this.#byKey.set(key, share)
    }
    this.#closing.delete(share)
    return share
  }

  /** What is idle of it goes back. */
  close(share: Share): void {
    share.yield()
    this.#closing.add(share)
  }

  /** The store has told it, by itself or in answer to the last claim. */
  take(standing: Standing, isAnswer: boolean): void {
    const share = this.#byKey.get(standing.key)
    if (share === undefined) return
    share.take(standing)
    if (isAnswer) share.settle()
    if (this.#closing.has(share) && share.isSettled) this.#forget(share)
  }

  #forget(share: Share): void {
    this.#floor = Math.max(this.#floor, share.count)
    this.all.splice(this.all.indexOf(share), 1)
    this.#byKey.delete(share.key)
    this.#closing.delete(share)
  }
}
