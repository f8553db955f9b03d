/**
 * The queue that Node hides, made explicit. Work that is parsed in one turn of the event loop is run
 * in that turn, one after the other, so that an overload makes turns long; a long turn keeps all
 * others waiting where nobody sees them, newcomers above all, since a turn accepts about one new
 * connection. Here a turn begins work for `budget` milliseconds; what those in flight still need of
 * the loop is bounded (see loop-room.ts); the rest waits in bounded queues, one for each class of
 * requests, and is run turn by turn. What waits too long is shed, as CoDel says, and who would is not
 * let in.
 *
 * Order: by priority; within one, classes share the loop's time (see loop-order.ts) by what their
 * requests cost it (see loop-costs.ts), and a class is first come first served. A request's wait is
 * counted from the beginning of the turn that parsed it: it has waited that long at least. Cancelling
 * and closing are a limiter's. Cost: a clock read and a token for each admission, one immediate a turn,
 * and O(classes that wait) where some do.
 */
import { type Clock, systemClock } from '../clock.js'
import { AccountedLimiter, LimiterAccount } from '../limiter/limiter-account.js'
import { type Loop, LoopClass } from './loop-class.js'
import { Arrivals, LoopCosts } from './loop-costs.js'
import { type LoopFindings, loopFindings } from './loop-findings.js'
import { LoopOrder } from './loop-order.js'
import { type LoopReading, LoopRoom } from './loop-room.js'
import { Turns } from './turns.js'

export interface LoopLimiterOptions {
  readonly name: string
  /** The longest that a turn runs work, in milliseconds, > 0. */
  readonly budget: number
  /** The longest wait that is no overload, in milliseconds, > 0. */
  readonly target: number
  /** How long waits must exceed the target, in milliseconds, >= target. */
  readonly interval: number
  /** How many may wait: an integer >= 0. */
  readonly size: number
  /** Says that nothing is to be let in now, whatever the queue. */
  readonly isSaturated?: () => boolean
  /** Called when it begins to have work in flight: from then on it wants to be told of the loop. */
  readonly onBusy?: () => void
  /** Monotonic milliseconds; default `performance.now`. */
  readonly clock?: Clock
}

/** How many classes' costs are told apart; the others keep what was average at first. */
const MOST_CLASSES = 64
/** Intervals that one may wait: whoever is never next, because others are more important. */
const LONGEST_WAIT = 10

export class LoopLimiter extends AccountedLimiter {
  readonly #budget: number
  readonly #size: number
  readonly #clock: Clock
  readonly #turns: Turns
  readonly #room = new LoopRoom()
  readonly #costs = new LoopCosts()
  readonly #classes: LoopClass[] = []
  readonly #arrivals = new Arrivals()
  readonly #order = new LoopOrder()
  readonly #loop: Loop
  /** Classes that wait or are in flight. */
  #busy = 0
  #inFlight = 0
  #queued = 0
  /** When what waits was last given a turn. */
  #drained = 0
  #last: LoopClass | undefined
  #closed = false

