/** A pattern's time: scaled, or at a scale of 0 nothing but an order. */
import { describe, expect, test } from 'vitest'
import { createClock } from '../../../routes/patterns/clock.js'
import { deferred, turns } from '../../support/deferred.js'

const never = new AbortController().signal

describe('at a scale of 0', () => {
  test('whoever would wake first wakes first, and of those who wake together the first that slept', async () => {
    const clock = createClock(0)
    const woken: string[] = []
    const sleep = (name: string, ms: number) => clock.sleep(ms, never).then(() => woken.push(name))
    await Promise.all([sleep('c', 300), sleep('a', 100), sleep('b', 200), sleep('b too', 200)])
    expect(woken).toEqual(['a', 'b', 'b too', 'c'])
  })

  test('many short sleeps end before one that is longer than all of them', async () => {
    const clock = createClock(0)
    const woken: number[] = []
    const long = clock.sleep(301, never).then(() => woken.length)
    for (let n = 1; n <= 4; n++) {
      await clock.sleep(100, never)
      woken.push(n)
    }
    expect(await long).toBe(3)
  })

  test('no sleep ends while something outside takes its time', async () => {
    const clock = createClock(0)
    const outside = deferred<string>()
    const events: string[] = []
    const sleeping = clock.sleep(60_000, never).then(() => events.push('woken'))
    const working = clock.outside(outside.promise).then((value) => events.push(value))
    await turns(10)
    outside.resolve('answered')
    await Promise.all([sleeping, working])
    expect(events).toEqual(['answered', 'woken'])
  })

  test('outside work that fails lets time go on', async () => {
    const clock = createClock(0)
    const failing = clock.outside(Promise.reject(new Error('down')))
    await expect(failing).rejects.toThrow('down')
    await clock.sleep(1000, never)
  })
})

describe.each([0, 1])('at a scale of %d', (scale) => {
  test('an abort ends the sleep with its reason, at once, and only that one', async () => {
    const clock = createClock(scale)
    const controller = new AbortController()
    const sleeping = clock.sleep(60_000, controller.signal)
    const other = clock.sleep(1, never)
    controller.abort(new Error('enough'))
    await expect(sleeping).rejects.toThrow('enough')
    await other
    await expect(clock.sleep(1, controller.signal)).rejects.toThrow('enough')
  })
})

test('at another scale a sleep takes so many times its milliseconds', async () => {
  const before = performance.now()
  await createClock(0.1).sleep(1000, never)
  expect(performance.now() - before).toBeGreaterThan(98)
})
