/**
 * What one process borrows of the limits of one name, be that one limit or one for each key: its
 * membership, the link that keeps it alive, and what that costs. Whoever opens a share is told of news.
 */
import type { Clock } from '../core/clock.js'
import type { SharedFindings, SharedState } from '../core/limiter/limiter-account.js'
import { Link } from './link.js'
import { Membership } from './membership.js'
import type { SharedLimiterSettings } from './options.js'
import type { Share } from './share.js'

export class Borrower {
  leasesLost = 0
  /** Admissions that had to wait for the store. */
  granted = 0
  /** Called when the lease has ended while it was in use. */
  onLost: () => void = () => {}
  readonly #clock: Clock
  readonly #wallClock: Clock
  readonly #membership: Membership
  readonly #link: Link
  readonly #listeners = new Map<Share, () => void>()
  #wasValid = false

  constructor(settings: SharedLimiterSettings) {
    this.#clock = settings.clock
    this.#wallClock = settings.wallClock
    this.#membership = new Membership(settings, settings.random)
    this.#link = new Link(this.#membership, settings, () => this.#hear())
  }

  get limit(): number {
    return this.#membership.limit
  }

  get members(): number {
    return this.#membership.members
  }

  get state(): SharedState {
    return this.#membership.state(this.#clock(), this.#wallClock())
  }

  /** How many of it may be in flight now; 0..Infinity. */
  allowance(share: Share): number {
    return this.#membership.allowance(share, this.#clock(), this.#wallClock())
  }

  /** @param onNews what is held, or may be used, may be another */
  open(key: string, onNews: () => void): Share {
    const share = this.#membership.open(key)
    this.#listeners.set(share, onNews)
    return share
  }

  /** What is held of it goes back, the rest as it ends. */
  close(share: Share): void {
    this.#membership.close(share)
    this.#listeners.delete(share)
    this.#link.touch()
  }

  /** Somebody waits, or nobody does any more, or a permit came free that nobody took. */
  changed(share: Share): void {
    if (share.queued > 0 || this.#membership.isEager(share)) this.#link.touch()
  }

  setLimit(limit: number): void {
    this.#membership.setLimit(limit)
    this.#link.touch()
  }

  /** Resolves when all is back, or can't be given back. */
  leave(): Promise<void> {
    this.#membership.leave()
    this.#link.touch()
    return this.#link.left
  }

  /** @param share permits that are held @param admitted of all that went through */
  findings(share: number, admitted: number): SharedFindings {
    const { limit: sharedLimit, members, state, leasesLost, granted } = this
    const { syncs, errors: storeErrors } = this.#link
    const admittedLocally = admitted - granted
    return {
      ...{ share, sharedLimit, members, state },
      ...{ syncs, storeErrors, leasesLost, admittedLocally },
    }
  }

  #hear(): void {
    const { lease, hasLeft } = this.#membership
    const isValid = lease.isValid(this.#clock(), this.#wallClock()) || hasLeft
    if (this.#wasValid && !isValid) {
      this.leasesLost++
      this.onLost()
    }
    this.#wasValid = isValid
    for (const onNews of this.#listeners.values()) onNews()
  }
}
