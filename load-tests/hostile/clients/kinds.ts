/** Clients that ask for much and do little: what each does with a connection of its own, for as long as it lasts. */
import type { Socket } from 'node:net'

export interface Kind {
  readonly name: string
  /** @param index which of the crowd it is @returns what ends its timers */
  readonly begin: (socket: Socket, index: number) => (() => void) | undefined
}

const FILE = get('/public/dashboard.png')
/** More than the kernel's buffers of a connection take. */
const FILES = 60
/** More than is answered on one connection. */
const PIPELINE = 300
/** Less than Fastify takes of a body, and more than a socket buffers. */
const LARGE = 65_000
const SENT_OF_LARGE = 60_000
const CHUNK = Buffer.alloc(65_536, 'x')
/** The first of a crowd are never seen to stand still; that all were would need a crowd of machines. */
const QUICK_ONES = 20

export const kinds: readonly Kind[] = [
  { name: 'silent connections', begin: () => undefined },
  {
    name: 'half headers',
    begin(socket) {
      socket.write(get('/fast').slice(0, -2))
      return undefined
    },
  },
  {
    name: 'half bodies, small',
    begin(socket) {
      socket.write(`${post('/patterns/broadcast', 'Content-Length: 100')}{`)
      return undefined
    },
  },
  {
    name: 'half bodies, large',
    begin(socket) {
      socket.write(`${post('/patterns/broadcast', `Content-Length: ${LARGE}`)}"`)
      socket.write('x'.repeat(SENT_OF_LARGE))
      return undefined
    },
  },
  {
    name: 'bodies in drips',
    begin(socket, index) {
      socket.write(`${post('/patterns/broadcast', `Content-Length: ${LARGE}`)}"`)
      return every(index < QUICK_ONES ? 10 : 250, () => socket.write('x'))
    },
  },
  {
    name: 'files that nobody reads',
    begin(socket) {
      socket.pause()
      socket.write(FILE.repeat(FILES))
      return undefined
    },
  },
  {
    name: 'files read in drips',
    begin(socket, index) {
      socket.pause()
      socket.write(FILE.repeat(FILES))
      return every(index < QUICK_ONES ? 10 : 250, () => socket.read(500) ?? socket.read())
    },
  },
  {
    name: 'pipelines',
    begin(socket) {
      socket.write(get('/fast').repeat(PIPELINE))
      return undefined
    },
  },
  {
    name: 'refused uploads that never stop',
    begin(socket, index) {
      const path = index % 2 === 0 ? '/fast' : '/patterns/broadcast'
      // The one is not found, the other is too large.
      socket.write(post(path, `Content-Length: ${10 ** 12}`))
      return every(100, () => socket.writableNeedDrain || socket.write(CHUNK))
    },
  },
  {
    name: 'half-closed ones',
    begin(socket) {
      socket.end(get('/slow'))
      return undefined
    },
  },
  {
    name: 'resets',
    begin(socket, index) {
      socket.write(get(index % 2 === 0 ? '/limited' : '/slow'))
      const timer = setTimeout(() => socket.resetAndDestroy(), 20 + (index % 50))
      return () => clearTimeout(timer)
    },
  },
]

function every(milliseconds: number, act: () => unknown): () => void {
  const timer = setInterval(act, milliseconds)
  return () => clearInterval(timer)
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
}

function post(path: string, header: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${header}\r\n\r\n`
}
