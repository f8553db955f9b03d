/**
 * One process's part in the shared limits of one name, without a network: what it may have in flight,
 * when its next sync is due, what that says, and what an answer means. One sync is in flight at a time;
 * an answer to any other is not heard. Times are milliseconds, by a monotonic clock and by the time of
 * day; a lease that either of them calls over is.
 */
import type { SharedState } from '../core/limiter/limiter-account.js'
import { type Fallback, fallbackOf } from './fallback.js'
import { Lease } from './lease.js'
import type { Batch, Claim, Push, Reply } from './protocol.js'
import { beatOf, LONGEST_RETRY, nonce, PACE, PATIENCE } from './protocol.js'
import type { Share } from './share.js'
import { Shares } from './shares.js'

/** When idle permits go back: when somebody needs them (`loans`), or at once. */
export type SharedMode = 'loans' | 'strict'

export interface MembershipSettings {
  readonly name: string
  readonly limit: number
  readonly lease: number
  readonly mode: SharedMode
  readonly fallback: Fallback
}

/** Beats after which all others have heard how many there are. */
const KNOWN = 1.5

interface Sent {
  readonly seq: number
  readonly mono: number
  readonly wall: number
  readonly valid: boolean
  readonly leaving: boolean
}

export class Membership {
  readonly id: string
  readonly lease: Lease
  readonly #settings: MembershipSettings
  readonly #random: () => number
  readonly #beat: number
  readonly #keys = new Shares()
  readonly #shares: readonly Share[] = this.#keys.all
  #generation: string | undefined
  #seq = 0
  #sent: Sent | undefined
  #lastSent = Number.NEGATIVE_INFINITY
  #beatAt = Number.NEGATIVE_INFINITY
  #againAt = Number.POSITIVE_INFINITY
  #retryAt = Number.NEGATIVE_INFINITY
  #failed = false
  #learning = false
  /** The store does not know all that is in flight. */
  #untold = false
  #ownLimit: number
  #setsLimit = false
  #limit: number
  #members = 0
  /** When its generation began: the others did not know of it before. */
  #since = 0
  /** Among how many the limit is even without the store; 0: not all may know. */
  #sharers = 0
  #leaving = false
  #left = false

