/** Real sockets: raw requests that can be aborted, half-closed, pipelined or left half-sent. */

import type { AddressInfo } from 'node:net'
import { connect, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** The real time, also where a test has stopped the clock. */
const now = performance.now.bind(performance)

export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

export interface Wire {
  socket: Socket
  /** All that came so far. */
  text(): string
  /** Resolves once `pattern` has come. */
  received(pattern: string | RegExp): Promise<string>
  closed: Promise<void>
}

export async function open(port: number, host = '127.0.0.1'): Promise<Wire> {
  const socket = connect({ port, host, allowHalfOpen: true })
  const wire = wireOf(socket)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return wire
}

export function wireOf(socket: Socket): Wire {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk
  })
  // An abort is what many tests are about; its error is no news.
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.once('end', () => socket.end())
  return {
    socket,
    text: () => text,
    received: async (pattern) => {
      const has = (): boolean =>
        typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text)
      await until(has, () => `received ${JSON.stringify(text)} without ${pattern}`)
      return text
    },
    closed,
  }
}

export async function send(port: number, text: string, host?: string): Promise<Wire> {
  const wire = await open(port, host)
  wire.socket.write(text)
  return wire
}

export function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`
}

/** Polls a condition, bounded; a failure says what was there instead. */
export async function until(
  condition: () => boolean,
  problem: () => string = () => 'condition not met',
  timeout = 10_000,
): Promise<void> {
  const deadline = now() + timeout
  while (!condition()) {
    if (now() > deadline) throw new Error(`after ${timeout} ms: ${problem()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
