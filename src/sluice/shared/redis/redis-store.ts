/**
 * A store in Redis or Valkey, 7.0 or later, used as it is. A sync is one call of one script; grants come
 * by publish and subscribe, or with the next beat. Two connections of its own go where the client's
 * goes, and fail fast: a sync is answered, or rejects after two beats, 2 s at most; after as long
 * without a word they connect anew.
 *
 * Guarantee: that of `MemoryStore`, also over restarts, lost data and failovers: for a lease after data
 * may have been lost nothing is granted. Eviction is the exception: `maxmemory-policy` has to be
 * `noeviction`, and a warning says where it is not.
 * Of an ACL it takes keys and channels that begin with the prefix, and `+@read +@write +@scripting
 * +@pubsub +@connection +info +time`.
 */
import { checkNames, checkObject, show, wrongType } from '../../core/check.js'
import { ClosedError } from '../../core/errors.js'
import { type Batch, beatOf, type Push, type Reply, type SharedStore } from '../protocol.js'
import type { RedisClient } from './client.js'
import { Connection } from './connection.js'
import { Ears } from './ears.js'
import { argumentsOf, replyOf } from './messages.js'
import { KEYS } from './script.js'
import { clientOptionsOf } from './url.js'

/** Beats without an answer. */
const SILENCE = 2

/** Options of `new RedisStore(options)`. */
export interface RedisStoreOptions {
  /** Of ioredis 6 or later, or of iovalkey: tells where to connect, and is not used otherwise. */
  client: RedisClient
  /** Of all keys and channels; default `sluice`. */
  prefix?: string | undefined
  /**
   * Hears once of each thing that is wrong, and again after all was well; default
   * `process.emitWarning`.
   */
  onWarning?: ((message: string) => void) | undefined
}

/** A store in Redis or Valkey, 7.0 or later, with `maxmemory-policy noeviction`. */
export class RedisStore implements SharedStore {
  readonly #prefix: string
  readonly #connection: Connection
  readonly #ears: Ears
  readonly #warned = new Set<string>()
  #closed = false

  /**
   * A store at `redis://user:password@host:port/db`, `rediss://` for TLS, or
   * `redis+sentinel://host,host/name`. The password is in no message of it.
   * @param Client the class `Redis` of ioredis or iovalkey
   * @throws RangeError for any other URL, which it does not repeat
   */
  static connect(
    Client: new (options: object) => RedisClient,
    url: string,
    options: Omit<RedisStoreOptions, 'client'> = {},
  ): RedisStore {
    const client = new Client({ ...clientOptionsOf(url), lazyConnect: true })
    return new RedisStore({ ...options, client })
  }

  /** @throws TypeError or RangeError that names the option, what it got and what it takes. */
  constructor(options: RedisStoreOptions) {
    checkObject('options', options)
    checkNames(options, ['client', 'prefix', 'onWarning'])
    const { client, prefix = 'sluice', onWarning = emitWarning } = options
    if (typeof client?.duplicate !== 'function') {
      throw wrongType('client', typeof client, 'a client of ioredis or iovalkey')
    }
    if (typeof prefix !== 'string') throw wrongType('prefix', show(prefix), 'a string')
    if (typeof onWarning !== 'function') {
      throw wrongType('onWarning', show(onWarning), 'a function')
    }
    const warn = (message: string): void => {
      if (this.#closed || this.#warned.has(message)) return
      this.#warned.add(message)
      onWarning(message)
    }
    this.#prefix = prefix
    this.#ears = new Ears(client, warn)
    this.#connection = new Connection(client, warn, () => this.#ears.renew())
  }

  async sync(batch: Batch): Promise<Reply> {
    if (this.#closed) throw new ClosedError()
    const { name, member, lease } = batch
    const base = `${this.#prefix}:{${name}}:`
    this.#ears.tune(member, base)
    const values = await this.#connection.call(
      KEYS.map((key) => base + key),
      (run) => argumentsOf(batch, run),
      SILENCE * beatOf(lease),
    )
    this.#warned.clear()
    const reply = replyOf(batch, values)
    this.#ears.renumber(member, reply.generation)
    return reply
  }

  listen(member: string, callback: (push: Push) => void): Disposable {
    this.#ears.open(member, callback)
    return { [Symbol.dispose]: () => this.#ears.shut(member) }
  }

  /** Ends both connections; what is on its way rejects. */
  close(): void {
    this.#closed = true
    this.#connection.close()
    this.#ears.close()
  }
}

function emitWarning(message: string): void {
  process.emitWarning(`The store of shared limits: ${message}`, 'SluiceWarning')
}
