/**
 * The limiter against a model of it: thousands of random interleavings of acquire, the three ends of
 * a token, abort, timeout, close and a limit that moves, in all three orders of the queue; after
 * every step the bound, the order and the accounts.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type LimitAlgorithm, Limiter, type QueueOrder, type Token } from '../../src/index.js'
import { fakeClock } from '../support/clock.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const QUEUE_SIZE = 4

type Step =
  | { kind: 'acquire'; priority: number; timeout: number | undefined }
  | { kind: 'tryAcquire'; priority: number }
  | { kind: 'succeed' | 'drop' | 'ignore' | 'abort'; which: number }
  | { kind: 'limit' | 'advance'; n: number }
  | { kind: 'close' }

const which = fc.nat(10)
const priority = fc.integer({ min: -1, max: 1 })
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
  readonly #order: QueueOrder
  #nonEmptySince = 0

  constructor(order: QueueOrder) {
    this.#order = order
  }

  isFree(priority: number): boolean {
    const blocked = this.waiters.some((waiter) => waiter.priority >= priority)
    return !this.closed && this.inFlight < this.limit && !blocked
  }

  acquire(waiter: ModelWaiter, timeout: number | undefined): void {
    if (this.isFree(waiter.priority)) return this.grant(waiter.id)
    if (this.closed) return this.settle(waiter.id, 'SLUICE_CLOSED')
    if (timeout === 0) return this.settle(waiter.id, 'SLUICE_QUEUE_TIMEOUT')
    if (this.waiters.length >= QUEUE_SIZE) {
      const lowest = Math.min(...this.waiters.map(({ priority }) => priority))
      if (lowest >= waiter.priority) return this.settle(waiter.id, 'SLUICE_QUEUE_FULL')
      const newest = this.waiters.findLast(({ priority }) => priority === lowest)
      this.leave(newest?.id ?? -1, 'SLUICE_QUEUE_FULL')
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

  end(limit: number | undefined): void {
    this.inFlight--
    if (limit !== undefined) this.limit = Math.max(limit, 1)
    while (this.inFlight < this.limit && this.waiters.length > 0) {
      const highest = Math.max(...this.waiters.map(({ priority }) => priority))
      const level = this.waiters.filter(({ priority }) => priority === highest)
      const old = this.now - this.#nonEmptySince > 100
      const newestFirst = this.#order === 'lifo' || (this.#order === 'adaptive' && old)
      const next = (newestFirst ? level.at(-1) : level[0]) as ModelWaiter
      this.waiters = this.waiters.filter((waiter) => waiter !== next)
      this.grant(next.id)
    }
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
    // Lowest priority and newest first.
    const gone = this.waiters.toReversed().sort((a, b) => a.priority - b.priority)
    this.waiters = []
    for (const { id } of gone) this.settle(id, 'SLUICE_CLOSED')
  }

  grant(id: number): void {
    this.inFlight++
    this.settle(id, 'granted')
  }

  settle(id: number, outcome: string): void {
    this.settled.push(`${id} ${outcome}`)
  }
}

class Pair {
  readonly real: Limiter
  readonly model: Model
  readonly settled: string[] = []
  readonly tokens: Token[] = []
  readonly controllers = new Map<number, AbortController>()
  readonly algorithm: LimitAlgorithm & { limit: number } = { limit: 2, onSample: () => 0 }
  readonly clock = fakeClock()
  #id = 0

  constructor(order: QueueOrder) {
    const queue = { size: QUEUE_SIZE, order }
    this.real = new Limiter({ limit: this.algorithm, queue, clock: this.clock })
    this.model = new Model(order)
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
      model.inFlight++
      tokens.push(token)
    } else if (step.kind === 'abort') {
      const waiting = model.waiters[step.which % Math.max(model.waiters.length, 1)]
      if (waiting === undefined) return
      this.controllers.get(waiting.id)?.abort('left')
      model.leave(waiting.id, 'left')
    } else if (step.kind === 'limit') {
      this.algorithm.limit = step.n
    } else if (step.kind === 'advance') {
      this.clock.advance(step.n * 10)
      vi.advanceTimersByTime(step.n * 10)
      model.advance(step.n * 10)
    } else if (step.kind === 'close') {
      real.close()
      model.close()
    } else if ('which' in step) {
      const [token] = tokens.splice(step.which % Math.max(tokens.length, 1), 1)
      if (token === undefined) return
      // A sample needs a time that has passed.
      const sampled = step.kind !== 'ignore' && this.clock() > token.startTime
      model.end(sampled ? this.algorithm.limit : undefined)
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
        this.tokens.push(token)
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

test.each(['fifo', 'lifo', 'adaptive'] as const)(
  'guarantees 1, 2 and 3: every interleaving keeps bound, order and accounts (%s)',
  async (order) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const pair = new Pair(order)
        for (const each of steps) await pair.run(each)
        pair.real.close()
      }),
      { numRuns: Number(process.env.RUNS ?? 1000) },
    )
  },
  120_000,
)
