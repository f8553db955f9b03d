/** Turns of the loop are stepped by hand: the clock is a number, and `setImmediate` is faked. */
import { beforeEach, expect, test, vi } from 'vitest'
import type { Token } from '../../../src/sluice/core/limiter/token.js'
import type { LoopClass } from '../../../src/sluice/core/loop/loop-class.js'
import { LoopLimiter, type LoopLimiterOptions } from '../../../src/sluice/core/loop/loop-limiter.js'
import { stepTurns, tick } from '../../support/loop-turns.js'

let now = 0
const clock = () => now
const { immediates, endTurn } = stepTurns()

beforeEach(() => {
  now = 0
})

function create(options: Partial<LoopLimiterOptions> = {}): LoopLimiter {
  const defaults = { name: 'event-loop', budget: 10, target: 25, interval: 100, size: 1000 }
  return new LoopLimiter({ ...defaults, clock, ...options })
}

/** Where all are of one class. */
const classes = new WeakMap<LoopLimiter, LoopClass>()
function classOf(limiter: LoopLimiter): LoopClass {
  const known = classes.get(limiter) ?? limiter.create('all')
  classes.set(limiter, known)
  return known
}

/** As a request: in at once, in the queue, or refused; what it runs takes `cost` of the loop. */
function arrive(limiter: LoopLimiter, log: string[], name: string, cost = 0, priority = 0): void {
  const run = (token: Token): void => {
    log.push(name)
    now += cost
    token.succeed()
  }
  const token = classOf(limiter).take(priority)
  if (token !== undefined) return run(token)
  const waiter = classOf(limiter).wait(priority)
  if (typeof waiter === 'string') log.push(`${name}: ${waiter}`)
  else waiter.promise.then(run, () => log.push(`${name}: ${waiter.cancelled}`))
}

test('a turn that has time left lets in at once; what is beyond its budget waits, in order', async () => {
  const limiter = create()
  const log: string[] = []
  for (const name of ['a', 'b', 'c', 'd', 'e']) arrive(limiter, log, name, 6)
  // 6 ms are within the budget of 10, 12 are not.
  expect(log).toEqual(['a', 'b'])
  expect(limiter.queued).toBe(3)
  await endTurn()
  expect(log).toEqual(['a', 'b', 'c', 'd'])
  // Whoever comes while some wait, waits behind them.
  arrive(limiter, log, 'f', 6)
  await endTurn()
  expect(log).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  await endTurn()
  expect(limiter).toMatchObject({ queued: 0, inFlight: 0 })
  expect(limiter.snapshot()).toMatchObject({ admitted: 6, rejected: { pressure: 0 } })
})

test('a turn that has time left lets in whoever asks, whatever the priority', async () => {
  for (const priority of [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]) {
    const limiter = create()
    const log: string[] = []
    arrive(limiter, log, 'a', 10, priority)
    expect(log).toEqual(['a'])
    arrive(limiter, log, 'b', 0, priority)
    expect(limiter.queued).toBe(1)
    await endTurn()
    expect(log).toEqual(['a', 'b'])
  }
})

test('one runs in each turn, however much it takes', async () => {
  const limiter = create()
  const log: string[] = []
  for (const name of ['a', 'b', 'c']) arrive(limiter, log, name, 50)
  await endTurn()
  await endTurn()
  expect(log).toEqual(['a', 'b', 'c'])
})

test('work that comes ticks after its grant, behind hooks or a body, counts in its turn', async () => {
  const limiter = create()
  arrive(limiter, [], 'busy', 10)
  let ran = 0
  for (let i = 0; i < 20; i++) {
    const waiter = classOf(limiter).wait(0)
    if (typeof waiter === 'string') throw new Error(waiter)
    waiter.promise.then(async () => {
      await tick()
      await tick()
      now += 5
      ran++
    })
  }
  await endTurn()
  // Two fill the budget; two more were let in before the first had come to its work.
  expect(ran).toBe(4)
})

test('guarantee 3: higher priority first, first come first served within one', async () => {
  const limiter = create()
  const log: string[] = []
  arrive(limiter, log, 'busy', 10)
  arrive(limiter, log, 'low', 0, -1)
  arrive(limiter, log, 'first', 0)
  arrive(limiter, log, 'high', 0, 5)
  arrive(limiter, log, 'second', 0)
  await endTurn()
  expect(log).toEqual(['busy', 'high', 'first', 'second', 'low'])
})

test('waits count from the beginning of the turn, which is when the loop could have seen them', async () => {
  const limiter = create()
  const log: string[] = []
  arrive(limiter, log, 'a', 8)
  arrive(limiter, log, 'b', 8)
  arrive(limiter, log, 'c')
  await endTurn()
  expect(log).toEqual(['a', 'b', 'c'])
  expect([limiter.waits.quantile(0.1), limiter.waits.quantile(1)]).toEqual([0, 16])
})

test('turns go by without work while connections come in, but not for ever', async () => {
  const limiter = create()
  const log: string[] = []
  arrive(limiter, log, 'a', 10)
  arrive(limiter, log, 'b')
  limiter.connected()
  await endTurn()
  expect(log).toEqual(['a'])
  await endTurn()
  expect(log).toEqual(['a', 'b'])

  arrive(limiter, log, 'c', 10)
  arrive(limiter, log, 'd')
  let turns = 0
  while (!log.includes('d') && turns < 100) {
    limiter.connected()
    await endTurn()
    turns++
  }
  expect(turns).toBe(21)
})

