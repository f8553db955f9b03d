/** `run`: one call takes, works, gives back, and tells the limit how it ended. */
import { describe, expect, test, vi } from 'vitest'
import { type LimitAlgorithm, Limiter, Semaphore } from '../../../src/sluice/index.js'
import { fakeClock } from '../../support/clock.js'
import { deferred } from '../../support/deferred.js'

describe('semaphore.run', () => {
  test('guarantee 2: the permit is back however the work ends', async () => {
    const semaphore = new Semaphore(1)
    expect(await semaphore.run(() => semaphore.availablePermits)).toBe(0)
    expect(semaphore.availablePermits).toBe(1)
    const thrown = new Error('thrown')
    const fail = (): never => {
      throw thrown
    }
    await expect(semaphore.run(fail)).rejects.toBe(thrown)
    await expect(semaphore.run(async () => fail())).rejects.toBe(thrown)
    expect(semaphore.availablePermits).toBe(1)
  })

  test('guarantee 1: no more run than there are permits, in order', async () => {
    const semaphore = new Semaphore(2)
    const gates = [deferred(), deferred(), deferred()]
    const begun: number[] = []
    const all = gates.map((gate, index) =>
      semaphore.run(async () => {
        begun.push(index)
        await gate.promise
        return index
      }),
    )
    await vi.waitFor(() => expect(begun).toEqual([0, 1]))
    gates[1]?.resolve()
    await vi.waitFor(() => expect(begun).toEqual([0, 1, 2]))
    for (const gate of gates) gate.resolve()
    expect(await Promise.all(all)).toEqual([0, 1, 2])
  })

  test('takes what acquire takes, passes the signal on, and calls nobody who was refused', async () => {
    const semaphore = new Semaphore(3)
    const { signal } = new AbortController()
    expect(await semaphore.run((given) => given, { signal, permits: 3 })).toBe(signal)
    expect(await semaphore.run((given) => given)).toBe(undefined)
    const work = vi.fn()
    const left = AbortSignal.abort('left')
    await expect(semaphore.run(work, { signal: left })).rejects.toBe('left')
    await expect(semaphore.run(work, { permits: 0 })).rejects.toThrow(RangeError)
    expect(work).not.toHaveBeenCalled()
  })
})

describe('limiter.run', () => {
  function watched() {
    const samples: unknown[] = []
    const clock = fakeClock(1)
    const limit: LimitAlgorithm = {
      limit: 1,
      learnsFromLosses: true,
      onSample({ dropped, failed = false, censored = false }) {
        samples.push({ dropped, failed, censored })
        return 1
      },
    }
    return { samples, clock, limiter: new Limiter({ limit, clock }) }
  }
  const none = { dropped: false, failed: false, censored: false }

  test.each([
    ['a value', () => 1, none],
    ['a time-out', () => Promise.reject(new DOMException('', 'TimeoutError')), { dropped: true }],
    ['a fault', () => Promise.reject(new Error('fault')), { failed: true }],
    ['nothing at all', () => Promise.reject(null), { failed: true }],
  ])('%s teaches what it is, and the slot is back', async (_, end, expected) => {
    const { limiter, clock, samples } = watched()
    const running = limiter.run(() => {
      clock.advance(10)
      expect(limiter.inFlight).toBe(1)
      return end()
    })
    await running.catch(() => {})
    expect(limiter.inFlight).toBe(0)
    expect(samples).toEqual([{ ...none, ...expected }])
  })

  test('a caller that leaves says that the work took at least so long', async () => {
    const { limiter, clock, samples } = watched()
    const controller = new AbortController()
    const running = limiter.run(
      async (signal) => {
        clock.advance(10)
        controller.abort('left')
        signal?.throwIfAborted()
      },
      { signal: controller.signal },
    )
    await expect(running).rejects.toBe('left')
    expect(samples).toEqual([{ ...none, censored: true }])
  })

  test('who is refused is not called, and rejects as acquire does', async () => {
    const limiter = new Limiter({ limit: 1, queue: { size: 0 } })
    const work = vi.fn()
    const gate = deferred()
    const first = limiter.run(() => gate.promise)
    await expect(limiter.run(work)).rejects.toMatchObject({ code: 'SLUICE_QUEUE_FULL' })
    await expect(limiter.run(work, { priority: Number.NaN })).rejects.toThrow(/priority/)
    expect(work).not.toHaveBeenCalled()
    gate.resolve()
    await first
  })
})
