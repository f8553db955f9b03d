/** What requests cost the loop, told by what finished while it was busy. */
import { expect, test } from 'vitest'
import { type Costed, LoopCosts } from '../../../src/sluice/core/loop/loop-costs.js'
import { seeded } from '../../support/downstream.js'

class Kind implements Costed {
  cost = 0
  finished = 0
  readonly isWork: boolean

  constructor(isWork = true) {
    this.isWork = isWork
  }

  takeFinished(): number {
    const { finished } = this
    this.finished = 0
    return finished
  }
}

test('two kinds are told apart by how their numbers vary, and refusals from both', () => {
  const random = seeded(3)
  const [dear, cheap, refusal] = [new Kind(), new Kind(), new Kind(false)]
  const costs = new LoopCosts()
  for (const kind of [refusal, dear, cheap]) costs.add(kind)
  for (let reading = 0; reading < 100; reading++) {
    dear.finished = Math.floor(random() * 6)
    cheap.finished = Math.floor(random() * 50)
    refusal.finished = Math.floor(random() * 400)
    costs.read(dear.finished * 100 + cheap.finished * 2 + refusal.finished * 0.2)
  }
  expect(dear.cost).toBeGreaterThan(90)
  expect(dear.cost).toBeLessThan(110)
  expect(cheap.cost).toBeGreaterThan(1.5)
  expect(cheap.cost).toBeLessThan(2.5)
  expect(refusal.cost).toBeLessThan(0.4)
})

test('what changes is learned anew', () => {
  const kind = new Kind()
  const costs = new LoopCosts()
  costs.add(kind)
  const read = (cost: number): void => {
    for (let reading = 0; reading < 100; reading++) {
      kind.finished = 10
      costs.read(10 * cost)
    }
  }
  read(5)
  expect(kind.cost).toBeCloseTo(5, 1)
  read(20)
  expect(kind.cost).toBeGreaterThan(19)
})

test('what is in flight for hours without an end changes no cost', () => {
  const [kind, refusal] = [new Kind(), new Kind(false)]
  const costs = new LoopCosts()
  for (const one of [kind, refusal]) costs.add(one)
  kind.finished = 10
  costs.read(50)
  const { cost } = kind
  for (let reading = 0; reading < 20_000; reading++) {
    refusal.finished = 1
    costs.read(100)
  }
  expect(kind.cost).toBe(cost)
})

test('a kind that has not finished anything is taken to be average, and no cost is negative', () => {
  const [known, unknown, free] = [new Kind(), new Kind(), new Kind()]
  const costs = new LoopCosts()
  for (const kind of [known, unknown, free]) costs.add(kind)
  for (let reading = 0; reading < 20; reading++) {
    known.finished = 10
    free.finished = reading % 2 === 0 ? 0 : 5
    costs.read(reading % 2 === 0 ? 110 : 90)
  }
  expect(unknown.cost).toBeCloseTo(costs.average, 5)
  expect(free.cost).toBeGreaterThan(0)
})