  /** @param random gives [0, 1): for names that nobody else has, and retries that do not meet */
  constructor(settings: MembershipSettings, random: () => number) {
    this.#settings = settings
    this.#random = random
    this.id = nonce(this.#random)
    this.lease = new Lease(settings.lease)
    this.#beat = beatOf(settings.lease)
    this.#ownLimit = this.#limit = settings.limit
  }

  /** Over all processes, as last heard. */
  get limit(): number {
    return this.#limit
  }

  /** Live ones, as last heard; 0 before the first answer. */
  get members(): number {
    return this.#members
  }

  /** What is idle goes back with the next sync, and that is due now. */
  isEager({ contended }: Share): boolean {
    return contended || this.#leaving || this.#settings.mode === 'strict'
  }

  /** All that it held is back, or can't be given back. */
  get hasLeft(): boolean {
    return this.#left
  }

  open(key: string): Share {
    return this.#keys.open(key)
  }

  close(share: Share): void {
    this.#keys.close(share)
  }

  state(mono: number, wall: number): SharedState {
    if (this.lease.isValid(mono, wall) && !this.#left) return this.#learning ? 'learning' : 'joined'
    return this.#generation === undefined && !this.#failed ? 'joining' : 'lost'
  }

  /** How many may be in flight: what is held, or, without a valid lease, what the fallback says. */
  allowance(share: Share, mono: number, wall: number): number {
    if (this.#leaving) return 0
    const age = this.lease.age(mono, wall)
    if (age < this.lease.length / 2) return share.held
    return fallbackOf(this.#settings.fallback, this.#limit, this.#sharers, share.held, {
      age,
      lease: this.lease.length,
    })
  }

  /** When the next sync is due, by the monotonic clock; one that is in flight is given up then. */
  dueAt(mono: number, wall: number): number {
    if (this.#left) return Number.POSITIVE_INFINITY
    if (this.#sent !== undefined) return this.#sent.mono + PATIENCE * this.#beat
    if (this.#failed) return this.#retryAt
    if (this.#untold || this.#setsLimit || !this.lease.isValid(mono, wall)) return mono
    const due = Math.min(this.#beatAt, this.#againAt)
    if (!this.#isUrgent()) return due
    const isPaced = this.#shares.some(({ contended }) => contended)
    return Math.min(due, isPaced ? this.#lastSent + PACE : mono)
  }

  /** The next sync, to be sent now. */
  next(mono: number, wall: number): Batch {
    if (this.#sent !== undefined) this.#miss(mono, wall)
    const valid = this.lease.isValid(mono, wall)
    const isBeat = mono >= this.#beatAt
    if (isBeat) this.#beatAt = mono + this.#beat
    const leaving = this.#leaving && this.#shares.every(({ inFlight }) => inFlight === 0)
    const seq = ++this.#seq
    this.#sent = { seq, mono, wall, valid, leaving }
    this.#lastSent = mono
    this.#againAt = Number.POSITIVE_INFINITY
    this.#untold = false
    return {
      ...{ name: this.#settings.name, member: this.id, seq, valid, leaving },
      ...{ generation: this.#generation, nonce: nonce(this.#random), lease: this.lease.length },
      ...{ limit: this.#ownLimit, limitForAll: this.#setsLimit },
      claims: this.#claims(valid, isBeat, mono, wall),
    }
  }

  /** Anything but the answer to the last sync is not heard. */
  answered(reply: Reply, mono: number): void {
    const sent = this.#sent
    if (sent === undefined || reply.seq !== sent.seq) return
    this.#sent = undefined
    this.#failed = false
    this.lease.renew(sent.mono, sent.wall)
    if (sent.leaving) this.#left = true
    if (reply.generation !== this.#generation) this.#renumber(reply.generation, sent.mono)
    else if (!sent.valid) for (const share of this.#shares) share.forgive()
    this.#setsLimit &&= reply.ownLimit !== this.#ownLimit
    if (!this.#setsLimit) this.#ownLimit = reply.ownLimit
    this.#limit = reply.limit
    this.#members = reply.members
    this.#sharers = sent.mono - this.#since < KNOWN * this.#beat ? 0 : reply.members
    this.#learning = reply.learning
    this.#againAt = mono + (reply.again ?? Number.POSITIVE_INFINITY)
    for (const standing of reply.standings) this.#keys.take(standing, true)
    if (this.#shares.some(({ inFlight, held }) => inFlight > held)) this.#untold = true
  }

  /** The sync with that number was rejected. */
  failed(seq: number, mono: number, wall: number): void {
    if (this.#sent?.seq !== seq) return
    this.#sent = undefined
    this.#retryAt = mono + (Math.min(this.#beat, LONGEST_RETRY) * (1 + this.#random())) / 2
    this.#miss(mono, wall)
  }

  told(push: Push): void {
    // One that leaves has no use for more, and what it has not heard of goes with it.
    if (this.#leaving || push.generation !== this.#generation) return
    this.#keys.take(push, false)
  }

  /** For all processes. */
  setLimit(limit: number): void {
    this.#ownLimit = limit
    this.#setsLimit = true
  }

  /** From now on nothing is admitted, and what comes free goes back at once. */
  leave(): void {
    this.#leaving = true
    for (const share of this.#shares) share.yield()
  }

  #miss(mono: number, wall: number): void {
    this.#failed = true
    // Nobody is there to give anything back to: the lease has ended by itself.
    if (!this.#leaving || this.#shares.some(({ inFlight }) => inFlight > 0)) return
    if (this.lease.age(mono, wall) >= this.lease.length) this.#left = true
  }

  #isUrgent(): boolean {
    if (this.#leaving && this.#shares.every(({ inFlight }) => inFlight === 0)) return true
    return this.#shares.some(
      (share) => share.lacks || (this.isEager(share) && (share.owes || share.isUnneeded)),
    )
  }

  #claims(valid: boolean, isBeat: boolean, mono: number, wall: number): Claim[] {
    const { fallback, mode } = this.#settings
    return this.#shares
      .filter(({ hasNews }) => hasNews)
      .map((share) => {
        if (!valid) share.hold(fallback === 'share' ? this.allowance(share, mono, wall) : 0)
        else if (share.inFlight > share.held) share.hold(share.held)
        else if (isBeat) share.beat()
        if (valid && this.isEager(share) && share.isUnneeded) share.yield()
        return share.claim(mode === 'strict')
      })
  }

  #renumber(generation: string, mono: number): void {
    this.#generation = generation
    this.#since = mono
    for (const share of this.#shares) {
      share.renumber()
      if (share.inFlight > 0) this.#untold = true
    }
  }
}
