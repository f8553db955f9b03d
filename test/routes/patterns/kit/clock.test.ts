/** A pattern's time: scaled, or at a scale of 0 nothing but an order. */
import { setMaxListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { Clock } from '../../../../routes/patterns/kit/clock.js'
import { deferred, turns } from '../../../support/deferred.js'

const never = new AbortController().signal
setMaxListeners(0, never)

describe('at a scale of 0', () => {
  test('whoever would wake first wakes first, and of those who wake together the first that slept', async () => {
    const clock = new Clock(0)
    const woken: string[] = []
    const sleep = (name: string, ms: number) => clock.sleep(ms, never).then(() => woken.push(name))
    await Promise.all([sleep('c', 300), sleep('a', 100), sleep('b', 200), sleep('b too', 200)])
    expect(woken).toEqual(['a', 'b', 'b too', 'c'])
  })

  test('many short sleeps end before one that is longer than all of them', async () => {
    const clock = new Clock(0)
    const woken: number[] = []
    const long = clock.sleep(301, never).then(() => woken.length)
    for (let n = 1; n <= 4; n++) {
      await clock.sleep(100, never)
      woken.push(n)
    }
    expect(await long).toBe(3)
  })

  test('no sleep ends while something outside takes its time', async () => {
    const clock = new Clock(0)
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
    const clock = new Clock(0)
    const failing = clock.outside(Promise.reject(new Error('down')))
    await expect(failing).rejects.toThrow('down')
    await clock.sleep(1000, never)
  })
})

describe.each([0, 1])('at a scale of %d', (scale) => {
  test('an abort ends the sleep with its reason, at once, and only that one', async () => {
    const clock = new Clock(scale)
    const controller = new AbortController()
    const sleeping = clock.sleep(60_000, controller.signal)
    const other = clock.sleep(1, never)
    controller.abort(new Error('enough'))
    await expect(sleeping).rejects.toThrow('enough')
    await other
    await expect(clock.sleep(1, controller.signal)).rejects.toThrow('enough')
  })

  test('an abort ends the sleep also where another listener stops the event', async () => {
    const clock = new Clock(scale)
    const controller = new AbortController()
    controller.signal.addEventListener('abort', (event) => event.stopImmediatePropagation())
    const sleeping = clock.sleep(60_000, controller.signal).catch(String)
    controller.abort('enough')
    expect(await Promise.race([sleeping, turns().then(() => 'asleep')])).toBe('enough')
  })
})

describe('at another scale', () => {
  test('a sleep takes so many times its milliseconds, and never less', async () => {
    const clock = new Clock(0.1)
    const took = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        await new Promise((resolve) => setTimeout(resolve, index % 20))
        const before = performance.now()
        await clock.sleep(100 + index, never)
        return performance.now() - before - (100 + index) / 10
      }),
    )
    expect(Math.min(...took)).toBeGreaterThanOrEqual(0)
  })

  test('those that are due at once wake in their order, and each is heard before the next', async () => {
    const clock = new Clock(0.1)
    const controller = new AbortController()
    const woken: string[] = []
    clock.sleep(200, never).then(async () => {
      for (let turn = 0; turn < 10; turn++) await undefined
      controller.abort()
      woken.push('deadline')
    })
    const step = clock.sleep(201, controller.signal).then(() => woken.push('step'))
    const busyUntil = performance.now() + 30
    while (performance.now() < busyUntil);
    await expect(step).rejects.toThrow('aborted')
    expect(woken).toEqual(['deadline'])
  })
})
