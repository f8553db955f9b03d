/**
 * The limiter against a model of it: thousands of random interleavings of acquire, the three ends of
 * a token, abort, timeout, close and a limit that moves, found or set, in all three orders of the
 * queue, with shares and without; after every step the bound, the order and the accounts.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  type LimitAlgorithm,
  Limiter,
  type QueueOrder,
  type Token,
} from '../../../src/sluice/index.js'
import { fakeClock } from '../../support/clock.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const QUEUE_SIZE = 4
/** Milliseconds that no run here lasts; a queue without a time-out says itself how long is too long. */
const QUEUE_TIMEOUT = 3_600_000

type Step =
  | { kind: 'acquire'; priority: number; timeout: number | undefined }
  | { kind: 'tryAcquire'; priority: number }
  | { kind: 'succeed' | 'drop' | 'ignore' | 'abort'; which: number }
  | { kind: 'limit' | 'advance'; n: number }
  | { kind: 'close' }

const which = fc.nat(10)
// Any number but NaN is one: those without end are the lowest and the highest there are.
const priority = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -1, max: 1 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY) },
)
const timeout = fc.option(fc.constantFrom(0, 20, 150), { nil: undefined })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 90, arbitrary: fc.record({ kind: fc.constant('acquire'), priority, timeout }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('tryAcquire'), priority }) },
  {
    weight: 60,
    arbitrary: fc.record({ kind: fc.constantFrom('succeed', 'drop', 'ignore'), which }),
  },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('abort'), which }) },
  {
    weight: 30,
    arbitrary: fc.record({ kind: fc.constantFrom('limit', 'advance'), n: fc.nat(6) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'close' }) },
) as fc.Arbitrary<Step>

interface ModelWaiter {
  id: number
  priority: number
  expires: number
}

class Model {
  readonly settled: string[] = []
  waiters: ModelWaiter[] = []
  inFlight = 0
  limit = 2
  closed = false
  now = 0
  readonly held = new Map<number, number>()
  readonly #order: QueueOrder
  readonly #shares: Record<number, number>
  readonly #lastGrants = new Map<number | 'others', number>()
  #grants = 0
  #nonEmptySince = 0

  constructor(order: QueueOrder, shares: Record<number, number>) {
    this.#order = order
    this.#shares = shares
  }

  isFree(priority: number): boolean {
    const blocked = this.waiters.some((waiter) => waiter.priority >= priority)
    return !this.closed && this.inFlight < this.limit && !blocked
  }

  acquire(waiter: ModelWaiter, timeout: number | undefined): void {
    if (this.isFree(waiter.priority)) return this.grant(waiter)
    if (this.closed) return this.settle(waiter.id, 'SLUICE_CLOSED')
    if (timeout === 0) return this.settle(waiter.id, 'SLUICE_QUEUE_TIMEOUT')
    if (this.waiters.length >= QUEUE_SIZE) {
      const victim = this.victim(waiter.priority)
      if (victim === undefined) return this.settle(waiter.id, 'SLUICE_QUEUE_FULL')
      this.leave(victim.id, 'SLUICE_QUEUE_FULL')
    }
    if (this.waiters.length === 0) this.#nonEmptySince = this.now
    this.waiters.push(waiter)
  }

  leave(id: number, outcome: string): void {
    const index = this.waiters.findIndex((waiter) => waiter.id === id)
    if (index < 0) return
    this.waiters.splice(index, 1)
    this.settle(id, outcome)
  }

  victim(priority: number): ModelWaiter | undefined {
    const beyond = this.waiters.filter(
      (waiter) => this.waiting(waiter.priority).length > this.places(waiter.priority),
    )
    const lowest = Math.min(...beyond.map((waiter) => waiter.priority))
    const isOwed = this.waiting(priority).length < this.places(priority)
    if (!isOwed && lowest >= priority) return undefined
    return beyond.findLast((waiter) => waiter.priority === lowest)
  }

