/** So many hostile clients of a kind at once, each of which comes again when it has been ended. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kind } from './kinds.js'

/** A listener's backlog is short: no more than this many knock in the same moment. */
const KNOCKING = 100
/** No more than so many a second come again, once they are ended: more would be a flood, and no crowd. */
const AGAIN = 20

export class Crowd {
  readonly #port: number
  readonly #kind: Kind
  readonly #sockets = new Set<Socket>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #left = false
  #again = 0
  /** How often the server has ended, or refused, one. */
  ended = 0

  constructor(port: number, kind: Kind) {
    this.#port = port
    this.#kind = kind
  }

  get size(): number {
    return this.#sockets.size
  }

  async gather(clients: number): Promise<void> {
    this.#again = (clients / AGAIN) * 1000
    for (let index = 0; index < clients && !this.#left; index++) {
      this.#open(index)
      if (index % KNOCKING === KNOCKING - 1) await sleep(5)
    }
  }

  /** All at once, and for good. */
  leave(): void {
    this.#left = true
    for (const timer of this.#timers) clearTimeout(timer)
    for (const socket of this.#sockets) socket.destroy()
  }

  #open(index: number): void {
    if (this.#left) return
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    this.#sockets.add(socket)
    let end: (() => void) | undefined
    // What the server does to such a client is no news.
    socket.on('error', () => {})
    // Unless its kind pauses it, it takes what comes.
    socket.resume()
    socket.once('connect', () => {
      end = this.#kind.begin(socket, index)
    })
    socket.once('close', () => {
      end?.()
      this.#sockets.delete(socket)
      if (this.#left) return
      this.ended++
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        this.#open(index)
      }, this.#again)
      this.#timers.add(timer)
    })
  }
}
