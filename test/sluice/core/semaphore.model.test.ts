/**
 * The semaphore against a model of it: thousands of random interleavings, and after every step
 * conservation (total = out + free), order (who was granted, in which order) and bound.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Permit, Semaphore } from '../../../src/sluice/index.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

type Step =
  | { kind: 'acquire'; permits: number; priority: number; timeout: number | undefined }
  | { kind: 'tryAcquire'; permits: number }
  | { kind: 'release' | 'forget' | 'abort' | 'split' | 'merge'; which: number }
  | { kind: 'resize' | 'add' | 'forgetFree' | 'advance'; n: number }
  | { kind: 'close' }

// Any number but NaN is one: those without end are the lowest and the highest there are.
const priority = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -1, max: 1 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY) },
)
const small = fc.integer({ min: 1, max: 4 })
const which = fc.nat(20)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 80,
    arbitrary: fc.record({
      kind: fc.constant('acquire' as const),
      permits: small,
      priority,
      timeout: fc.option(fc.constantFrom(0, 10, 25), { nil: undefined }),
    }),
  },
  {
    weight: 20,
    arbitrary: fc.record({ kind: fc.constant('tryAcquire' as const), permits: small }),
  },
  { weight: 70, arbitrary: fc.record({ kind: fc.constant('release' as const), which }) },
  {
    weight: 30,
    arbitrary: fc.record({ kind: fc.constantFrom('abort', 'forget', 'split', 'merge'), which }),
  },
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constantFrom('resize', 'add', 'forgetFree', 'advance'),
      n: fc.nat(6),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'close' as const }) },
)

interface ModelWaiter {
  id: number
  permits: number
  priority: number
  expires: number
}

/** The same rules, in the plainest way: a sorted list and two numbers. */
class Model {
  total: number
  free: number
  closed = false
  now = 0
  waiters: ModelWaiter[] = []
  /** What became of each acquire, in the order it became so. */
  readonly settled: string[] = []

  constructor(permits: number) {
    this.total = permits
    this.free = permits
  }

  acquire(waiter: ModelWaiter, timeout: number | undefined): void {
    if (this.closed) return this.settle(waiter.id, 'SLUICE_CLOSED')
    const blocked = this.waiters.some(({ priority }) => priority >= waiter.priority)
    if (this.free >= waiter.permits && !blocked) return this.grant(waiter)
    if (timeout === 0) return this.settle(waiter.id, 'SLUICE_QUEUE_TIMEOUT')
    const behind = this.waiters.findIndex(({ priority }) => priority < waiter.priority)
    this.waiters.splice(behind < 0 ? this.waiters.length : behind, 0, waiter)
  }

  leave(id: number, outcome: string): void {
    const index = this.waiters.findIndex((waiter) => waiter.id === id)
    if (index < 0) return
    this.waiters.splice(index, 1)
    this.settle(id, outcome)
    this.serve()
  }

  change(free: number, total: number): void {
    this.free += free
    this.total += total
    this.serve()
  }

  serve(): void {
    let head = this.waiters[0]
    while (!this.closed && head !== undefined && head.permits <= this.free) {
      this.waiters.shift()
      this.grant(head)
      head = this.waiters[0]
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
    const { waiters } = this
    this.waiters = []
    for (const { id } of waiters) this.settle(id, 'SLUICE_CLOSED')
  }

  grant(waiter: { id: number; permits: number }): void {
    this.free -= waiter.permits
    this.settle(waiter.id, 'granted')
  }

  settle(id: number, outcome: string): void {
    this.settled.push(`${id} ${outcome}`)
  }
}

/** Drives the semaphore and the model side by side. */
class Pair {
  readonly real: Semaphore
  readonly model: Model
  readonly settled: string[] = []
  readonly permits: Permit[] = []
  readonly controllers = new Map<number, AbortController>()
  #id = 0

  constructor(permits: number) {
    this.real = new Semaphore(permits)
    this.model = new Model(permits)
  }

