/**
 * One sender, many receivers. The last messages are kept, and each receiver reads them at its own pace:
 * sending never waits. Who falls further behind than what is kept, is told how many it missed.
 */
import { EventEmitter, once, setMaxListeners } from 'node:events'

/** A message with its number, from 1, or how many are gone. */
export type Delivery<T> = { id: number; message: T } | { missed: number }

export class Topic<T> {
  readonly #capacity: number
  readonly #kept: T[] = []
  readonly #changes = new EventEmitter()
  #sent = 0
  #closed = false
  #receivers = 0

  /** @param capacity how many messages are kept for those who are slow */
  constructor(capacity: number) {
    this.#capacity = capacity
    setMaxListeners(0, this.#changes)
  }

  get receivers(): number {
    return this.#receivers
  }

  /** Returns the message's number. */
  send(message: T): number {
    this.#kept[this.#sent % this.#capacity] = message
    this.#sent++
    this.#changes.emit('change')
    return this.#sent
  }

  /** Receivers end once they have what is kept. */
  close(): void {
    this.#closed = true
    this.#changes.emit('change')
  }

  /** All that is sent from now on, until the topic closes or the signal aborts. */
  receive(signal: AbortSignal): AsyncGenerator<Delivery<T>, void> {
    return this.#receive(this.#sent, signal)
  }

  async *#receive(received: number, signal: AbortSignal): AsyncGenerator<Delivery<T>, void> {
    this.#receivers++
    try {
      while (!signal.aborted) {
        const missed = this.#sent - this.#capacity - received
        if (missed > 0) {
          received += missed
          yield { missed }
        } else if (received < this.#sent) {
          const message = this.#kept[received % this.#capacity] as T
          received++
          yield { id: received, message }
        } else if (this.#closed) {
          return
        } else {
          await once(this.#changes, 'change', { signal }).catch(() => {})
        }
      }
    } finally {
      this.#receivers--
    }
  }
}
