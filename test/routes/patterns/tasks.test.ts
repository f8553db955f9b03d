/** Tasks: how many, what they take, what they return, and how they end. */
import { expect, test } from 'vitest'
import { spawn } from '../../../routes/patterns/kit/heap.js'
import { turns } from '../../support/deferred.js'
import { lasted, serve } from '../../support/patterns.js'

const at = serve({ zero: 0, five: 5, ten: 10 })

test('all tasks are there before the first runs, all finish, and one takes less than 2 KB', async () => {
  const { result, events } = await at.zero.ask('tasks')
  expect(result).toMatchObject({ spawned: 10_000, finished: 10_000 })
  expect(events).toEqual(['Spawned 10000 tasks, 0 finished', '10000 finished'])
  const { bytesPerTask } = result as { bytesPerTask: number }
  expect(bytesPerTask).toBeGreaterThan(50)
  expect(bytesPerTask).toBeLessThan(2000)
})

test('a hundred thousand are the most, and others get their turns meanwhile', async () => {
  expect((await at.zero.ask('tasks?n=100001')).status).toBe(400)
  let seen = 0
  let counting = true
  const count = (): void => {
    seen++
    if (counting) setImmediate(count)
  }
  setImmediate(count)
  const { result } = await at.zero.ask('tasks?n=100000')
  counting = false
  expect(result).toMatchObject({ finished: 100_000 })
  expect(seen).toBeGreaterThan(150)
})

test('no more than two make their thousands at once, whoever else asks waits', async () => {
  const asked = Array.from({ length: 5 }, () => at.zero.ask('tasks?n=5000'))
  const limiter = at.zero.app.concurrency.limiters.find(
    ({ name }) => name === 'GET /patterns/tasks',
  )
  const most = { inFlight: 0, queued: 0 }
  let looking = true
  // In every turn: they may be through within a few.
  const look = (): void => {
    most.inFlight = Math.max(most.inFlight, limiter?.inFlight ?? 0)
    most.queued = Math.max(most.queued, limiter?.queued ?? 0)
    if (looking) setImmediate(look)
  }
  look()
  const answers = await Promise.all(asked)
  looking = false
  expect(most).toEqual({ inFlight: 2, queued: 3 })
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
})

test('the making of tasks stops at an abort, and none of them runs', async () => {
  const controller = new AbortController()
  let ran = 0
  const spawning = spawn(100_000, () => ran++, controller.signal)
  controller.abort(new Error('enough'))
  await expect(spawning).rejects.toThrow('enough')
  await turns()
  expect(ran).toBe(0)
})

test('tasks run side by side, and are joined in the order in which they were made', async () => {
  const answer = await at.five.ask('tasks/join?value=3&value=1&value=2')
  expect(answer.result).toEqual([3, 1, 2])
  expect(answer).toSatisfy(() => lasted(answer, 500, 1500))
  expect(answer.events.slice(0, 3)).toEqual([1, 2, 3].map((task) => `Task ${task} is running`))
})

test.each([
  ['value', 'Success: 42'],
  ['error', 'Task error: Something went wrong'],
  ['crash', 'Join error: A mistake in the task'],
  ['abort', 'Join error: This operation was aborted'],
])('of a task that ends by %s one learns: %s', async (end, result) => {
  expect((await at.zero.ask(`tasks/errors?end=${end}`)).result).toBe(result)
})

test('tasks that have not run when an abort comes never do', async () => {
  const controller = new AbortController()
  let ran = 0
  const spawned = await spawn(3000, () => ran++, controller.signal)
  const finished = spawned.finish()
  controller.abort(new Error('enough'))
  await expect(finished).rejects.toThrow('enough')
  await turns()
  expect(ran).toBe(1000)
})

test.each([
  ['tasks/join', ['Task 1 is running', 'Task 2 is running', 'Task 3 is running']],
  ['tasks/errors', ['Waiting for the task']],
])('%s stops when its client leaves', async (path, events) => {
  expect(await at.ten.leave(path)).toEqual(events)
})

test('a hundred thousand stop when their client leaves', async () => {
  expect(await at.zero.leave('tasks?n=100000', 0)).not.toContain('100000 finished')
})
