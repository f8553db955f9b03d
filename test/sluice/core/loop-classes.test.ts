/** Classes of requests before one loop: turns are stepped by hand, the clock is a number. */
import { beforeEach, expect, test, vi } from 'vitest'
import type { Token } from '../../../src/sluice/core/limiter/token.js'
import type { LoopClass } from '../../../src/sluice/core/loop/loop-class.js'
import { LoopLimiter } from '../../../src/sluice/core/loop/loop-limiter.js'
import { stepTurns } from '../../support/loop-turns.js'

let now = 0
const { immediates, endTurn } = stepTurns()
const late = { lateness: 100, busy: 100, passed: 100 }

beforeEach(() => {
  now = 0
})

function create(onBusy?: () => void): LoopLimiter {
  const times = { budget: 10, target: 25, interval: 100 }
  const given = onBusy === undefined ? {} : { onBusy }
  return new LoopLimiter({ name: 'event-loop', size: 100, clock: () => now, ...times, ...given })
}

/** Work that goes on behind its beginning until `end` is called. */
class Work {
  token: Token | undefined
  refusal: string | undefined

  constructor(of: LoopClass, began?: () => void) {
    this.token = of.take(0)
    if (this.token !== undefined) return
    const waiter = of.wait(0)
    if (typeof waiter === 'string') this.refusal = waiter
    else {
      waiter.promise.then(
        (token) => {
          this.token = token
          began?.()
        },
        () => {
          this.refusal = waiter.cancelled
        },
      )
    }
  }

  end(): void {
    this.token?.succeed()
    this.token = undefined
  }
}

test('what those in flight still need is bounded once the loop is late, and the end of one lets the next in', async () => {
  const limiter = create()
  const kind = limiter.create('all')
  const begun = Array.from({ length: 40 }, () => new Work(kind))
  limiter.read(late)
  for (let i = 0; i < 3; i++) limiter.read(late)
  const next = new Work(kind)
  await endTurn()
  await endTurn()
  expect(next.token).toBeUndefined()
  expect(limiter.queued).toBe(1)
  // Nobody can run: no turn is made for those who wait.
  expect(immediates).toEqual([])
  for (const work of begun.slice(0, 36)) work.end()
  await endTurn()
  expect(next.token).toBeDefined()
})

test('one class fills the loop, and another that needs less than its part does not notice', async () => {
  const limiter = create()
  const [dear, cheap] = [limiter.create('one'), limiter.create('other')]
  for (let i = 0; i < 40; i++) new Work(dear)
  for (let i = 0; i < 4; i++) limiter.read(late)
  const more = new Work(dear)
  const other = new Work(cheap)
  expect(other.token).toBeDefined()
  await endTurn()
  expect(more.token).toBeUndefined()
})

test('of those that wait, classes share the loop by what they cost it', async () => {
  const limiter = create()
  const [dear, cheap] = [limiter.create('one'), limiter.create('other')]
  // The turn is over: all of them wait.
  now = 0
  const busy = new Work(cheap)
  busy.end()
  now = 10
  dear.cost = 9
  cheap.cost = 1
  const ran: string[] = []
  for (let i = 0; i < 30; i++) {
    const [a, b]: [Work, Work] = [
      new Work(dear, () => {
        ran.push('dear')
        now += 9
        a.end()
      }),
      new Work(cheap, () => {
        ran.push('cheap')
        now += 1
        b.end()
      }),
    ]
  }
  for (let turn = 0; turn < 12; turn++) await endTurn()
  const [dears, cheaps] = ['dear', 'cheap'].map((kind) => ran.filter((one) => one === kind).length)
  expect(cheaps).toBe(30)
  expect(dears).toBeGreaterThan(5)
  const first = ran.slice(0, 20).filter((one) => one === 'cheap').length
  expect(first).toBeGreaterThanOrEqual(16)
})

test('guarantee 3: nobody overtakes who is more important, nor is given up for who is less', async () => {
  const limiter = new LoopLimiter({
    name: 'event-loop',
    budget: 10,
    target: 25,
    interval: 100,
    size: 2,
    clock: () => now,
  })
  const [one, other] = [limiter.create('one'), limiter.create('other')]
  one.take(0)?.succeed()
  now = 10
  const [high, low] = [one.wait(1), other.wait(0)]
  if (typeof high === 'string' || typeof low === 'string') throw new Error('refused')
  for (const { promise } of [high, low]) promise.catch(() => {})
  now = 0
  expect(other.take(-5)).toBeUndefined()
  const highest = one.wait(2)
  if (typeof highest === 'string') throw new Error('refused')
  highest.promise.catch(() => {})
  expect([high.cancelled, low.cancelled]).toEqual([undefined, 'pressure'])
  limiter.close()
})

test('it wants to be told of the loop from the first in flight on', () => {
  const onBusy = vi.fn()
  const limiter = create(onBusy)
  const kind = limiter.create('all')
  expect(limiter.isBusy).toBe(false)
  const [first, second] = [new Work(kind), new Work(kind)]
  expect(onBusy).toHaveBeenCalledTimes(1)
  expect(limiter.isBusy).toBe(true)
  first.end()
  second.end()
  expect(limiter.isBusy).toBe(false)
})
