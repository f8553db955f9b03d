/** How much loop time may be in flight: exact numbers, no loop. */
import { expect, test } from 'vitest'
import { LoopRoom } from '../../../src/sluice/core/loop/loop-room.js'

const late = { lateness: 30, busy: 100, passed: 100 }
const busy = { lateness: 5, busy: 100, passed: 100 }
const idle = { lateness: 1, busy: 60, passed: 100 }

test('while the loop is not late, all have room', () => {
  const room = new LoopRoom()
  room.take(1e6)
  for (const reading of [busy, idle, { ...late, busy: 90 }]) room.adjust(reading)
  expect(room).toMatchObject({ most: Number.POSITIVE_INFINITY, isFree: true })
})

test('late once, no more than there is; late again, less: by half at most, and never nothing', () => {
  const room = new LoopRoom()
  room.take(200)
  room.adjust(late)
  expect(room).toMatchObject({ most: 200, isFree: false })
  room.adjust(late)
  expect(room.most).toBe(100)
  room.adjust({ ...late, lateness: 20 })
  expect(room.most).toBe(75)
  for (let i = 0; i < 10; i++) room.adjust(late)
  expect(room.most).toBe(10)
})

test('less is of what is in flight, however much was allowed', () => {
  const room = new LoopRoom()
  room.take(200)
  room.adjust(late)
  room.held = 40
  room.adjust(busy)
  room.adjust(late)
  expect(room.most).toBe(20)
})

test('the more the loop idles while somebody waits for room, the more there is', () => {
  const room = new LoopRoom()
  room.take(100)
  room.adjust(late)
  room.adjust(idle)
  expect(room.most).toBe(100)
  room.want()
  room.adjust({ ...idle, busy: 90 })
  expect(room.most).toBeCloseTo(110)
  room.want()
  room.adjust({ ...idle, busy: 10 })
  expect(room.most).toBeCloseTo(165)
  room.want()
  room.adjust(busy)
  expect(room.most).toBeCloseTo(165)
})

test('two seconds in which nobody wanted more end the bound', () => {
  const room = new LoopRoom()
  room.take(100)
  room.adjust(late)
  for (let i = 0; i < 19; i++) room.adjust(busy)
  room.want()
  room.adjust(busy)
  for (let i = 0; i < 19; i++) room.adjust(busy)
  expect(room.most).toBe(100)
  room.adjust(busy)
  expect(room.most).toBe(Number.POSITIVE_INFINITY)
})
