/**
 * One reader of the stream. What it has not taken is never piled up: while its connection is full it
 * gets nothing, and once it has taken nothing for too long it is dropped; its browser connects again.
 * Before the kernel's own buffers are full nobody can see whether a reader takes anything.
 */
import type { Socket } from 'node:net'
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
  /** Since when the connection is full without a byte being taken. */
  #stuckSince: number | undefined
  #taken = 0

  /** @param patience milliseconds that a full connection may take nothing. */
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
      const taken = takenBy(raw.socket)
      if (taken !== this.#taken) this.#stuckSince = undefined
      this.#taken = taken
      this.#stuckSince ??= now
      if (now - this.#stuckSince >= this.#patience) raw.destroy()
      return
    }
    this.#stuckSince = undefined
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

/** Bytes that the kernel has of it, as far as whole writes are through. */
function takenBy(socket: Socket | null): number {
  return socket === null ? 0 : socket.bytesWritten - socket.writableLength
}
