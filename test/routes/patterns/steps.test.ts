/** What runs after, beside and against each other: results, order, times, and who is stopped. */
import { describe, expect, test } from 'vitest'
import { lasted, serve } from '../../support/patterns.js'

const at = serve({ zero: 0, one: 1, ten: 10 })

describe('one after the other or side by side', () => {
  test.concurrent('sequential steps take the sum of their times', async () => {
    const answer = await at.one.ask('composition/sequential')
    expect(answer.elapsedMs).toBeGreaterThanOrEqual(1000)
    expect(answer.result).toBe('UserProfile_101')
  })

  test.concurrent('concurrent steps take the time of the slower, not the sum', async () => {
    const answer = await at.one.ask('composition/concurrent')
    expect(answer).toSatisfy(() => lasted(answer, 2000, 3000))
    expect(answer.result).toEqual({ temperature: 72, humidity: 55 })
  })

  test.concurrent('a loop of awaits takes the sum', async () => {
    const answer = await at.one.ask('composition/loop?n=5&n=6&n=7')
    expect(answer.elapsedMs).toBeGreaterThanOrEqual(300)
    expect(answer.result).toEqual([10, 12, 14])
  })

  test('what runs side by side starts before any of it ends, the faster ends first', async () => {
    expect((await at.zero.ask('composition/concurrent?of=account')).events).toEqual([
      'Fetching user...',
      'Fetching settings...',
      'user fetched',
      'settings fetched',
    ])
  })

  test.concurrent('waits between synchronous steps take the sum of theirs', async () => {
    const answer = await at.one.ask('composition/mixed?steps=3')
    expect(answer.elapsedMs).toBeGreaterThanOrEqual(100 + 200 + 300)
    expect(answer.result).toBe('3 steps')
  })

  test.concurrent('a delay takes its time', async () => {
    const answer = await at.one.ask('futures/delayed?delay=500')
    expect(answer).toSatisfy(() => lasted(answer, 500, 1500))
    expect(answer.result).toBe('Finished waiting!')
  })

  test('synchronous code has its place between the waits', async () => {
    expect((await at.zero.ask('composition/mixed')).events).toEqual([
      'Step 1: sleeping...',
      'Step 1: done',
      'Back to sync code...',
      'Step 2: sleeping...',
      'Step 2: done',
    ])
  })

  test.each(['composition/sequential', 'composition/loop', 'composition/mixed', 'futures/delayed'])(
    '%s stops when its client leaves',
    async (path) => {
      const events = await at.ten.leave(path)
      expect(events.length).toBeLessThan(3)
    },
  )

  test('all that runs side by side stops when the client leaves', async () => {
    expect(await at.ten.leave('composition/concurrent')).toEqual([
      'Fetching temperature...',
      'Fetching humidity...',
    ])
  })
})

describe('race', () => {
  test.concurrent('takes the time of the faster', async () => {
    const answer = await at.one.ask('race')
    expect(answer).toSatisfy(() => lasted(answer, 1000, 3000))
  })

  test('the loser stops before the answer, whoever it is', async () => {
    const usual = await at.zero.ask('race')
    expect([usual.result, usual.events]).toEqual(['fast result', ['fast finished', 'slow stopped']])
    const reversed = await at.zero.ask('race?slow=1&fast=2')
    expect([reversed.result, reversed.events]).toEqual([
      'slow result',
      ['slow finished', 'fast stopped'],
    ])
  })

  test('both stop when the client leaves', async () => {
    expect((await at.ten.leave('race')).sort()).toEqual(['fast stopped', 'slow stopped'])
  })
})

describe('timeout', () => {
  test.concurrent('takes the time that is allowed, and is answered 504', async () => {
    const answer = await at.one.ask('timeout')
    expect([answer.status, answer.result]).toEqual([504, 'Timed out!'])
    expect(answer).toSatisfy(() => lasted(answer, 1000, 3000))
  })

  test('what is in time is answered 200', async () => {
    expect(await at.zero.ask('timeout?work=999')).toMatchObject({
      status: 200,
      result: 'Completed',
    })
  })

  test('stops when the client leaves, which is no timeout', async () => {
    expect(await at.ten.leave('timeout')).toEqual([])
  })
})

describe('cancellation', () => {
  test('the steps before the deadline ran, no other', async () => {
    const answer = await at.zero.ask('cancellation/deadline')
    expect(answer.result).toEqual({ end: 'Cancelled by timeout', ran: [1, 2, 3] })
    expect(answer.events).toEqual([1, 2, 3].map((step) => `Working... step ${step}`))
  })

  test('steps that are all in time finish', async () => {
    const { result } = await at.zero.ask('cancellation/deadline?steps=3&deadline=3001')
    expect(result).toEqual({ end: 'Finished normally', ran: [1, 2, 3] })
  })

  test.concurrent('a deadline ends the step that it falls into', async () => {
    const answer = await at.one.ask('cancellation/deadline?step=4000&deadline=1000')
    expect(answer).toSatisfy(() => lasted(answer, 1000, 3900))
  })

  // A timer that fires early must not let a fourth step begin.
  test.concurrent('at their own pace it is three steps, each time', async () => {
    const answers = Array.from({ length: 50 }, async (_, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * 7))
      const { result } = await at.one.ask('cancellation/deadline?step=500&deadline=1500')
      return (result as { ran: number[] }).ran.length
    })
    expect(new Set(await Promise.all(answers))).toEqual(new Set([3]))
  })

  test.concurrent('a cancelled task takes the time until it is cancelled', async () => {
    const answer = await at.one.ask('cancellation/drop?drop=500')
    expect(answer).toSatisfy(() => lasted(answer, 500, 4900))
  })

  test('a cancelled task ends when it is cancelled', async () => {
    const { result, events } = await at.zero.ask('cancellation/drop')
    expect(result).toBe('cancelled')
    expect(events.at(-1)).toBe('The task was cancelled')
    expect((await at.zero.ask('cancellation/drop?task=999')).result).toBe('finished')
  })

  test.each([
    ['cancellation/deadline', 'Working... step 1'],
    ['cancellation/drop', 'Starting long task...'],
  ])('%s stops when its client leaves', async (path, first) => {
    expect(await at.ten.leave(path)).toEqual([first])
  })
})

describe('lazy', () => {
  test('an eager promise starts when made, a lazy one when awaited, a dropped one never', async () => {
    const { result, events } = await at.zero.ask('lazy')
    expect(result).toEqual({
      message: 'Executing task: Backup',
      startedWhenMade: ['eager'],
      startedInAll: ['eager', 'lazy'],
    })
    expect(events).toEqual(['eager: executing', 'Awaiting both', 'lazy: executing'])
  })

  test('polled by hand, it is pending until it is ready', async () => {
    const { result } = await at.zero.ask('lazy/poll?pending=3&value=99')
    expect(result).toEqual(['Pending', 'Pending', 'Pending', 'Ready(99)'])
  })

  test('stops when its client leaves', async () => {
    expect(await at.ten.leave('lazy')).toEqual(['eager: executing'])
  })
})