  async run(step: Step): Promise<void> {
    this.#act(step)
    // Settled promises report; nothing else is due before the clock moves.
    for (let turn = 0; turn < 8; turn++) await Promise.resolve()
    this.#check()
  }

  #act(step: Step): void {
    const { real, model, permits } = this
    const pick = (n: number): Permit | undefined => permits[n % Math.max(permits.length, 1)]
    if (step.kind === 'acquire') return this.#acquire(step)
    if (step.kind === 'tryAcquire') {
      const expected = !model.closed && model.waiters.length === 0 && model.free >= step.permits
      const permit = real.tryAcquire(step.permits)
      expect(permit?.count).toBe(expected ? step.permits : undefined)
      if (permit === undefined) return
      model.free -= step.permits
      permits.push(permit)
    } else if (step.kind === 'release') {
      const permit = pick(step.which)
      const count = permit?.count ?? 0
      permit?.release()
      if (count > 0) model.change(count, 0)
    } else if (step.kind === 'forget') {
      const permit = pick(step.which)
      const count = permit?.count ?? 0
      const debt = Math.min(count, Math.max(-model.free, 0))
      model.free += debt
      model.total -= count - debt
      permit?.forget()
      expect(model.total).toBeGreaterThanOrEqual(0)
    } else if (step.kind === 'split') {
      const part = pick(step.which)?.split(1)
      if (part !== undefined) permits.push(part)
    } else if (step.kind === 'merge') {
      const into = pick(step.which)
      const from = pick(step.which + 1)
      if (into !== undefined && from !== undefined) into.merge(from)
    } else if (step.kind === 'abort') {
      const waiting = model.waiters[step.which % Math.max(model.waiters.length, 1)]
      if (waiting === undefined) return
      this.controllers.get(waiting.id)?.abort('left')
      model.leave(waiting.id, 'left')
    } else if (step.kind === 'resize') {
      real.resize(step.n)
      const change = step.n - model.total
      model.change(change, change)
    } else if (step.kind === 'add') {
      real.addPermits(step.n)
      model.change(step.n, step.n)
    } else if (step.kind === 'forgetFree') {
      const count = Math.min(step.n, Math.max(model.free, 0))
      expect(real.forgetPermits(step.n)).toBe(count)
      model.free -= count
      model.total -= count
    } else if (step.kind === 'advance') {
      vi.advanceTimersByTime(step.n * 5)
      model.advance(step.n * 5)
    } else {
      real.close()
      model.close()
    }
  }

  #acquire({ permits, priority, timeout }: Extract<Step, { kind: 'acquire' }>): void {
    const id = this.#id++
    const controller = new AbortController()
    this.controllers.set(id, controller)
    this.real.acquire({ permits, priority, timeout, signal: controller.signal }).then(
      (permit) => {
        this.settled.push(`${id} granted`)
        this.permits.push(permit)
      },
      (error) => this.settled.push(`${id} ${error.code ?? error}`),
    )
    const expires = timeout === undefined ? Number.POSITIVE_INFINITY : this.model.now + timeout
    this.model.acquire({ id, permits, priority, expires }, timeout)
  }

  #check(): void {
    const { real, model } = this
    expect(this.settled).toEqual(model.settled)
    expect(real.waiting).toBe(model.waiters.length)
    expect(real.availablePermits).toBe(Math.max(model.free, 0))
    expect(real.closed).toBe(model.closed)
    const out = this.permits.reduce((sum, { count }) => sum + count, 0)
    expect(out + model.free).toBe(model.total)
    expect(vi.getTimerCount()).toBe(
      model.waiters.filter(({ expires }) => expires < Number.POSITIVE_INFINITY).length,
    )
  }
}

test('guarantees 1, 2 and 3: every interleaving keeps conservation, order and bound', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(5),
      fc.array(step, { minLength: 10, maxLength: 60 }),
      async (permits, steps) => {
        const pair = new Pair(permits)
        for (const each of steps) await pair.run(each)
        // What still waits takes its timers with it, so that the next run counts its own.
        pair.real.close()
      },
    ),
    { numRuns: Number(process.env.RUNS ?? 2000) },
  )
}, 120_000)
