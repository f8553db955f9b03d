/**
 * What one process holds of one shared limit, and what it tells the store of it. Idle permits stay until
 * somebody starves, or until they went unused for a whole beat; while somebody does, they go back with the
 * next sync (until that is sent they may be used), and so do those above the fair level as they come free.
 */
import type { Claim, Standing } from './protocol.js'

/** The part of what it wants that it would like to have beyond. */
const SPARE = 1 / 8

export class Share {
  readonly key: string
  inFlight = 0
  queued = 0
  /** Of the most important that waits; any number where nobody does. */
  priority = 0
  /** Cumulative. */
  #seen = 0
  /** Cumulative, never more than was seen. */
  #returned = 0
  #contended = false
  #level = Number.POSITIVE_INFINITY
  /** In flight on permits that may be others' by now: they go back as it ends, and nobody is admitted on them. */
  #owed = 0
  /** The most in flight since the beat began. */
  #peak = 0
  #told = { seen: 0, returned: 0, want: 0 }
  #settled = false

  /** @param floor where its counts begin */
  constructor(key: string, floor = 0) {
    this.key = key
    this.#seen = floor
    this.#returned = floor
    this.#told.seen = floor
    this.#told.returned = floor
  }

  /** Permits: what it may have in flight while its lease is valid. */
  get held(): number {
    return this.#seen - this.#returned
  }

  get idle(): number {
    return Math.max(0, this.held - this.inFlight)
  }

  /** It has idle permits, and nobody waits. */
  get isUnneeded(): boolean {
    return this.queued === 0 && this.idle > 0
  }

  get want(): number {
    return this.inFlight + this.queued
  }

  /** Somebody starves: what is idle has to go back. */
  get contended(): boolean {
    return this.#contended
  }

  /** The highest of its counts. */
  get count(): number {
    return this.#seen
  }

  /** The store knows that nothing of it is held or wanted. */
  get isSettled(): boolean {
    return this.#settled && this.held === 0 && this.want === 0 && !this.owes
  }

  /** Of many keys only those that are in use are spoken of. */
  get hasNews(): boolean {
    return this.key === '' || !this.isSettled
  }

  /** The last claim has been answered. */
  settle(): void {
    this.#settled = this.#told.want === 0
  }

  /** @returns how many are in flight then */
  begin(): number {
    if (++this.inFlight > this.#peak) this.#peak = this.inFlight
    return this.inFlight
  }

  end(): void {
    this.inFlight--
    if (this.#owed > 0) {
      this.#owed--
      this.#returned++
    } else if (this.#contended && this.held > this.#level && this.idle > 0) this.#returned++
  }

  /** Gives back what is idle; the store learns of it with the next claim. */
  yield(): void {
    this.#returned += this.idle
  }

  /** The end of a beat: what went unused for all of it goes back. */
  beat(): void {
    this.#returned += Math.max(0, this.held - this.#peak)
    this.#peak = this.inFlight
  }

  /** Has that many, whatever was granted; what is in flight beyond is held until it ends, and owed. */
  hold(permits: number): void {
    const least = Math.max(permits, this.inFlight)
    this.#owed = Math.max(this.#owed, this.inFlight - permits)
    if (this.held > least) this.#returned = this.#seen - least
    else this.#seen = this.#returned + least
  }

  /** Nobody else was ever granted what it held. */
  forgive(): void {
    this.#owed = 0
  }

  /** What it holds is counted anew: only what is in flight is sure, and owed as far as the store was not told. */
  renumber(): void {
    this.#seen = this.#returned + this.inFlight
    this.#owed = Math.max(this.#owed, this.#seen - this.#told.seen)
  }

  take({ granted, contended, level }: Standing): void {
    this.#seen = Math.max(this.#seen, granted)
    this.#contended = contended
    this.#level = level
  }

  /** The store does not know how much more it could use. */
  get lacks(): boolean {
    if (this.queued === 0 || this.want <= this.held) return false
    return this.#told.want <= this.held || this.want >= 2 * this.#told.want
  }

  /** It has given back what the store does not know of. */
  get owes(): boolean {
    return this.#returned > this.#told.returned
  }

  /** @param isModest takes no more than it wants */
  claim(isModest: boolean): Claim {
    const { want } = this
    const isShort = want > this.held && !this.#contended && !isModest
    this.#told = { seen: this.#seen, returned: this.#returned, want }
    this.#settled = false
    return {
      ...{ key: this.key, seen: this.#seen, returned: this.#returned, want },
      spare: isShort ? Math.ceil(want * SPARE) : 0,
      priority: this.queued === 0 ? 0 : finite(this.priority),
    }
  }
}

/** A message holds no infinite number. */
function finite(priority: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(priority, Number.MAX_VALUE))
}