  end(priority: number, limit: number | undefined): void {
    this.inFlight--
    this.held.set(priority, this.holds(priority) - 1)
    if (limit !== undefined) this.limit = Math.max(limit, 1)
    this.admit()
  }

  admit(): void {
    while (!this.closed && this.inFlight < this.limit && this.waiters.length > 0) {
      const level = this.waiting(this.next())
      const old = this.now - this.#nonEmptySince > 100
      const newestFirst = this.#order === 'lifo' || (this.#order === 'adaptive' && old)
      const next = (newestFirst ? level.at(-1) : level[0]) as ModelWaiter
      this.waiters = this.waiters.filter((waiter) => waiter !== next)
      this.grant(next)
    }
  }

  /** The priority that is next. */
  next(): number {
    const top = Math.max(...this.waiters.map(({ priority }) => priority))
    const [due] = this.owed().sort((a, b) => this.lastGrant(a) - this.lastGrant(b))
    if (due === undefined) return top
    return this.isTight() && this.lastGrant(top) < this.lastGrant(due) ? top : due
  }

  /** Priorities that wait and have less than their share. */
  owed(): number[] {
    const shared = Object.keys(this.#shares).map(Number)
    return shared.filter(
      (priority) =>
        this.waiting(priority).length > 0 && this.holds(priority) < this.slots(priority),
    )
  }

  /** Not enough slots for all shares, or none for the others that are more important. */
  isTight(): boolean {
    const sum = Object.keys(this.#shares).reduce((sum, key) => sum + this.slots(Number(key)), 0)
    const top = Math.max(...this.waiters.map(({ priority }) => priority))
    return sum + (top in this.#shares ? 0 : 1) > this.limit
  }

  waiting(priority: number): ModelWaiter[] {
    return this.waiters.filter((waiter) => waiter.priority === priority)
  }

  holds(priority: number): number {
    return this.held.get(priority) ?? 0
  }

  slots(priority: number): number {
    return Math.ceil((this.#shares[priority] ?? 0) * this.limit)
  }

  places(priority: number): number {
    return Math.floor((this.#shares[priority] ?? 0) * QUEUE_SIZE)
  }

  lastGrant(priority: number): number {
    return this.#lastGrants.get(priority in this.#shares ? priority : 'others') ?? 0
  }

  advance(ms: number): void {
    this.now += ms
    const due = this.waiters.filter(({ expires }) => expires <= this.now)
    for (const { id } of due.sort((a, b) => a.expires - b.expires || a.id - b.id)) {
      this.leave(id, 'SLUICE_QUEUE_TIMEOUT')
    }
  }

  close(): void {
    this.closed = true
    // Highest priority and oldest first.
    const gone = this.waiters.toSorted((a, b) => Math.sign(b.priority - a.priority) || 0)
    this.waiters = []
    for (const { id } of gone) this.settle(id, 'SLUICE_CLOSED')
  }

  grant({ id, priority }: Pick<ModelWaiter, 'id' | 'priority'>): void {
    this.take(priority)
    this.settle(id, 'granted')
  }

  take(priority: number): void {
    this.inFlight++
    this.held.set(priority, this.holds(priority) + 1)
    this.#lastGrants.set(priority in this.#shares ? priority : 'others', ++this.#grants)
  }

  settle(id: number, outcome: string): void {
    this.settled.push(`${id} ${outcome}`)
  }
}

class Pair {
  readonly real: Limiter
  readonly model: Model
  readonly settled: string[] = []
  readonly tokens: { token: Token; priority: number }[] = []
  readonly controllers = new Map<number, AbortController>()
  readonly algorithm: LimitAlgorithm & { limit: number } = { limit: 2, onSample: () => 0 }
  readonly clock = fakeClock()
  #id = 0

  constructor(limit: 'found' | 'set', order: QueueOrder, shares?: Record<number, number>) {
    const queue = { size: QUEUE_SIZE, timeout: QUEUE_TIMEOUT, order, shares }
    const given = limit === 'found' ? this.algorithm : this.algorithm.limit
    this.real = new Limiter({ limit: given, queue, clock: this.clock })
    this.model = new Model(order, shares ?? {})
  }

  async run(step: Step): Promise<void> {
    this.#act(step)
    for (let turn = 0; turn < 8; turn++) await Promise.resolve()
    this.#check()
  }

  #act(step: Step): void {
    const { real, model, tokens } = this
    if (step.kind === 'acquire') this.#acquire(step)
    else if (step.kind === 'tryAcquire') {
      const expected = model.isFree(step.priority)
      const token = real.tryAcquire({ priority: step.priority })
      expect(token !== undefined).toBe(expected)
      if (token === undefined) return
      model.take(step.priority)
      tokens.push({ token, priority: step.priority })
    } else if (step.kind === 'abort') {
      const waiting = model.waiters[step.which % Math.max(model.waiters.length, 1)]
      if (waiting === undefined) return
      this.controllers.get(waiting.id)?.abort('left')
      model.leave(waiting.id, 'left')
    } else if (step.kind === 'limit') {
      this.algorithm.limit = step.n
      if (!real.isFixed) return
      model.limit = Math.max(step.n, 1)
      model.admit()
      real.setLimit(model.limit)
    } else if (step.kind === 'advance') {
      this.clock.advance(step.n * 10)
      vi.advanceTimersByTime(step.n * 10)
      model.advance(step.n * 10)
    } else if (step.kind === 'close') {
      real.close()
      model.close()
    } else if ('which' in step) {
      const [taken] = tokens.splice(step.which % Math.max(tokens.length, 1), 1)
      if (taken === undefined) return
      const { token, priority } = taken
      // A sample needs a time that has passed.
      const sampled = !real.isFixed && step.kind !== 'ignore' && this.clock() > token.startTime
      model.end(priority, sampled ? this.algorithm.limit : undefined)
      token[step.kind]()
      token.succeed()
    }
  }

  #acquire({ priority, timeout }: Extract<Step, { kind: 'acquire' }>): void {
    const id = this.#id++
    const controller = new AbortController()
    this.controllers.set(id, controller)
    const expires = timeout === undefined ? Number.POSITIVE_INFINITY : this.model.now + timeout
    this.model.acquire({ id, priority, expires }, timeout)
    this.real.acquire({ priority, timeout, signal: controller.signal }).then(
      (token) => {
        this.settled.push(`${id} granted`)
        this.tokens.push({ token, priority })
      },
      (error) => this.settled.push(`${id} ${error.code ?? error}`),
    )
  }

  #check(): void {
    const { real, model } = this
    expect(this.settled).toEqual(model.settled)
    expect([real.inFlight, real.queued, real.limit]).toEqual([
      model.inFlight,
      model.waiters.length,
      model.limit,
    ])
    expect(this.tokens.length).toBe(real.inFlight)
    const { admitted, rejected } = real.snapshot()
    const rejections = model.settled.filter((line) => !line.endsWith('granted')).length
    expect(Object.values(rejected).reduce((sum, count) => sum + count, 0)).toBe(rejections)
    expect(admitted).toBeGreaterThanOrEqual(model.settled.length - rejections)
  }
}

test.each([
  ['found', 'fifo', undefined],
  ['found', 'lifo', undefined],
  ['found', 'adaptive', undefined],
  ['set', 'adaptive', undefined],
  ['found', 'fifo', { [-1]: 0.25 }],
  ['found', 'lifo', { [-1]: 0.5, 1: 0.5 }],
  ['found', 'adaptive', { [-1]: 0.2, 0: 0.3 }],
  ['set', 'fifo', { [-1]: 0.2, 0: 0.3 }],
  ['found', 'fifo', { '-Infinity': 0.25, Infinity: 0.25 }],
] as const)(
  'guarantees 1, 2 and 3: every interleaving keeps bound, order, shares and accounts (limit %s, %s, %j)',
  async (limit, order, shares) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const pair = new Pair(limit, order, shares)
        for (const each of steps) await pair.run(each)
        pair.real.close()
      }),
      { numRuns: Number(process.env.RUNS ?? 1000) },
    )
  },
  120_000,
)