test('work that comes with a crowd of new connections waits until no more of them come', async () => {
  const limiter = create()
  const log: string[] = []
  for (const name of ['first', 'second', 'third', 'fourth']) {
    limiter.connected()
    arrive(limiter, log, name, 5)
    await endTurn()
  }
  // Two may have come by chance; behind them, work would cost each other connection a turn.
  expect(log).toEqual(['first', 'second'])
  arrive(limiter, log, 'fifth')
  await endTurn()
  await endTurn()
  expect(log).toEqual(['first', 'second', 'third', 'fourth', 'fifth'])
  await endTurn()
  expect(immediates).toEqual([])
})

test('a connection by itself, and any without a queue to wait in, costs its request no turn', async () => {
  for (const size of [1000, 0]) {
    const limiter = create({ size })
    const log: string[] = []
    for (let connection = 0; connection < (size === 0 ? 5 : 1); connection++) {
      limiter.connected()
      await endTurn()
      arrive(limiter, log, 'let in')
    }
    expect(log.filter((name) => name !== 'let in')).toEqual([])
    limiter.connected()
    arrive(limiter, log, 'at once')
    expect(log.at(-1)).toBe('at once')
  }
})

/** Ten times too much: each turn brings twenty that take 5 ms. */
async function flood(limiter: LoopLimiter, log: string[], turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    for (let i = 0; i < 20; i++) arrive(limiter, log, `${turn}`, 5)
    await endTurn()
  }
}

test('in an overload the queue stays short: who would wait too long is refused at the door', async () => {
  const limiter = create()
  const log: string[] = []
  await flood(limiter, log, 40)
  // Twice the target of 25 at 5 ms each.
  expect(limiter.queued).toBeLessThanOrEqual(10)
  const served = log.filter((name) => !name.includes(':')).length
  const shed = log.filter((name) => name.includes(': pressure')).length
  expect(served + shed + limiter.queued).toBe(800)
  expect(served).toBeGreaterThan(70)
  log.length = 0
  await flood(limiter, log, 40)
  // From here on nobody waits only to be shed: refusals come in the turn they were asked in.
  expect(log.filter((name) => name.includes(':')).length).toBeGreaterThan(650)
  expect(limiter.queued).toBeLessThanOrEqual(10)
  const { admitted, rejected } = limiter.snapshot()
  expect(admitted + rejected.pressure + limiter.queued).toBe(1600)
})

test('an overload that is over refuses nobody', async () => {
  const limiter = create()
  const log: string[] = []
  await flood(limiter, log, 40)
  for (let i = 0; i < 30; i++) await endTurn()
  now += 1000
  log.length = 0
  await flood(limiter, log, 2)
  expect(log.filter((name) => name.includes(':'))).toEqual([])
})

test('after a pause the last of those that are too late is run', async () => {
  const limiter = create()
  const log: string[] = []
  await flood(limiter, log, 40)
  log.length = 0
  const waiting = limiter.queued
  expect(waiting).toBeGreaterThan(1)
  now += 80
  await endTurn()
  expect(log.filter((name) => name.includes(': pressure'))).toHaveLength(waiting - 1)
  expect(log.filter((name) => !name.includes(':'))).toHaveLength(1)
})

test('a full queue refuses, but takes a higher priority in place of the lowest, newest', async () => {
  const limiter = create({ size: 2 })
  const log: string[] = []
  arrive(limiter, log, 'busy', 10)
  arrive(limiter, log, 'a')
  arrive(limiter, log, 'b')
  arrive(limiter, log, 'c')
  arrive(limiter, log, 'high', 0, 1)
  await endTurn()
  expect(log).toEqual(['busy', 'c: pressure', 'b: pressure', 'high', 'a'])
  expect(limiter.snapshot().rejected.pressure).toBe(2)
})

test('whoever is never next leaves after ten intervals', async () => {
  const limiter = create()
  const log: string[] = []
  arrive(limiter, log, 'busy', 10)
  arrive(limiter, log, 'unimportant', 0, -1)
  for (let turn = 0; turn < 20; turn++) {
    arrive(limiter, log, 'important', 20)
    vi.advanceTimersByTime(45)
    await endTurn()
  }
  expect(log).not.toContain('unimportant: queue_timeout')
  vi.advanceTimersByTime(100)
  await endTurn()
  expect(log).toContain('unimportant: queue_timeout')
  expect(limiter.queued).toBe(0)
})

test('what cannot be done by its deadline is not started, as far as recent runs tell', async () => {
  const limiter = create({ budget: 1 })
  const log: string[] = []
  const wait = (name: string, deadline: number): void => {
    const waiter = classOf(limiter).wait(0, deadline)
    if (typeof waiter === 'string') throw new Error(waiter)
    waiter.promise.then(
      (token) => {
        log.push(name)
        now += 8
        token.succeed()
      },
      () => log.push(`${name}: ${waiter.cancelled}`),
    )
  }
  for (let i = 0; i < 11; i++) arrive(limiter, log, 'run', 8)
  while (limiter.queued > 0) await endTurn()
  await endTurn()
  log.length = 0
  arrive(limiter, log, 'busy', 8)
  wait('too late', now + 7.9)
  wait('in time', now + 8)
  await endTurn()
  expect(log.toSorted()).toEqual(['busy', 'in time', 'too late: deadline'])
})

test('a saturated process lets nobody in', () => {
  let saturated = true
  const limiter = create({ isSaturated: () => saturated })
  expect(classOf(limiter).take(0)).toBeUndefined()
  expect(classOf(limiter).wait(0)).toBe('pressure')
  saturated = false
  expect(classOf(limiter).take(0)).toBeDefined()
})

test('closed it rejects who waits and who comes', async () => {
  const limiter = create()
  const log: string[] = []
  arrive(limiter, log, 'busy', 10)
  arrive(limiter, log, 'waiting')
  limiter.close()
  arrive(limiter, log, 'late')
  await endTurn()
  expect(log).toEqual(['busy', 'late: closed', 'waiting: closed'])
})
