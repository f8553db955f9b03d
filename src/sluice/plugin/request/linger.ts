/**
 * An answer that comes before its request's body is complete, and refuses it. To read a body that
 * nobody wants to its end costs what it weighs, and to close a connection with something unread on it
 * resets it, so that its client may lose the answer, too. So such an answer says that it is the last;
 * behind it the connection is half-closed, a bounded rest of the body is read and dropped, and then,
 * when the client has had the time to read its answer, it ends.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isHttp2, streamOf } from './response-end.js'

/** Bytes that are read of the rest, and milliseconds that its client has. */
const REST = 1024 * 1024
const TIME = 2000

/** To be called before the answer begins. */
export function mayLinger(raw: IncomingMessage, response: ServerResponse): void {
  if (raw.complete || !hasBody(raw)) return
  const { writeHead } = response
  response.writeHead = ((status: number, ...rest: []) => {
    if (status >= 400 && !raw.complete) refuseBody(raw, response)
    return writeHead.call(response, status, ...rest)
  }) as typeof writeHead
}

/** Whether one was announced. */
export function hasBody(raw: IncomingMessage): boolean {
  // Node makes `headers` when they are first asked for, which most requests need not pay for this.
  if (!raw.rawHeaders.some(hasLengthOfEither)) return false
  const { headers } = raw
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0
}

const LENGTHS = ['content-length', 'transfer-encoding'].map(({ length }) => length)

function hasLengthOfEither({ length }: string): boolean {
  return length === LENGTHS[0] || length === LENGTHS[1]
}

function refuseBody(raw: IncomingMessage, response: ServerResponse): void {
  if (isHttp2(raw)) {
    // RFC 9113, 8.1: NO_ERROR asks the client to stop sending, and to keep the answer.
    response.once('finish', () => streamOf(raw).close())
    return
  }
  response.setHeader('connection', 'close')
  const { socket } = raw
  if (!socket) return
  let lingers = false
  // What Node ends a connection with, behind its last answer.
  socket.destroySoon = () => {
    if (lingers) return
    lingers = true
    socket.end()
    let read = 0
    raw.on('data', (chunk: Buffer) => {
      read += chunk.length
      if (read > REST) raw.pause()
    })
    const timer = setTimeout(() => socket.destroy(), TIME)
    socket.once('close', () => clearTimeout(timer))
  }
}
