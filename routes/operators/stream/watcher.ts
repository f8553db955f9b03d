/**
 * One reader of the stream. What it has not taken is never piled up: while its connection is full it
 * gets nothing, and once it has taken nothing for too long it is dropped; its browser connects again.
 * One that is slow, but takes something, stays.
 *
 * What is taken is what the kernel takes: Node cannot see behind its buffers. So one that reads nothing
 * is seen once those are full, of up to some megabytes, and one that drips is seen to move whenever the
 * kernel makes room, which on Linux is a third of its buffer at once.
 */
import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'

export class Watcher {
  readonly #reply: FastifyReply
  readonly #patience: number
  #taken = -1
  /** By `performance.now()`. */
  #tookAt = 0

  /** @param patience milliseconds that it may take nothing while its connection is full */
  constructor(reply: FastifyReply, patience: number) {
    this.#reply = reply
    this.#patience = patience
  }

  /** All of them or none. @param messages bytes of whole events, which nobody may change */
  send(...messages: readonly Buffer[]): void {
    const { sse, raw } = this.#reply
    if (raw.destroyed || raw.writableEnded) return
    if (raw.writableNeedDrain) {
      this.#drop(performance.now())
      return
    }
    sse.sendHeaders()
    for (const message of messages) raw.write(message)
  }

  /** A last one, before the drain ends the stream; whoever does not read is not waited for. */
  end(message: Buffer): void {
    const { raw } = this.#reply
    if (raw.writableNeedDrain) raw.destroy()
    else this.send(message)
  }

  /** If it has taken nothing for too long. */
  #drop(now: number): void {
    const { raw } = this.#reply
    const taken = takenBy(raw.socket)
    if (taken !== this.#taken) {
      this.#taken = taken
      this.#tookAt = now
    } else if (now - this.#tookAt >= this.#patience) raw.destroy()
  }
}

/** libuv's counts: what was written, and what of it the kernel has not taken. */
type CountingSocket = Socket & {
  _handle?: { readonly bytesWritten: number; readonly writeQueueSize: number } | null
}

/** Bytes; 0 while the answer waits behind another on its connection. */
function takenBy(socket: CountingSocket | null): number {
  const handle = socket?._handle
  return handle ? handle.bytesWritten - handle.writeQueueSize : 0
}
