import {
  checkInteger,
  checkNames,
  checkNumber,
  checkObject,
  checkSignal,
  checkTimeout,
} from '../check.js'
import { ClosedError, QueueTimeoutError } from '../errors.js'
import { type Desk, WaitQueue } from '../queue/wait-queue.js'
import { Waiter, type WaiterOwner } from '../queue/waiter.js'
import type { Work } from '../run.js'
import { Permit, type PermitOwner } from './permit.js'

/** Of `acquire` and `run`. */
export interface AcquireOptions {
  /** How many, as one: an integer >= 1; default 1. */
  permits?: number | undefined
  /** Its abort rejects with its reason, and an aborted one never acquires; default none. */
  signal?: AbortSignal | undefined
  /** Milliseconds, >= 0; 0: only if free now; Infinity, the default: no timeout. */
  timeout?: number | undefined
  /** Any number but NaN; higher is served first; default 0. */
  priority?: number | undefined
}

/**
 * A fair, weighted, asynchronous semaphore.
 *
 * Order: waiters are served by priority, first come first served within one, and strictly: while
 * the head waits for more permits than are free, nobody of the same or a lower priority passes it.
 * Hand-off: permits that return go to their waiter inside `release`, before anyone else can ask.
 * Cancelling: an abort or a timeout takes the waiter out in O(1) and grants whoever now fits.
 * Cost: an acquire that need not wait allocates one permit and one promise, `tryAcquire` one permit.
 * Design after tokio::sync::Semaphore.
 */
export class Semaphore {
  /** The most permits a semaphore can have: 2^31 - 1. */
  static readonly MAX_PERMITS: number = 2 ** 31 - 1

  /** Permits out plus permits free. */
  #total: number
  /** Below 0 it is a debt of `resize`, paid by the permits that return. */
  #free: number
  #closed = false
  readonly #queue = new WaitQueue<Permit>()
  readonly #owner: WaiterOwner<Permit> & Desk<Permit> & PermitOwner = {
    leave: (waiter) => this.#queue.remove(waiter),
    cancelled: () => this.#queue.serve(this.#owner, 0),
    attend: (waiter) => this.#attend(waiter),
    giveBack: (count) => this.#giveBack(count),
    takeOut: (count) => {
      // What it owed the resize, it has paid by disappearing.
      const debt = Math.min(count, Math.max(-this.#free, 0))
      this.#free += debt
      this.#total -= count - debt
    },
  }

  /** @throws RangeError unless `permits` is an integer in 0..MAX_PERMITS, TypeError for no number. */
  constructor(permits: number) {
    checkInteger('permits', permits, 0, Semaphore.MAX_PERMITS)
    this.#total = permits
    this.#free = permits
  }

  /** Permits that are free, never below 0; they may be free while the head waits for more. */
  get availablePermits(): number {
    return Math.max(this.#free, 0)
  }

  /** How many acquires wait. */
  get waiting(): number {
    return this.#queue.size
  }

  /** `close` was called. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Resolves with a permit, at once if the permits are free and nobody of the same or a higher
   * priority waits. Rejects with the signal's reason when it aborts, with `SLUICE_QUEUE_TIMEOUT`
   * when the timeout passes, with `SLUICE_CLOSED` when the semaphore is or gets closed, and with a
   * RangeError or TypeError for bad options. A grant that came before the abort, wins.
   * More permits than there are at all are waited for, since `resize` and `addPermits` may bring them;
   * until then nobody behind of the same or a lower priority is served.
   */
  acquire(options?: AcquireOptions): Promise<Permit> {
    if (options === undefined) {
      if (this.#free >= 1 && this.#queue.size === 0 && !this.#closed) {
        this.#free--
        return grantAtOnce(this.#owner, 1)
      }
      return this.#acquire(1, undefined, Number.POSITIVE_INFINITY, 0)
    }
    try {
      checkObject('options', options)
      checkNames(options, ['permits', 'signal', 'timeout', 'priority'])
      const { permits = 1, signal, timeout = Number.POSITIVE_INFINITY, priority = 0 } = options
      checkInteger('permits', permits, 1, Semaphore.MAX_PERMITS)
      checkTimeout('timeout', timeout)
      checkNumber('priority', priority)
      if (signal !== undefined) checkSignal(signal)
      return this.#acquire(permits, signal, timeout, priority)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Runs the work with a permit, and gives that back however the work ends. Rejects as `acquire` does,
   * without calling `work`, or as the work does.
   */
  async run<T>(work: Work<T>, options?: AcquireOptions): Promise<T> {
    const permit = await this.acquire(options)
    try {
      return await work(options?.signal)
    } finally {
      permit.release()
    }
  }

  #acquire(
    permits: number,
    signal: AbortSignal | undefined,
    timeout: number,
    priority: number,
  ): Promise<Permit> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#closed) return Promise.reject(new ClosedError())
    if (this.#free >= permits && this.#queue.isClearFor(priority)) {
      this.#free -= permits
      return grantAtOnce(this.#owner, permits)
    }
    if (timeout === 0) return Promise.reject(new QueueTimeoutError())
    const waiter = new Waiter(this.#owner, permits, priority, 0)
    this.#queue.push(waiter, 0)
    waiter.watch(signal, timeout)
    return waiter.promise
  }

  /**
   * A permit now, or undefined: when too few are free, when anybody waits (it never overtakes), or
   * after `close`. @throws RangeError unless `permits` is an integer >= 1, TypeError for no number.
   */
  tryAcquire(permits = 1): Permit | undefined {
    if (permits !== 1) checkInteger('permits', permits, 1, Semaphore.MAX_PERMITS)
    if (this.#free < permits || this.#queue.size > 0 || this.#closed) return undefined
    this.#free -= permits
    return Permit.of(this.#owner, permits)
  }

  /** Adds free permits and serves waiters. @throws RangeError past MAX_PERMITS in all. */
  addPermits(n: number): void {
    checkInteger('n', n, 0, Semaphore.MAX_PERMITS - this.#total)
    this.#total += n
    this.#giveBack(n)
  }

  /** Takes up to `n` free permits away for good; returns how many: min(n, availablePermits). */
  forgetPermits(n: number): number {
    checkInteger('n', n, 0, Semaphore.MAX_PERMITS)
    const count = Math.min(n, this.availablePermits)
    this.#total -= count
    this.#free -= count
    return count
  }

  /**
   * Sets the total, out plus free. Growing serves waiters at once; shrinking below what is out
   * leaves a debt that returning permits pay before anyone is served.
   */
  resize(permits: number): void {
    checkInteger('permits', permits, 0, Semaphore.MAX_PERMITS)
    const change = permits - this.#total
    this.#total = permits
    this.#giveBack(change)
  }

  /**
   * Rejects all waiters, and every later acquire, with `SLUICE_CLOSED`. Permits that are out stay
   * valid and return as ever. Closing again does nothing.
   */
  close(): void {
    this.#closed = true
    this.#queue.cancelAll('closed', new ClosedError())
  }

  #giveBack(count: number): void {
    this.#free += count
    if (this.#queue.size > 0) this.#queue.serve(this.#owner, 0)
  }

  #attend(waiter: Waiter<Permit>): boolean {
    const { weight } = waiter
    if (this.#free < weight || this.#closed) return false
    this.#free -= weight
    waiter.grant(Permit.of(this.#owner, weight))
    return true
  }
}

/** An async function makes a resolved promise in fewer steps than `Promise.resolve`. */
async function grantAtOnce(owner: PermitOwner, count: number): Promise<Permit> {
  return Permit.of(owner, count)
}
