/**
 * Responses that wait behind another one on a pipelined connection. On Node 20 and 22 they emit no
 * `close` when their socket dies (nodejs/node#62534), so their socket tells them, through one
 * listener for all of them.
 *
 * They are bounded, since nothing else bounds what one connection asks for at once: beyond the bound
 * requests are refused, each with an answer of its own; and once as many answers wait as twice that,
 * the connection ends behind the last of them, and what still comes on it is neither kept nor parsed.
 * It is read all the same, or nobody would see its client leave.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isServed } from '../request/response-end.js'

const kWaiting = Symbol('sluice.pipelined')
const kLast = Symbol('sluice.last')
const kEnded = Symbol('sluice.ended')

type WatchedSocket = Socket & {
  [kWaiting]?: Set<Closable>
  [kLast]?: ServerResponse
  [kEnded]?: true
}

interface Closable {
  close(): void
}

/** Whether another response has to be sent before this one can be. */
export function isPipelined(response: ServerResponse, raw: IncomingMessage): boolean {
  return response.socket === null && isServed(raw)
}

/** What is to become of one more request of a connection, of which so many may wait. */
export type Fate = 'welcome' | 'refused' | 'last' | 'ignored'

export function fateOf(socket: WatchedSocket, most: number): Fate {
  if (socket[kEnded]) return 'ignored'
  const waiting = socket[kWaiting]?.size ?? 0
  if (waiting < most) return 'welcome'
  return waiting < 2 * most - 1 ? 'refused' : 'last'
}

/** Behind this answer nothing is answered any more. */
export function endBehind(socket: WatchedSocket, response: ServerResponse): void {
  closeBehind(socket, response)
  socket[kEnded] = true
  // Not within the parser's own call.
  setImmediate(readInVain, socket)
}

/** Node has paused it, because too many answers wait, and would not see its client leave. */
function readInVain(socket: Socket & { _handle?: { reading: boolean; readStart(): void } | null }) {
  socket.removeAllListeners('data')
  // To listen takes the connection off Node's parser.
  socket.on('data', () => {})
  socket.resume()
  const { _handle: handle } = socket
  if (!handle) return
  // The parser leaves the stream behind as one that is being read.
  handle.reading = true
  handle.readStart()
}

/** Closes it when the socket dies; `unwatch` once it is closed. */
export function watch(socket: WatchedSocket, request: Closable): void {
  let waiting = socket[kWaiting]
  if (waiting === undefined) {
    waiting = new Set()
    socket[kWaiting] = waiting
    socket.on('close', onSocketClose)
  }
  waiting.add(request)
}

export function unwatch(socket: WatchedSocket, request: Closable): void {
  socket[kWaiting]?.delete(request)
}

/** Resolves when its turn to be sent has come; never, if its socket dies before. */
export function turnOf(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once('socket', () => resolve()))
}

/**
 * Says `Connection: close`, and takes it back from the response before it on the same connection:
 * Node ends the connection behind the first that says so, and loses those that are still to come.
 */
export function closeBehind(socket: WatchedSocket, response: ServerResponse): void {
  if (response.headersSent) return
  const before = socket[kLast]
  if (before !== undefined && !before.headersSent) before.removeHeader('connection')
  socket[kLast] = response
  response.setHeader('connection', 'close')
}

function onSocketClose(this: Socket): void {
  for (const request of (this as WatchedSocket)[kWaiting] ?? []) request.close()
}
