/** Where the timeline draws a request: as many rows are taken at a moment as requests were there. */
import { expect, test } from 'vitest'
import { Lane, MOST_ROWS } from '../../public/dashboard/lanes.js'

const running = (start: number, wait = 0, waiting = false) => ({
  route: 'GET /',
  start,
  wait,
  waiting,
})
const ended = (start: number, run: number, wait = 0) => ({
  route: 'GET /',
  start,
  wait,
  run,
  outcome: 'answered' as const,
  status: 200,
  reason: undefined,
})
const rows = (lane: Lane) => lane.bars.map(({ row }) => row)

test('those that overlap have rows of their own, those that follow each other share one', () => {
  const lane = new Lane()
  lane.update([], [ended(0, 10), ended(5, 10), ended(10, 10), ended(15, 1)], 20)
  expect(rows(lane)).toEqual([0, 1, 0, 1])
  expect(lane.height).toBe(2)
})

test('one in progress keeps its row until it ends, and is the same bar then', () => {
  const lane = new Lane()
  lane.update([running(0, 3, true)], [], 3)
  lane.update([running(0, 5)], [ended(4, 1)], 7)
  expect(lane.bars).toMatchObject([
    { row: 0, wait: 5, waiting: false, end: Number.POSITIVE_INFINITY },
    { row: 1, end: 5 },
  ])
  lane.update([], [ended(0, 5, 5)], 12)
  expect(lane.bars[0]).toMatchObject({ row: 0, wait: 5, end: 10, outcome: 'answered' })
  lane.update([running(11)], [], 12)
  expect(rows(lane)).toEqual([0, 1, 0])
})

test('one that is no longer told of ends there, without an outcome', () => {
  const lane = new Lane()
  lane.update([running(0, 4, true), running(1)], [], 4)
  lane.update([running(1)], [], 8)
  expect(lane.bars[0]).toMatchObject({ wait: 8, waiting: false, end: 8, outcome: undefined })
  lane.cut(9)
  expect(lane.bars[1]).toMatchObject({ end: 9, outcome: undefined })
})

test('one that was cut goes on as the same bar when it is told of again', () => {
  const lane = new Lane()
  lane.update([running(0), running(1, 4, true)], [], 5)
  lane.cut(6)
  lane.update([running(0), running(1, 7)], [ended(2, 1)], 10)
  expect(lane.bars).toMatchObject([
    { row: 0, start: 0, end: Number.POSITIVE_INFINITY },
    { row: 1, start: 1, wait: 7, waiting: false, end: Number.POSITIVE_INFINITY },
    { row: 2, start: 2, end: 3 },
  ])
  lane.update([running(0)], [ended(1, 4, 7)], 13)
  expect(lane.bars[1]).toMatchObject({ end: 12, outcome: 'answered' })
})

test('one that was cut and is not told of again ended when it was cut', () => {
  const lane = new Lane()
  lane.update([running(0), running(1)], [], 5)
  lane.cut(6)
  lane.update([running(1)], [], 10)
  lane.update([], [], 12)
  expect(lane.bars).toMatchObject([
    { start: 0, end: 6, outcome: undefined },
    { start: 1, end: 12, outcome: undefined },
  ])
})

test('one that was cut and forgotten is drawn anew', () => {
  const lane = new Lane()
  lane.update([running(0)], [], 5)
  lane.cut(6)
  lane.prune(20)
  lane.update([running(0)], [], 25)
  expect(lane.bars).toMatchObject([{ start: 0, end: Number.POSITIVE_INFINITY }])
})

test('what found no row is counted once, when it has ended', () => {
  const lane = new Lane()
  const many = Array.from({ length: MOST_ROWS + 3 }, (_, start) => running(start))
  expect(lane.update(many, [], 50)).toBe(0)
  expect(lane.update(many, [], 60)).toBe(0)
  expect(lane.height).toBe(MOST_ROWS)
  const [gone = running(0)] = many.splice(-1)
  expect(lane.update(many, [ended(gone.start, 65)], 70)).toBe(1)
})

test('what ended long ago is forgotten, what goes on is not', () => {
  const lane = new Lane()
  lane.update([running(1)], [ended(0, 10)], 20)
  lane.prune(11)
  expect(lane.bars).toMatchObject([{ start: 1 }])
})
