/**
 * One reader of the stream. What it has not taken is never piled up: while its connection is full it
 * gets nothing, and once that has lasted too long it is dropped; its browser connects again.
 */
import type { FastifyReply } from 'fastify'

export interface Message {
  readonly event?: string
  readonly data: string
  /** Milliseconds. */
  readonly retry?: number
}

export class Watcher {
  readonly #reply: FastifyReply
  readonly #patience: number
  #fullSince: number | undefined

  /** @param patience milliseconds that the connection may be full. */
  constructor(reply: FastifyReply, patience: number) {
    this.#reply = reply
    this.#patience = patience
  }

  /** All of them or none. */
  send(messages: readonly Message[]): void {
    const { sse, raw } = this.#reply
    if (!sse.isConnected || raw.destroyed || raw.writableEnded) return
    if (raw.writableNeedDrain) {
      const now = performance.now()
      this.#fullSince ??= now
      if (now - this.#fullSince >= this.#patience) raw.destroy()
      return
    }
    this.#fullSince = undefined
    // Whether it is taken is asked before the next.
    for (const message of messages) sse.send(message).catch(() => {})
  }

  /** A last one, before the drain ends the stream; whoever does not read is not waited for. */
  end(message: Message): void {
    const { raw } = this.#reply
    if (raw.writableNeedDrain) raw.destroy()
    else this.send([message])
  }
}
