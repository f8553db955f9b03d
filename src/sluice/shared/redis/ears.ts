/**
 * The connection on which members are told what they were granted: a channel for each, and one for all
 * of a name. Whatever is lost there, or may not be heard, the next beat repairs.
 */
import type { Push } from '../protocol.js'
import { connectionLike, type RedisClient, renew } from './client.js'
import { toldBy } from './messages.js'

export interface Ear {
  /** Where all of its name are told. */
  channel: string
  /** Of the accounts of which it has last heard. */
  generation: string
  readonly callback: (push: Push) => void
}

export class Ears {
  readonly #client: RedisClient
  readonly #warn: (message: string) => void
  /** By member. */
  readonly #ears = new Map<string, Ear>()

  constructor(like: RedisClient, warn: (message: string) => void) {
    this.#warn = warn
    this.#client = connectionLike(like)
    // The other connection says the same.
    this.#client.on('error', () => {})
    this.#client.on('ready', () => this.#subscribe(this.#channels()))
    this.#client.on('message', (channel: string, message: string) => this.#hear(channel, message))
  }

  open(member: string, callback: (push: Push) => void): void {
    this.#ears.set(member, { channel: '', generation: '', callback })
  }

  /** From now on it hears what is said there. */
  tune(member: string, channel: string): void {
    const ear = this.#ears.get(member)
    if (ear === undefined || ear.channel === channel) return
    ear.channel = channel
    if (this.#client.status === 'ready') this.#subscribe([channel, channel + member])
  }

  renumber(member: string, generation: string): void {
    const ear = this.#ears.get(member)
    if (ear !== undefined) ear.generation = generation
  }

  shut(member: string): void {
    const ear = this.#ears.get(member)
    if (!this.#ears.delete(member) || ear === undefined || this.#client.status !== 'ready') return
    const others = new Set(this.#channels())
    const unused = [ear.channel, ear.channel + member].filter((channel) => !others.has(channel))
    this.#client.unsubscribe(...unused).catch(() => {})
  }

  renew(): void {
    renew(this.#client)
  }

  close(): void {
    this.#ears.clear()
    this.#client.disconnect()
  }

  #channels(): string[] {
    const tuned = [...this.#ears].filter(([, { channel }]) => channel !== '')
    return [...new Set(tuned.flatMap(([member, { channel }]) => [channel, channel + member]))]
  }

  #subscribe(channels: string[]): void {
    if (channels.length === 0) return
    this.#client.subscribe(...channels).catch(({ name, message }: Error) => {
      if (name === 'ReplyError') this.#warn(`grants are heard with the next beat: ${message}`)
    })
  }

  #hear(channel: string, message: string): void {
    const told = toldBy(message)
    for (const [member, ear] of this.#ears) {
      const isMeant = channel === ear.channel || channel === ear.channel + member
      if (isMeant) ear.callback({ generation: ear.generation, ...told })
    }
  }
}
