/**
 * How the end of a response is told. Nearly every end emits `close`: answered, aborted, hijacked,
 * failed, a stream that was reset, a session that died. What does not is asked otherwise: responses
 * that no server of Node's gave out (adapters, mocks), and those to a request for an upgrade that was
 * not granted, emit `finish` alone; a stream of HTTP/2 does, too, while its client could still send, and
 * now and then for ever, when its session closes just then; those behind another on a pipelined
 * connection are in pipelining.ts.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'

const kEndable = Symbol('sluice.request')

/** Whoever is told of a response's end. */
export interface Endable {
  readonly response: ServerResponse
  readonly isHijacked: boolean
  /** May be called more than once. @param finished its response says that all of it was given out */
  close(finished?: boolean): void
}

interface Watched {
  [kEndable]?: Endable
}
type WatchedResponse = ServerResponse & Watched

/** Has `close` called at the response's end. One shared listener: a closure a request costs more. */
export function watchEnd(request: Endable, raw: IncomingMessage): void {
  const response: WatchedResponse = request.response
  response[kEndable] = request
  response.on('close', onClose)
  if (wantsUpgrade(raw)) {
    response.on('finish', onRefusedUpgrade)
    // Node listens to nothing more there, and a client that waits may leave by ending its side.
    raw.socket.once('end', () => {
      if (!request.isHijacked) raw.socket.destroySoon()
    })
  } else if (isHttp2(raw)) {
    const stream: ServerHttp2Stream & Watched = streamOf(raw)
    stream[kEndable] = request
    stream.on('finish', onClose)
  } else if (!isServed(raw)) response.on('finish', onFinish)
}

/** By Node's own HTTP server, which sees to its end: not by an adapter, a mock, or a test. */
export function isServed(raw: IncomingMessage): boolean {
  const { server } = (raw.socket ?? {}) as { server?: object | null }
  return server !== undefined && server !== null
}

export function isHttp2(raw: IncomingMessage): boolean {
  // A client of HTTP/1.1 may say `HTTP/2.0`, too, and Node takes it at its word.
  return raw.httpVersionMajor === 2 && streamOf(raw) !== undefined
}

/** Node has given its connection away, because somebody listens for upgrades. */
export function wantsUpgrade(raw: IncomingMessage): boolean {
  return (raw as IncomingMessage & { upgrade?: boolean | null }).upgrade === true
}

/** The stream of a request that came by HTTP/2. */
export function streamOf(raw: IncomingMessage): ServerHttp2Stream {
  return (raw as IncomingMessage & { stream: ServerHttp2Stream }).stream
}

/** Nobody is there to be answered. */
export function isGone(raw: IncomingMessage): boolean {
  if (isHttp2(raw)) return streamOf(raw).destroyed
  return raw.aborted || raw.socket?.destroyed === true
}

/**
 * Whether all of the answer was given out, once the response is over. `writableFinished` alone would
 * call every injected request aborted, so an ended response whose socket lives is an answer, too; over
 * HTTP/2 it is true of reset streams, and what was ended may have been reset before it was out, or ended
 * only because its owner heard of the reset.
 */
export function isWhole(response: ServerResponse, raw: IncomingMessage): boolean {
  if (isHttp2(raw)) {
    return response.writableEnded && response.writableFinished && !streamOf(raw).aborted
  }
  if (response.writableFinished) return true
  return response.writableEnded && raw.socket?.destroyed !== true
}

function onClose(this: Watched): void {
  this[kEndable]?.close()
}

/** Where writes call back at once, before Node knows that the response has ended. */
function onFinish(this: WatchedResponse): void {
  this[kEndable]?.close(true)
}

/** Nobody has taken the connection. */
function onRefusedUpgrade(this: WatchedResponse): void {
  this[kEndable]?.close(true)
  this.socket?.destroySoon()
}
