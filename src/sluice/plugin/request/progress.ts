/**
 * How far a request has come with its client, where it waits for nothing else: for bytes of the answer
 * to be taken, or of the body to be sent. A number that changes as the client takes or sends any.
 */
import type { Socket } from 'node:net'
import type { RequestState } from './request-state.js'
import { isHttp2, streamOf } from './response-end.js'

/** libuv's counts: what was written, and what of it the kernel has not taken. */
type CountingSocket = Socket & {
  _handle?: { readonly bytesWritten: number; readonly writeQueueSize: number } | null
}

/** Of the answer; undefined while nothing of it waits to be taken. */
export function sentOf({ response, request: { raw } }: RequestState): number | undefined {
  if (!response.headersSent) return undefined
  if (isHttp2(raw)) {
    const { writableLength } = streamOf(raw)
    return writableLength > 0 ? -writableLength : undefined
  }
  const { socket } = response
  return socket === null || socket.writableLength === 0 ? undefined : takenBy(socket)
}

/**
 * Of the whole connection, where several answers share it: a stream's own count moves only as whole
 * writes are through.
 */
export function connectionOf({ request: { raw } }: RequestState): number | undefined {
  if (!isHttp2(raw)) return undefined
  const { session } = streamOf(raw)
  // The socket of a session that is over throws at whoever asks.
  return session === undefined || session.destroyed ? undefined : session.socket.bytesWritten
}

/** Of the body; undefined once it is complete, or while any of it waits to be read. */
export function receivedOf({ request: { raw } }: RequestState): number | undefined {
  if (raw.complete || raw.readableLength > 0 || raw.readableEnded) return undefined
  return isHttp2(raw) ? streamOf(raw).state.localWindowSize : raw.socket?.bytesRead
}

function takenBy({ _handle: handle }: CountingSocket): number | undefined {
  return handle ? handle.bytesWritten - handle.writeQueueSize : undefined
}
