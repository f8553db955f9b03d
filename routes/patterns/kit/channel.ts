/**
 * A bounded channel of many senders and one receiver: the platform's stream is the queue, and a place
 * in it is a permit. Who finds none waits, first come first served, until the receiver takes a message.
 */
import { Semaphore } from 'fastify-sluice'

export class Channel<T> {
  readonly #places: Semaphore
  readonly #messages: ReadableStream<T>
  #queue!: ReadableStreamDefaultController<T>

  /** @param capacity how many messages may be between the senders and the receiver */
  constructor(capacity: number) {
    this.#places = new Semaphore(capacity)
    this.#messages = new ReadableStream<T>({
      start: (controller) => {
        this.#queue = controller
      },
    })
  }

  /** The next to send would have to wait. */
  get full(): boolean {
    return this.#places.availablePermits === 0 || this.#places.waiting > 0
  }

  /** Resolves once there was a place; rejects when the signal aborts or the receiver is gone. */
  async send(message: T, signal: AbortSignal): Promise<void> {
    const place = await this.#places.acquire({ signal })
    if (this.#places.closed) throw new Error('the receiver is gone')
    // The receiver gives it back, not the sender.
    place.forget()
    this.#queue.enqueue(message)
  }

  /** No more will be sent; what was sent is still received. */
  close(): void {
    if (!this.#places.closed) this.#queue.close()
  }

  /** Ends when the channel is closed and empty. Leaving the loop closes it for the senders. */
  async *receive(): AsyncGenerator<T, void> {
    try {
      // Who leaves does not cancel the stream: the senders may close it at the same moment.
      for await (const message of this.#messages.values({ preventCancel: true })) {
        this.#places.addPermits(1)
        yield message
      }
    } finally {
      this.#places.close()
    }
  }
}
