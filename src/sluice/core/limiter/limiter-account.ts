/** What went through a limiter and what did not: counts since it was made. */
import { Histogram } from '../histogram.js'
import { type FoundLimit, foundLimit, type LimitFindings } from '../limits/findings.js'
import type { LoopFindings } from '../loop/loop-findings.js'
import type { CancelReason } from '../queue/waiter.js'

/** Why work was shed; `store`: only where the limit is shared. */
export type RejectReason = CancelReason

/** How many were shed, by reason; `store` only where the limit is shared. */
export type Rejections = Record<Exclude<RejectReason, 'store'>, number> & { store?: number }

/** Of a limit that is shared with other processes, as this one knows it. */
export interface SharedStanding {
  /** Permits that this process holds now; may be 0. */
  readonly share: number
  /** The limit over all processes, as last heard. */
  readonly sharedLimit: number
  /** Live processes, as last heard; 0 before the first answer. */
  readonly members: number
  /** How it stands with the store. */
  readonly state: SharedState
}

/** `joining`: nothing was answered yet; `lost`: no valid lease, and the last sync failed or is late. */
export type SharedState = 'joining' | 'joined' | 'learning' | 'lost'

/** What it cost to share it, since the limiter was made. */
export interface SharedFindings extends SharedStanding {
  /** How long the store took to answer, in milliseconds. */
  readonly syncs: Histogram
  /** Calls of the store that failed, or were given up. */
  readonly storeErrors: number
  readonly leasesLost: number
  /** Of the admitted, those for whom nothing had to come from the store. */
  readonly admittedLocally: number
}

/** A limiter as of now, as plain data. */
export interface LimiterSnapshot extends Partial<SharedStanding> {
  /** Its own, in metrics, too. */
  readonly name: string
  /** How many may be in flight. */
  readonly limit: number
  /** How many are. */
  readonly inFlight: number
  /** How many wait. */
  readonly queued: number
  /** How many were let through since it was made. */
  readonly admitted: number
  /** How many were shed since it was made, by reason. */
  readonly rejected: Readonly<Rejections>
  /** Of the admitted, those whose work went on for too long after its answer. */
  readonly abandoned: number
  /** How long the admitted waited, in milliseconds; 0 without data. */
  readonly waitMs: { readonly p50: number; readonly p99: number }
  /** What limits that find themselves saw, and why they moved; absent where there are none. */
  readonly found?: readonly FoundLimit[]
  /** Of the event loop's limiter: what it sees of the loop. */
  readonly loop?: LoopFindings
}

/** What can be seen of every limiter. */
interface AnyLimiterView {
  /** Its own, in snapshots and metrics. */
  readonly name: string
  /** How many may be in flight: an integer >= 1. */
  readonly limit: number
  /** How many are. */
  readonly inFlight: number
  /** How many wait. */
  readonly queued: number
  /** How many were let through since it was made. */
  readonly admitted: number
  /** How many were shed since it was made, by reason. */
  readonly rejected: Readonly<Rejections>
  /** Of the admitted, those whose work went on for too long after its answer. */
  readonly abandoned: number
  /** How long the admitted waited. @internal */
  readonly waits: Histogram
  /** @internal */
  readonly found?: readonly FoundLimit[] | undefined
  /** @internal */
  readonly loop?: LoopFindings | undefined
  /** @internal */
  readonly shared?: SharedFindings | undefined
  /** All of it as plain data. */
  snapshot(): LimiterSnapshot
  /** Ends admission for good: waiters and newcomers are refused with `SLUICE_CLOSED`. */
  close(): void
}

/** Its limit may be changed. */
interface FixedLimiterView extends AnyLimiterView {
  /** No algorithm finds the limit. */
  readonly isFixed: true
  /** Changes the limit: the limiter's, or that of each of its keys. As `Limiter.setLimit`. */
  setLimit(limit: number): void
}

/** Its limit finds itself. */
interface FoundLimiterView extends AnyLimiterView {
  /** An algorithm finds the limit, or nothing can change it; absent: so it is. */
  readonly isFixed?: false
  /** Throws a TypeError where it is. */
  setLimit?(limit: number): void
}

/**
 * Whatever has a limit, a queue and an account: one limiter, or one for each of many keys. Where it
 * `isFixed`, `setLimit` may change it.
 */
export type LimiterView = FixedLimiterView | FoundLimiterView

export class LimiterAccount {
  admitted = 0
  abandoned = 0
  readonly rejected: Rejections = {
    queue_full: 0,
    queue_timeout: 0,
    deadline: 0,
    pressure: 0,
    closed: 0,
    aborted: 0,
  }
  /** How long the admitted waited. */
  readonly waits: Histogram = new Histogram()

  count(reason: RejectReason): void {
    this.rejected[reason] = (this.rejected[reason] ?? 0) + 1
  }

  /** Counts a rejection, and is it. */
  reject(reason: RejectReason, error: unknown): Promise<never> {
    this.count(reason)
    return Promise.reject(error)
  }
}

export function takeLimiterSnapshot(
  view: AnyLimiterView,
  account: LimiterAccount,
): LimiterSnapshot {
  const { found, loop, shared } = view
  return {
    name: view.name,
    limit: view.limit,
    inFlight: view.inFlight,
    queued: view.queued,
    admitted: account.admitted,
    rejected: { ...account.rejected },
    abandoned: account.abandoned,
    waitMs: { p50: account.waits.quantile(0.5), p99: account.waits.quantile(0.99) },
    ...(found === undefined ? {} : { found }),
    ...(loop === undefined ? {} : { loop }),
    ...(shared === undefined ? {} : standingOf(shared)),
  }
}

function standingOf({ share, sharedLimit, members, state }: SharedStanding): SharedStanding {
  return { share, sharedLimit, members, state }
}

/** What a limiter has beside its limit and its queue: a name, and accounts. */
export abstract class AccountedLimiter implements AnyLimiterView {
  readonly name: string
  abstract readonly limit: number
  abstract readonly inFlight: number
  abstract readonly queued: number
  /** How many wait for something else before they may ask it. @internal */
  outside = 0
  protected readonly account: LimiterAccount
  /** Of its limit, where that finds itself and can tell. */
  protected findings: LimitFindings | undefined = undefined

  constructor(name: string, account: LimiterAccount) {
    this.name = name
    this.account = account
  }

  get admitted(): number {
    return this.account.admitted
  }

  get rejected(): Readonly<Rejections> {
    return this.account.rejected
  }

  get abandoned(): number {
    return this.account.abandoned
  }

  /** @internal */
  get found(): readonly FoundLimit[] | undefined {
    return this.findings && [foundLimit(this, this.findings)]
  }

  /** @internal */
  get loop(): LoopFindings | undefined {
    return undefined
  }

  /** @internal */
  get shared(): SharedFindings | undefined {
    return undefined
  }

  /** @internal */
  get waits(): Histogram {
    return this.account.waits
  }

  /** For the plugin: work that it shed before it came here. @internal */
  countRejected(reason: RejectReason): void {
    this.account.count(reason)
  }

  snapshot(): LimiterSnapshot {
    return takeLimiterSnapshot(this, this.account)
  }

  abstract close(): void
}
