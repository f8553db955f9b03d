/** What an abort does, whatever else listens to its signal, and what listening costs. */
import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { Limiter, Semaphore } from '../../../src/sluice/index.js'
import { turns } from '../../support/deferred.js'

interface Fixture {
  acquire(options?: { signal: AbortSignal }): Promise<{ end(): void }>
  queued(): number
}

const kinds: [string, () => Fixture][] = [
  [
    'Semaphore',
    () => {
      const semaphore = new Semaphore(1)
      return {
        acquire: async (options) => {
          const permit = await semaphore.acquire(options)
          return { end: () => permit.release() }
        },
        queued: () => semaphore.waiting,
      }
    },
  ],
  [
    'Limiter',
    () => {
      const limiter = new Limiter({ limit: 1 })
      return {
        acquire: async (options) => {
          const token = await limiter.acquire(options)
          return { end: () => token.succeed() }
        },
        queued: () => limiter.queued,
      }
    },
  ],
]

describe.each(kinds)('guarantee 3, %s: a cancelled waiter leaves', (_, create) => {
  test.each(['before', 'behind'])(
    'though another listener, which came %s it, stops the event',
    async (when) => {
      const one = create()
      const held = await one.acquire()
      const { signal, abort } = controlled()
      const stop = (): void =>
        signal.addEventListener('abort', (event) => event.stopImmediatePropagation())
      if (when === 'before') stop()
      const outcomes: string[] = []
      const note = (name: string) => [
        () => outcomes.push(`${name} granted`),
        (reason: unknown) => outcomes.push(`${name} ${reason}`),
      ]
      one.acquire({ signal }).then(...note('first'))
      one.acquire({ signal }).then(...note('second'))
      one.acquire().then(...note('behind'))
      if (when === 'behind') stop()
      abort('left')
      expect(one.queued()).toBe(1)
      held.end()
      await turns()
      expect(outcomes).toEqual(['first left', 'second left', 'behind granted'])
    },
  )

  test('in O(1): any number share one listener, which goes with the last of them', async () => {
    const one = create()
    const held = await one.acquire()
    const { signal } = controlled()
    const waiting = Array.from({ length: 100 }, () => one.acquire({ signal }))
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    held.end()
    for (const each of waiting) (await each).end()
    expect(getEventListeners(signal, 'abort')).toEqual([])
    // And comes again with the next.
    const again = await one.acquire()
    const { signal: other, abort } = controlled()
    const last = one.acquire({ signal: other })
    expect(getEventListeners(other, 'abort')).toHaveLength(1)
    abort('left')
    await expect(last).rejects.toBe('left')
    expect(getEventListeners(other, 'abort')).toEqual([])
    again.end()
  })
})

function controlled() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: (reason: unknown) => controller.abort(reason) }
}
