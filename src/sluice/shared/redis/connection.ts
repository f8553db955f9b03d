/**
 * The connection on which syncs go. It knows which run of the store is at its other end: no connection
 * outlives its server, so what the server said of itself after connecting holds for all that follows
 * (the script could ask, but for more than all the rest of it costs).
 */
import { createHash } from 'node:crypto'
import { connectionLike, PATIENCE, type RedisClient, renew } from './client.js'
import { SCRIPT } from './script.js'

const SHA = createHash('sha1').update(SCRIPT).digest('hex')

export class Connection {
  readonly #client: RedisClient
  readonly #warn: (message: string) => void
  readonly #onSilence: () => void
  #run: string | undefined
  /** Until the first attempt has ended, one way or the other. */
  readonly #first: Promise<void>
  /** When the server last answered; monotonic milliseconds. */
  #heard = Number.NEGATIVE_INFINITY

  /** @param onSilence the server was silent for too long; this connects anew */
  constructor(like: RedisClient, warn: (message: string) => void, onSilence: () => void) {
    this.#warn = warn
    this.#onSilence = onSilence
    this.#client = connectionLike(like)
    this.#client.on('error', ({ message }: Error) => warn(message))
    this.#first = new Promise((resolve) => {
      this.#client.on('ready', () => void this.#meet().then(resolve))
      this.#client.on('close', () => {
        this.#run = undefined
        resolve()
      })
    })
  }

  /**
   * What the script answers.
   * @param argumentsFor the run of the store that is to get them
   * @param patience milliseconds; after so many without a word from the server it connects anew
   */
  async call(
    keys: readonly string[],
    argumentsFor: (run: string) => (string | number)[],
    patience: number,
  ): Promise<(string | number)[]> {
    const sent = performance.now()
    try {
      const answer = await within(Math.min(patience, PATIENCE), this.#call(keys, argumentsFor))
      this.#heard = performance.now()
      return answer as (string | number)[]
    } catch (error) {
      const { name, message } = error as Error
      if (name === 'ReplyError') this.#heard = performance.now()
      else if (this.#heard < sent) this.#renew()
      this.#warn(message)
      // Theirs holds what was sent.
      throw new Error(message)
    }
  }

  close(): void {
    this.#client.disconnect()
  }

  #renew(): void {
    renew(this.#client)
    this.#onSilence()
  }

  async #call(
    keys: readonly string[],
    argumentsFor: (run: string) => (string | number)[],
  ): Promise<unknown> {
    if (this.#run === undefined) await this.#first
    if (this.#run === undefined) throw new Error('not connected')
    const run = this.#run
    const args = [...keys, ...argumentsFor(run)]
    try {
      return await this.#client.evalsha(SHA, keys.length, ...args)
    } catch (error) {
      // Any other connection is not the one whose run that is.
      if (!(error as Error).message.startsWith('NOSCRIPT') || this.#run !== run) throw error
      return await this.#client.eval(SCRIPT, keys.length, ...args)
    }
  }

  /** Who is at the other end, and can it be relied upon? */
  async #meet(): Promise<void> {
    try {
      const info = await this.#client.info('server', 'memory')
      const policy = /^maxmemory_policy:(\w[\w-]*)/m.exec(info)?.[1]
      if (policy !== undefined && policy !== 'noeviction') {
        this.#warn(`maxmemory-policy is ${policy}: permits may be evicted; it takes noeviction`)
      }
      this.#run = /^run_id:(\w+)/m.exec(info)?.[1]
    } catch (error) {
      this.#warn(`INFO: ${(error as Error).message}`)
    }
  }
}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer in ${ms} ms`)), ms).unref()
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
