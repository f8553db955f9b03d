/** Clients of WebSockets, and what they say first. */
import { WebSocket } from 'ws'
import { until } from './wire.js'

export interface Talk {
  socket: WebSocket
  /** 101, or the status that it was refused with; 0 as long as neither. */
  status(): number
  /** All messages that came. */
  heard: string[]
  /** The code that it was closed with; undefined as long as it is open. */
  code(): number | undefined
  closed: Promise<void>
}

/** Resolves once it is open or refused. */
export async function talk(port: number, path: string, host = '127.0.0.1'): Promise<Talk> {
  const client = call(port, path, host)
  await until(
    () => client.status() !== 0,
    () => 'neither open nor refused',
  )
  return client
}

/** Waits for nothing. */
export function call(port: number, path: string, host = '127.0.0.1'): Talk {
  return talkBy(new WebSocket(`ws://${host.includes(':') ? `[${host}]` : host}:${port}${path}`))
}

export function talkBy(socket: WebSocket): Talk {
  const heard: string[] = []
  let status = 0
  let code: number | undefined
  socket.on('open', () => {
    status = 101
  })
  socket.on('unexpected-response', (_request, response) => {
    status = response.statusCode ?? 0
    response.resume().once('close', () => socket.terminate())
  })
  socket.on('message', (data) => heard.push(String(data)))
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) =>
    socket.on('close', (given) => {
      code = given
      resolve()
    }),
  )
  return { socket, status: () => status, heard, code: () => code, closed }
}

/** A request for an upgrade, for a connection that does nothing by itself. */
export function wish(path: string, protocol = 'websocket'): string {
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'
  return `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${key}\r\n`
}
