/** Clients of HTTP/2 that cancel streams, die with their session, or say nothing at all. */
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect as connectSocket, type Socket } from 'node:net'
import { type FastifyInstance, fastify } from 'fastify'
import { connectPsk, psk } from './psk.js'

/** Ways to speak it, each with its Fastify instance and the socket that its client connects with. */
export const transports = {
  'in the clear': {
    build: (options = {}) => build({ ...options }),
    dial: (port: number, host: string) => connectSocket({ port, host }).on('error', () => {}),
  },
  'over TLS': {
    build: (options = {}) => build({ ...options, https: { ...psk } }),
    dial: (port: number, host: string) => connectPsk(port, host, ['h2']),
  },
  'over TLS beside HTTP/1.1': {
    build: (options = {}) => build({ ...options, https: { ...psk, allowHTTP1: true } }),
    dial: (port: number, host: string) => connectPsk(port, host, ['h2', 'http/1.1']),
  },
} as const satisfies Record<string, Transport>

export interface Transport {
  build(options?: object): FastifyInstance
  dial(port: number, host: string): Socket
}

export interface Client {
  session: ClientHttp2Session
  socket: Socket
  /** Resolves once the server said that it goes away. */
  goaway: Promise<void>
  closed: Promise<void>
  ask(path: string, headers?: OutgoingHttpHeaders, body?: string): Answer
}

export interface Answer {
  stream: ClientHttp2Stream
  status(): number | undefined
  headers(): Record<string, unknown>
  text(): string
  /** Resolves once the headers have come, or there will be none. */
  begun: Promise<void>
  closed: Promise<void>
}

export async function dial(
  { dial: dialSocket }: Transport,
  port: number,
  host = '127.0.0.1',
): Promise<Client> {
  const socket = dialSocket(port, host)
  const session = connect(`http://localhost:${port}`, { createConnection: () => socket })
  session.on('error', () => {})
  const goaway = new Promise<void>((resolve) => session.once('goaway', () => resolve()))
  const closed = new Promise<void>((resolve) => session.once('close', () => resolve()))
  await once(session, 'connect')
  return {
    session,
    socket,
    goaway,
    closed,
    ask: (path, headers = {}, body) => ask(session, path, headers, body),
  }
}

/** Typed as any other app: what the tests use is the same. */
function build(options: object): FastifyInstance {
  return fastify({ ...options, http2: true }) as unknown as FastifyInstance
}

export function cancel({ stream }: Answer): void {
  stream.close(constants.NGHTTP2_CANCEL)
}

function ask(
  session: ClientHttp2Session,
  path: string,
  given: OutgoingHttpHeaders,
  body: string | undefined,
): Answer {
  const method = body === undefined ? 'GET' : 'POST'
  const stream = session.request(
    { ':method': method, ':path': path, ...given },
    { endStream: body === undefined },
  )
  let text = ''
  let headers: Record<string, unknown> = {}
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()))
  const answered = new Promise<void>((resolve) => stream.once('response', () => resolve()))
  stream.on('response', (got) => {
    headers = got as Record<string, unknown>
  })
  stream.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  stream.on('error', () => {})
  if (body !== undefined) stream.end(body)
  return {
    stream,
    status: () => headers[':status'] as number | undefined,
    headers: () => headers,
    text: () => text,
    begun: Promise.race([answered, closed]),
    closed,
  }
}
