/**
 * Somebody to ask: small HTTP servers of the process's own on free ports of 127.0.0.1, and a client of
 * them. Not the app itself, whose own limit could keep a request waiting for itself. Each starts when
 * it is first asked.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, errors, request } from 'undici'
import { isSystemError, Unavailable } from '../../kit/faults.js'

export interface Question {
  /** Requests about the same are counted together, whichever server they go to. */
  about: string
  /** Milliseconds until it answers. */
  delay: number
  status: 200 | 503
}

export class Upstreams {
  readonly #agent: Agent
  readonly #active = new Map<string, number>()
  readonly #servers = new Map<number, Promise<Server>>()

  /** @param connections to each at once: who asks more waits behind all who asked before */
  constructor(connections: number) {
    this.#agent = new Agent({ connections })
  }

  /**
   * Resolves with how many were in hand about the same; rejects unless the answer is 200. It is asked
   * within this process: what keeps it from being asked is what the process lacks, a 503.
   */
  async ask(index: number, question: Question, signal: AbortSignal): Promise<number> {
    try {
      return await this.#ask(index, question, signal)
    } catch (cause) {
      if (signal.aborted || !isOfConnection(cause)) throw cause
      throw new Unavailable('no connection', { cause })
    }
  }

  async #ask(
    index: number,
    { about, delay, status }: Question,
    signal: AbortSignal,
  ): Promise<number> {
    const { port } = (await this.#server(index)).address() as AddressInfo
    const query = new URLSearchParams({ about, delay: String(delay), status: String(status) })
    const response = await request(`http://127.0.0.1:${port}/?${query}`, {
      dispatcher: this.#agent,
      signal,
    })
    const body = await response.body.text()
    if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode}`)
    return Number(body)
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
    for (const started of await Promise.allSettled(this.#servers.values())) {
      if (started.status === 'rejected') continue
      started.value.close()
      started.value.closeAllConnections()
    }
  }

  /** One that could not start is started anew by the next who asks. */
  #server(index: number): Promise<Server> {
    let server = this.#servers.get(index)
    if (server === undefined) {
      server = this.#start()
      this.#servers.set(index, server)
      server.catch(() => this.#servers.delete(index))
    }
    return server
  }

  async #start(): Promise<Server> {
    const server = createServer((incoming, response) => this.#answer(incoming, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    // A connection that it cannot take in fails at the one who asks, too.
    return server.on('error', () => {})
  }

  #answer({ url = '/' }: IncomingMessage, response: ServerResponse): void {
    const { searchParams } = new URL(url, 'http://127.0.0.1')
    const about = searchParams.get('about') ?? ''
    const active = (this.#active.get(about) ?? 0) + 1
    this.#active.set(about, active)
    const timer = setTimeout(
      () => {
        response.statusCode = Number(searchParams.get('status'))
        response.end(String(active))
      },
      Number(searchParams.get('delay')),
    )
    response.once('close', () => {
      clearTimeout(timer)
      const left = (this.#active.get(about) ?? 0) - 1
      if (left > 0) this.#active.set(about, left)
      else this.#active.delete(about)
    })
  }
}

function isOfConnection(error: unknown): boolean {
  return isSystemError(error) || error instanceof errors.SocketError
}
