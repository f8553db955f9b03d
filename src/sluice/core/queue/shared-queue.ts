/**
 * A queue in which priorities can have a guaranteed share, so that no flood of more important work
 * starves them.
 *
 * Guarantee: while waiters of a priority with a share wait, no slot goes to others as long as fewer
 * than ceil(share * limit) are theirs; and ceil is floor for places in a full queue, so that a flood
 * cannot keep them from asking. Nothing is kept free: what they do not ask for serves all, and comes
 * back as its work ends. Where a limit is so small that these slots together are more than there are,
 * or leave none to a more important priority without a share, they take turns with it. Within a
 * priority the queue's order holds. Cost: O(shares) a step.
 */
import { checkNumberIn, checkObject, show, wrongValue } from '../check.js'
import type { Outcome, Token, TokenOwner } from '../limiter/token.js'
import { type QueueOrder, WaitQueue } from './wait-queue.js'
import type { Level, Waiter } from './waiter.js'

/** 0.1 * 30 is a bit more than 3. */
const ROUNDING = 1e-9

/** By priority, as the name of a property; each in (0, 1], at most 1 together. */
export type Shares = Readonly<Record<number, number>>

/** @throws RangeError or TypeError that names the share, what it got and what it takes. */
export function checkShares(shares: Shares): void {
  checkObject('queue.shares', shares)
  let sum = 0
  const known = new Set<number>()
  for (const [priority, share] of Object.entries(shares)) {
    if (priority.trim() === '' || Number.isNaN(Number(priority))) {
      throw wrongValue('queue.shares', show(priority), 'priorities: numbers')
    }
    if (known.has(Number(priority))) {
      throw wrongValue('queue.shares', show(priority), 'a priority once')
    }
    known.add(Number(priority))
    const takes = 'a number > 0 and <= 1'
    checkNumberIn(`queue.shares.${priority}`, share, takes, (n) => n > 0 && n <= 1)
    sum += share
  }
  if (sum > 1 + ROUNDING) {
    throw wrongValue('queue.shares', `${sum} together`, 'at most 1')
  }
}

/** The slots and places of one priority, or of all that have no share. */
class Class implements TokenOwner {
  readonly share: number
  readonly #owner: TokenOwner
  inFlight = 0
  queued = 0
  /** The number of the grant that was its last. */
  lastGrant = 0

  constructor(share: number, owner: TokenOwner) {
    this.share = share
    this.#owner = owner
  }

  get lender(): object | undefined {
    return this.#owner.lender
  }

  end(token: Token, outcome: Outcome, run: number | undefined, inFlight: number): void {
    this.inFlight--
    this.#owner.end(token, outcome, run, inFlight)
  }
}

export class SharedQueue extends WaitQueue<Token> {
  readonly #size: number
  readonly #slots: { readonly limit: number }
  readonly #classes = new Map<number, Class>()
  readonly #others: Class
  #grants = 0

  /**
   * @param size how many places there are.
   * @param slots how many slots there are, now and later.
   * @param owner to whom tokens report, through those that `granted` gives.
   */
  constructor(
    order: QueueOrder,
    size: number,
    shares: Shares,
    slots: { readonly limit: number },
    owner: TokenOwner,
  ) {
    super(order)
    this.#size = size
    this.#slots = slots
    for (const [priority, share] of Object.entries(shares)) {
      this.#classes.set(Number(priority), new Class(share, owner))
    }
    this.#others = new Class(0, owner)
  }

  /** To be told of each grant; gives the owner that its token must report to. */
  granted(priority: number): TokenOwner {
    const granted = this.#classOf(priority)
    granted.inFlight++
    granted.lastGrant = ++this.#grants
    return granted
  }

  override push(waiter: Waiter<Token>, now: number): void {
    super.push(waiter, now)
    this.#classOf(waiter.priority).queued++
  }

  override remove(waiter: Waiter<Token>): void {
    if (waiter.level !== undefined) this.#classOf(waiter.priority).queued--
    super.remove(waiter)
  }

  protected override peek(now: number): Waiter<Token> | undefined {
    const { limit } = this.#slots
    let due: number | undefined
    let longestAgo = Number.POSITIVE_INFINITY
    let guaranteed = 0
    for (const [priority, { share, inFlight, queued, lastGrant }] of this.#classes) {
      const slots = Math.ceil(share * limit - ROUNDING)
      guaranteed += slots
      if (queued > 0 && inFlight < slots && lastGrant < longestAgo) {
        due = priority
        longestAgo = lastGrant
      }
    }
    if (due === undefined) return super.peek(now)
    const first = this.#classOf((this.levels.at(-1) as Level<Token>).priority)
    if (first === this.#others) guaranteed++
    if (guaranteed > limit && first.lastGrant < longestAgo) return super.peek(now)
    const level = this.levels.find(({ priority }) => priority === due)
    return level === undefined ? undefined : this.firstOf(level, now)
  }

  override victim(priority: number): Waiter<Token> | undefined {
    const newcomer = this.#classOf(priority)
    const isOwed = newcomer.queued < this.#placesOf(newcomer)
    for (const level of this.levels) {
      const lowest = this.#classOf(level.priority)
      if (lowest.queued <= this.#placesOf(lowest)) continue
      return isOwed || level.priority < priority ? level.newest : undefined
    }
    return undefined
  }

  #placesOf({ share }: Class): number {
    return Math.floor(share * this.#size + ROUNDING)
  }

  #classOf(priority: number): Class {
    return this.#classes.get(priority) ?? this.#others
  }
}