  constructor(options: LoopLimiterOptions) {
    const { name, budget, size, interval, target, isSaturated = () => false, onBusy } = options
    super(name, new LimiterAccount())
    this.#costs.add(this.#arrivals)
    this.#budget = budget
    this.#size = size
    this.#clock = options.clock ?? systemClock
    this.#turns = new Turns(this.#clock, {
      isWaiting: () => this.#next() !== undefined,
      run: (now) => this.#drain(now),
    })
    this.#loop = {
      account: this.account,
      codel: { target, interval },
      longestWait: LONGEST_WAIT * interval,
      outside: 0,
      now: this.#clock,
      turnBegan: (now) => this.#turns.begin(now),
      mayRun: (asking, priority, age) =>
        age < budget &&
        !this.#closed &&
        !(this.#turns.mayHaveMore && size > 0) &&
        !isSaturated() &&
        this.#hasRoom(asking) &&
        (this.#queued === 0 || (this.#next()?.queue.priority ?? priority) <= priority),
      isClosed: () => this.#closed,
      isSaturated,
      hasPlace: (priority) => this.#hasPlace(priority),
      queued: (asking) => {
        this.#queued++
        this.#order.waiting.add(asking)
        if (asking.queue.size === 1 && asking.inFlight === 0) this.#busy++
      },
      left: (leaving) => {
        this.#queued--
        if (leaving.queue.size > 0) return
        this.#order.waiting.delete(leaving)
        if (leaving.inFlight === 0) this.#busy--
      },
      begins: (one) => {
        if (one.cost === 0) this.#price(one)
        if (one.inFlight === 1 && one.queue.size === 0) this.#busy++
        if (this.#inFlight++ === 0) onBusy?.()
        this.#room.take(one.cost)
        this.#order.ran(one)
      },
      ends: (one) => {
        const held = this.#room.held - one.cost
        this.#room.held = --this.#inFlight === 0 ? 0 : Math.max(0, held)
        if (one.inFlight === 0 && one.queue.size === 0) this.#busy--
        if (this.#queued > 0) this.#turns.begin(this.#clock())
      },
    }
  }

  /** A class of requests, by its name, which shares the loop with the others. */
  create(name: string): LoopClass {
    const made = new LoopClass(name, this.#loop)
    this.#classes.push(made)
    return made
  }

  /** A loop runs one at a time. */
  get limit(): number {
    return 1
  }

  /** Whether it has work to run. */
  get inFlight(): number {
    return this.#queued > 0 ? 1 : 0
  }

  get queued(): number {
    return this.#queued + this.#loop.outside
  }

  override get loop(): LoopFindings {
    return loopFindings(this.#room, this.#classes)
  }

  get isBusy(): boolean {
    return this.#inFlight > 0
  }

  /** A connection came in: there may be more, and each needs a turn, which work would make long. */
  connected(): void {
    this.#turns.connected()
  }

  /**
   * How long this turn has run, in milliseconds: what is parsed now has waited that long at least.
   * @param now by the limiter's clock
   */
  age(now: number): number {
    return now - this.#turns.begin(now)
  }

  arrived(): void {
    this.#arrivals.count++
  }

  /** What the loop was like since the last time. */
  read(reading: LoopReading): void {
    if (this.#costs.collect(reading)) {
      this.#room.held = this.#classes.reduce((sum, { held }) => sum + held, 0)
    }
    this.#room.adjust(reading)
    if (this.#queued > 0) this.#turns.begin(this.#clock())
  }

  /** Whoever waits, and whoever comes, is rejected with `SLUICE_CLOSED`. */
  close(): void {
    this.#closed = true
    for (const { queue } of this.#classes) queue.cancelAll('closed', undefined)
  }

  /** At its first request. */
  #price(one: LoopClass): void {
    one.cost = this.#costs.average
    if (this.#costs.size < MOST_CLASSES) this.#costs.add(one)
  }

  /** All have room together, or it holds less than its part. */
  readonly #hasRoom = (asking: LoopClass): boolean => {
    if (this.#room.isFree || asking.held < this.#room.most / Math.max(2, this.#busy)) return true
    this.#room.want()
    return false
  }

  #hasPlace(priority: number): boolean {
    if (this.#queued < this.#size) return true
    return this.#order.victim(priority)?.cancel('pressure', undefined) === true
  }

  /** Whose turn it is, of those that have room. */
  #next(): LoopClass | undefined {
    return this.#order.next(this.#hasRoom)
  }

  /** A turn's worth of what waits: at least one, whatever its cost. */
  #drain(now: number): void {
    this.#drained = now
    this.#runNext(now)
  }

  /**
   * Lets one in, and comes back when it has run: behind its microtasks, and, since a body is read in
   * ticks, behind a tick of its own.
   */
  #runNext(now: number): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (!next.serve(now)) continue
      this.#last = next
      queueMicrotask(this.#goOnLater)
      return
    }
  }

  readonly #goOnLater = (): void => process.nextTick(this.#goOn)

  readonly #goOn = (): void => {
    const now = this.#clock()
    this.#last?.hasRun(now)
    if (now - this.#drained < this.#budget) this.#runNext(now)
  }
}
