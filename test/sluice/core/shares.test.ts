/** The guaranteed share of a priority, whatever else asks: in the slots, and in a full queue. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Limiter, type Token } from '../../../src/sluice/index.js'

/** A limiter, and who waits, holds and got what, by priority. */
class Crowd {
  readonly limiter: Limiter
  readonly tokens: { token: Token; priority: number }[] = []
  readonly grants: number[] = []
  readonly refused: number[] = []
  readonly #waiting = new Map<number, number>()

  constructor(limit: number, shares: Record<number, number>, size = 1000) {
    this.limiter = new Limiter({ limit, queue: { size, shares } })
  }

  async join(...priorities: number[]): Promise<void> {
    for (const priority of priorities) {
      this.#count(priority, 1)
      this.limiter.acquire({ priority }).then(
        (token) => {
          this.#count(priority, -1)
          this.grants.push(priority)
          this.tokens.push({ token, priority })
        },
        () => {
          this.#count(priority, -1)
          this.refused.push(priority)
        },
      )
    }
    await settle()
  }

  async end(which: number): Promise<void> {
    this.tokens.splice(which % Math.max(this.tokens.length, 1), 1)[0]?.token.succeed()
    await settle()
  }

  waiting(priority: number): number {
    return this.#waiting.get(priority) ?? 0
  }

  holds(priority: number): number {
    return this.tokens.filter((held) => held.priority === priority).length
  }

  #count(priority: number, change: number): void {
    this.#waiting.set(priority, this.waiting(priority) + change)
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve()
}

const LOW = 0
const MIDDLE = 1
const HIGH = 2

test('while a priority waits, no slot goes to others until its share of the limit is its own', async () => {
  const step = fc.oneof(
    fc.record({ join: fc.constantFrom(LOW, MIDDLE, HIGH, HIGH, HIGH) }),
    fc.record({ end: fc.nat(20) }),
  )
  const tenths = fc.integer({ min: 1, max: 4 })
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 3, max: 12 }),
      tenths,
      tenths,
      fc.array(step, { minLength: 20, maxLength: 80 }),
      async (limit, low, middle, steps) => {
        const shares: Record<number, number> = { [LOW]: low / 10, [MIDDLE]: middle / 10 }
        const slots = new Map([LOW, MIDDLE].map((p) => [p, Math.ceil((shares[p] ?? 0) * limit)]))
        // With no slot left for the others all take turns: the test after this one.
        fc.pre((slots.get(LOW) ?? 0) + (slots.get(MIDDLE) ?? 0) < limit)
        const crowd = new Crowd(limit, shares)
        for (const each of steps) {
          if ('join' in each) {
            await crowd.join(each.join)
            continue
          }
          const before = crowd.grants.length
          await crowd.end(each.end)
          const owed = [LOW, MIDDLE].filter((p) => {
            const waited = crowd.waiting(p) > 0
            return waited && crowd.holds(p) < (slots.get(p) ?? 0)
          })
          const [granted] = crowd.grants.slice(before)
          if (granted === undefined || owed.length === 0) continue
          // It was owed a slot itself: with the one that it got it has at most what is its own.
          expect(crowd.holds(granted)).toBeLessThanOrEqual(slots.get(granted) ?? 0)
        }
      },
    ),
    { numRuns: Number(process.env.RUNS ?? 1000) },
  )
}, 120_000)

test('where the limit is too small for all of them they take turns, and nobody starves', async () => {
  const crowd = new Crowd(1, { [LOW]: 0.2, [MIDDLE]: 0.2 })
  await crowd.join(HIGH, ...Array(6).fill(HIGH), ...Array(6).fill(MIDDLE), ...Array(6).fill(LOW))
  for (let turn = 0; turn < 9; turn++) await crowd.end(0)
  const counts = [LOW, MIDDLE, HIGH].map((p) => crowd.grants.filter((got) => got === p).length)
  expect(counts).toEqual([3, 3, 4])
})

test('what a priority does not ask for serves the others', async () => {
  const crowd = new Crowd(4, { [LOW]: 0.5 })
  await crowd.join(HIGH, HIGH, HIGH, HIGH, HIGH, LOW)
  expect(crowd.grants).toEqual([HIGH, HIGH, HIGH, HIGH])
  await crowd.end(0)
  await crowd.end(0)
  expect(crowd.grants.slice(4)).toEqual([LOW, HIGH])
})

describe('a full queue', () => {
  test('keeps the places of a share, and gives the rest to who is more important', async () => {
    const crowd = new Crowd(1, { [LOW]: 0.5 }, 4)
    await crowd.join(HIGH, LOW, LOW, LOW, LOW)
    await crowd.join(HIGH, HIGH, HIGH, HIGH)
    expect(crowd.refused).toEqual([LOW, LOW, HIGH, HIGH])
    expect([crowd.waiting(LOW), crowd.waiting(HIGH)]).toEqual([2, 2])
  })

  test('makes room for one whose share of the places is not used up, even among the more important', async () => {
    const crowd = new Crowd(1, { [LOW]: 0.25 }, 4)
    await crowd.join(HIGH, HIGH, HIGH, HIGH, HIGH)
    await crowd.join(LOW, LOW)
    expect(crowd.refused).toEqual([HIGH, LOW])
    expect([crowd.waiting(LOW), crowd.waiting(HIGH)]).toEqual([1, 3])
  })
})

test.each(['fifo', 'lifo', 'adaptive'] as const)(
  'without shares the lowest, newest waiter of a full queue is shed first (%s)',
  async (order) => {
    const limiter = new Limiter({ limit: 1, queue: { size: 3, order } })
    const outcome: string[] = []
    const held = limiter.tryAcquire()
    const join = (name: string, priority: number): void => {
      limiter.acquire({ priority }).then(
        (token) => {
          outcome.push(name)
          token.ignore()
        },
        () => outcome.push(`not ${name}`),
      )
    }
    join('low', LOW)
    join('low, newest', LOW)
    join('high', HIGH)
    join('middle', MIDDLE)
    join('low again', LOW)
    held?.ignore()
    await settle()
    expect(outcome).toEqual(['not low, newest', 'not low again', 'high', 'middle', 'low'])
  },
)
