import { expect, test } from 'vitest'
import { Codel } from '../../../src/sluice/core/shedding/codel.js'

test('a burst is no overload: one short wait in an interval is enough', () => {
  const codel = new Codel(10, 100)
  for (let now = 0; now <= 500; now += 50) {
    expect(codel.isTooLate(now % 100 === 0 ? 10 : 90, now)).toBe(false)
  }
})

test('an interval without a short wait is an overload, and sheds beyond twice the target', () => {
  const codel = new Codel(10, 100)
  for (let now = 0; now < 100; now += 20) expect(codel.isTooLate(30, now)).toBe(false)
  expect(codel.isTooLate(20, 100)).toBe(false)
  expect(codel.isTooLate(20.1, 110)).toBe(true)
  expect(codel.wouldBeTooLate(20)).toBe(false)
  expect(codel.wouldBeTooLate(20.1)).toBe(true)
})

test('an overload lasts while somebody is shed, and ends with an interval in which nobody was', () => {
  const codel = new Codel(10, 100)
  for (let now = 0; now <= 100; now += 20) codel.isTooLate(30, now)
  expect(codel.wouldBeTooLate(21)).toBe(true)
  // Those who do not wait long are no sign of its end as long as others are refused.
  for (let now = 120; now <= 210; now += 30) expect(codel.isTooLate(5, now)).toBe(false)
  expect(codel.wouldBeTooLate(21)).toBe(true)
  for (let now = 240; now <= 310; now += 10) codel.isTooLate(5, now)
  expect(codel.wouldBeTooLate(21)).toBe(true)
  for (let now = 320; now <= 410; now += 10) codel.isTooLate(5, now)
  for (let now = 420; now <= 520; now += 10) codel.isTooLate(5, now)
  expect(codel.wouldBeTooLate(21)).toBe(false)
})

test('who was let in is no sign that somebody was shed, however long it waited', () => {
  const codel = new Codel(10, 100)
  for (let now = 0; now <= 100; now += 20) codel.record(30, now)
  // The interval that shows the overload, and one in which only a short wait breaks the standing.
  for (let now = 120; now < 200; now += 20) codel.record(now === 140 ? 5 : 30, now)
  expect(codel.wouldBeTooLate(19)).toBe(false)
  codel.record(5, 210)
  expect(codel.wouldBeTooLate(21)).toBe(false)
})

test('a time of rest ends it', () => {
  const codel = new Codel(10, 100)
  for (let now = 0; now <= 100; now += 20) codel.isTooLate(30, now)
  expect(codel.isTooLate(30, 1000)).toBe(false)
})
