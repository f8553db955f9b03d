/**
 * Responses that wait behind another one on a pipelined connection. On Node 20 and 22 they emit no
 * `close` when their socket dies (nodejs/node#62534), so their socket tells them, through one
 * listener for all of them.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const kWaiting = Symbol('sluice.pipelined')
const kLast = Symbol('sluice.last')

type WatchedSocket = Socket & { [kWaiting]?: Set<Closable>; [kLast]?: ServerResponse }

interface Closable {
  close(): void
}

/** Whether another response has to be sent before this one can be. */
export function isPipelined(response: ServerResponse): boolean {
  return response.socket === null
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
