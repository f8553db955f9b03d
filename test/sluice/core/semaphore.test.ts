import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Semaphore } from '../../../src/sluice/index.js'
import { turns } from '../../support/deferred.js'

afterEach(() => {
  vi.useRealTimers()
})

/** Notes in which order acquires are granted. */
function recorder(semaphore: Semaphore) {
  const granted: string[] = []
  return {
    granted,
    acquire: (name: string, options?: Parameters<Semaphore['acquire']>[0]) =>
      semaphore.acquire(options).then((permit) => {
        granted.push(name)
        return permit
      }),
  }
}

test.each([Number.NEGATIVE_INFINITY, -1, Number.POSITIVE_INFINITY])(
  'a free permit is for whoever asks, whatever the priority: %d',
  async (priority) => {
    const semaphore = new Semaphore(1)
    const permit = await semaphore.acquire({ priority, timeout: 0 })
    const waiting = semaphore.acquire({ priority })
    permit.release()
    expect((await waiting).count).toBe(1)
  },
)

test('who asks for more than there are waits for them, and holds up all behind but the more important', async () => {
  const semaphore = new Semaphore(2)
  const { granted, acquire } = recorder(semaphore)
  const waiting = [
    acquire('five', { permits: 5 }),
    acquire('behind'),
    acquire('low', { priority: -1 }),
  ]
  await acquire('important', { priority: 1 })
  await expect(acquire('in time', { timeout: 0 })).rejects.toThrow('queue timeout')
  expect([granted, semaphore.waiting]).toEqual([['important'], 3])
  semaphore.resize(8)
  await Promise.all(waiting)
  expect(granted).toEqual(['important', 'five', 'behind', 'low'])
})

describe('guarantee 1: no more permits are out than the semaphore has', () => {
  test('an acquire beyond them waits until one returns', async () => {
    const semaphore = new Semaphore(2)
    const first = await semaphore.acquire()
    await semaphore.acquire()
    const third = semaphore.acquire()
    await turns()
    expect([semaphore.availablePermits, semaphore.waiting]).toEqual([0, 1])
    first.release()
    expect((await third).count).toBe(1)
    expect([semaphore.availablePermits, semaphore.waiting]).toEqual([0, 0])
  })

  test('a released permit goes to its waiter inside release: no newcomer comes in between', async () => {
    const semaphore = new Semaphore(1)
    const first = await semaphore.acquire()
    const waiter = semaphore.acquire()
    first.release()
    expect(semaphore.availablePermits).toBe(0)
    expect(semaphore.tryAcquire()).toBeUndefined()
    await waiter
  })
})

describe('guarantee 2: a permit is released exactly once', () => {
  test('release is idempotent', () => {
    const semaphore = new Semaphore(1)
    const permit = semaphore.tryAcquire()
    permit?.release()
    permit?.release()
    expect([semaphore.availablePermits, permit?.count]).toEqual([1, 0])
  })

  test('a using block releases at its end, also when it throws', async () => {
    const semaphore = new Semaphore(1)
    const work = async (): Promise<void> => {
      using _permit = await semaphore.acquire()
      expect(semaphore.availablePermits).toBe(0)
      throw new Error('work failed')
    }
    await expect(work()).rejects.toThrow('work failed')
    expect(semaphore.availablePermits).toBe(1)
  })
})

describe('guarantee 3: waiters are served first come first served; nobody overtakes', () => {
  test('in the order they came', async () => {
    const semaphore = new Semaphore(1)
    const { granted, acquire } = recorder(semaphore)
    const held = await semaphore.acquire()
    const all = ['a', 'b', 'c'].map((name) => acquire(name).then((permit) => permit.release()))
    held.release()
    await Promise.all(all)
    expect(granted).toEqual(['a', 'b', 'c'])
  })

  test('nobody passes a head that needs more than is free', async () => {
    const semaphore = new Semaphore(3)
    const { granted, acquire } = recorder(semaphore)
    const held = await semaphore.acquire({ permits: 2 })
    const big = acquire('big', { permits: 3 })
    acquire('small')
    expect(semaphore.availablePermits).toBe(1)
    expect(semaphore.tryAcquire()).toBeUndefined()
    held.release()
    await big
    expect(granted).toEqual(['big'])
  })

  test('higher priorities first, whatever the weight; within one, in order', async () => {
    const semaphore = new Semaphore(1)
    const { granted, acquire } = recorder(semaphore)
    const held = await semaphore.acquire()
    const names: [string, number][] = [
      ['low', -1],
      ['a', 0],
      ['high', 5],
      ['b', 0],
      ['higher', 9],
    ]
    const all = names.map(([name, priority]) =>
      acquire(name, { priority }).then((permit) => permit.release()),
    )
    held.release()
    await Promise.all(all)
    expect(granted).toEqual(['higher', 'high', 'a', 'b', 'low'])
  })

  test('a newcomer of higher priority than all that wait takes what is free', async () => {
    const semaphore = new Semaphore(3)
    await semaphore.acquire({ permits: 2 })
    const { granted, acquire } = recorder(semaphore)
    acquire('big', { permits: 2 })
    await acquire('urgent', { priority: 1 })
    expect(granted).toEqual(['urgent'])
  })

  test('an aborted head leaves and wakes whoever now fits', async () => {
    const semaphore = new Semaphore(2)
    await semaphore.acquire()
    const controller = new AbortController()
    const big = semaphore.acquire({ permits: 2, signal: controller.signal })
    const small = semaphore.acquire()
    const reason = new Error('changed my mind')
    controller.abort(reason)
    await expect(big).rejects.toBe(reason)
    await small
    expect([semaphore.availablePermits, semaphore.waiting]).toEqual([0, 0])
  })

  test('a head that times out leaves and wakes whoever now fits', async () => {
    vi.useFakeTimers()
    const semaphore = new Semaphore(2)
    await semaphore.acquire()
    const big = semaphore.acquire({ permits: 2, timeout: 50 })
    const outcome = expect(big).rejects.toMatchObject({ code: 'SLUICE_QUEUE_TIMEOUT' })
    const small = semaphore.acquire()
    vi.advanceTimersByTime(50)
    await outcome
    await small
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('cancelling', () => {
  test('an aborted signal never acquires, even when permits are free', async () => {
    const semaphore = new Semaphore(1)
    await expect(semaphore.acquire({ signal: AbortSignal.abort('gone') })).rejects.toBe('gone')
    expect(semaphore.availablePermits).toBe(1)
  })

  test('released then aborted in one tick: the grant wins and the permit is not lost', async () => {
    const semaphore = new Semaphore(1)
    const held = await semaphore.acquire()
    const controller = new AbortController()
    const waiter = semaphore.acquire({ signal: controller.signal })
    held.release()
    controller.abort()
    ;(await waiter).release()
    expect(semaphore.availablePermits).toBe(1)
  })

  test('a granted waiter leaves no timer and no listener behind', async () => {
    vi.useFakeTimers()
    const semaphore = new Semaphore(1)
    const held = await semaphore.acquire()
    const { signal } = new AbortController()
    const removed = vi.spyOn(signal, 'removeEventListener')
    const waiter = semaphore.acquire({ signal, timeout: 1000 })
    expect(vi.getTimerCount()).toBe(1)
    held.release()
    await waiter
    expect([vi.getTimerCount(), removed.mock.calls.length]).toEqual([0, 1])
  })

  test('timeout 0 takes only what is free now; Infinity and a month mean no timer', async () => {
    vi.useFakeTimers()
    const semaphore = new Semaphore(1)
    const held = await semaphore.acquire({ timeout: 0 })
    await expect(semaphore.acquire({ timeout: 0 })).rejects.toMatchObject({
      code: 'SLUICE_QUEUE_TIMEOUT',
    })
    const waiters = [Number.POSITIVE_INFINITY, 31 * 86_400_000].map((timeout) =>
      semaphore.acquire({ timeout }).then((permit) => permit.release()),
    )
    expect(vi.getTimerCount()).toBe(0)
    held.release()
    await Promise.all(waiters)
  })

  test('a thousand waiters on one signal print no warning and all leave at its abort', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    const semaphore = new Semaphore(0)
    const controller = new AbortController()
    const all = Array.from({ length: 1000 }, () => semaphore.acquire({ signal: controller.signal }))
    controller.abort()
    const settled = await Promise.allSettled(all)
    await turns()
    process.off('warning', note)
    expect(settled.every(({ status }) => status === 'rejected')).toBe(true)
    expect([semaphore.waiting, warnings]).toEqual([0, []])
  })

  test('the context of AsyncLocalStorage is kept across the wait', async () => {
    const storage = new AsyncLocalStorage<string>()
    const semaphore = new Semaphore(1)
    const held = await semaphore.acquire()
    const waiter = storage.run('waiter', async () => {
      await semaphore.acquire()
      return storage.getStore()
    })
    storage.run('releaser', () => held.release())
    expect(await waiter).toBe('waiter')
  })
})

describe('resizing', () => {
  test('growing serves waiters at once', async () => {
    const semaphore = new Semaphore(0)
    const waiter = semaphore.acquire({ permits: 2 })
    semaphore.resize(3)
    await waiter
    expect(semaphore.availablePermits).toBe(1)
  })

  test('shrinking below what is out is a debt that returning permits pay first', async () => {
    const semaphore = new Semaphore(3)
    const permits = [semaphore.tryAcquire(), semaphore.tryAcquire(), semaphore.tryAcquire()]
    const waiter = semaphore.acquire()
    semaphore.resize(1)
    expect(semaphore.availablePermits).toBe(0)
    permits[0]?.release()
    permits[1]?.release()
    await turns()
    expect(semaphore.waiting).toBe(1)
    permits[2]?.release()
    ;(await waiter).release()
    expect(semaphore.availablePermits).toBe(1)
  })

  test('addPermits pays a debt before it serves; forgetPermits takes only what is free', () => {
    const semaphore = new Semaphore(2)
    const both = semaphore.tryAcquire(2)
    semaphore.resize(0)
    semaphore.addPermits(1)
    expect(semaphore.availablePermits).toBe(0)
    both?.release()
    expect(semaphore.availablePermits).toBe(1)
    expect([semaphore.forgetPermits(5), semaphore.availablePermits]).toEqual([1, 0])
  })
})

describe('what is about to leave', () => {
  test('waiters of one aborted signal all reject, though the first to leave makes room', async () => {
    const semaphore = new Semaphore(1)
    const controller = new AbortController()
    const { signal } = controller
    // A listener before ours gives permits back while the signal tells those behind it.
    const held = semaphore.tryAcquire()
    signal.addEventListener('abort', () => held?.release())
    const both = [semaphore.acquire({ permits: 2, signal }), semaphore.acquire({ signal })]
    const third = semaphore.acquire()
    controller.abort('gone')
    const outcomes = await Promise.allSettled(both)
    expect(outcomes).toEqual(Array(2).fill({ status: 'rejected', reason: 'gone' }))
    expect((await third).count).toBe(1)
  })

  test('forgetting pays a debt: the total never falls below what was asked for', () => {
    const semaphore = new Semaphore(1)
    const permit = semaphore.tryAcquire()
    semaphore.resize(0)
    permit?.forget()
    semaphore.addPermits(1)
    expect(semaphore.availablePermits).toBe(1)
  })
})

describe('closing', () => {
  test('waiters and later acquires reject, permits that are out stay valid', async () => {
    const semaphore = new Semaphore(1)
    const held = await semaphore.acquire()
    const waiter = semaphore.acquire()
    semaphore.close()
    semaphore.close()
    await expect(waiter).rejects.toMatchObject({ code: 'SLUICE_CLOSED', statusCode: 503 })
    await expect(semaphore.acquire()).rejects.toMatchObject({ code: 'SLUICE_CLOSED' })
    held.release()
    expect([semaphore.closed, semaphore.availablePermits]).toEqual([true, 1])
    expect(semaphore.tryAcquire()).toBeUndefined()
  })
})

describe('permits', () => {
  test('split takes a part, merge puts it back, forget takes it from the semaphore', () => {
    const semaphore = new Semaphore(5)
    const permit = semaphore.tryAcquire(4)
    const part = permit?.split(3)
    expect([permit?.count, part?.count]).toEqual([1, 3])
    expect([permit?.split(0), permit?.split(2), permit?.split(0.5)]).toEqual(
      Array(3).fill(undefined),
    )
    const rest = part?.split(1)
    part?.forget()
    if (rest !== undefined) permit?.merge(rest)
    expect([permit?.count, rest?.count]).toEqual([2, 0])
    rest?.release()
    permit?.release()
    expect(semaphore.availablePermits).toBe(3)
  })

  test("merging itself changes nothing; merging another semaphore's permit throws", () => {
    const permit = new Semaphore(2).tryAcquire(2)
    const stranger = new Semaphore(1).tryAcquire()
    if (permit === undefined || stranger === undefined) throw new Error('unreachable')
    permit.merge(permit)
    expect(permit.count).toBe(2)
    expect(() => permit.merge(stranger)).toThrow(TypeError)
    expect(stranger.count).toBe(1)
  })
})

describe('guarantee 8: bad arguments get a clear error', () => {
  test.each([[-1], [1.5], [Number.NaN], [Semaphore.MAX_PERMITS + 1]])('permits %d', (permits) => {
    expect(() => new Semaphore(permits)).toThrow(RangeError)
    expect(() => new Semaphore(1).resize(permits)).toThrow(RangeError)
  })

  test('a wrong type is a TypeError that names what it got', () => {
    expect(() => new Semaphore('2' as never)).toThrow(
      new TypeError('permits: got "2", takes a number'),
    )
  })

  test.each([
    [{ permits: 0 }, RangeError],
    [{ permits: '1' as never }, TypeError],
    [{ timeout: -1 }, RangeError],
    [{ timeout: Number.NaN }, RangeError],
    [{ priority: Number.NaN }, RangeError],
    [{ signal: {} as never }, TypeError],
    [{ timeOut: 5 } as never, TypeError],
    [new Map() as never, TypeError],
    [5 as never, TypeError],
    [null as never, TypeError],
  ])('acquire rejects with it: %o', async (options, type) => {
    const semaphore = new Semaphore(1)
    await expect(semaphore.acquire(options)).rejects.toThrow(type)
    expect(semaphore.availablePermits).toBe(1)
  })

  test('tryAcquire and addPermits throw it', () => {
    expect(() => new Semaphore(1).tryAcquire(0)).toThrow(RangeError)
    expect(() => new Semaphore(1).addPermits(Semaphore.MAX_PERMITS)).toThrow(RangeError)
  })
})

test('options know their own names from those that somebody gave every object', async () => {
  Object.assign(Object.prototype, { everywhere: 1 })
  try {
    await expect(new Semaphore(1).acquire({ timeout: 5 })).resolves.toBeDefined()
  } finally {
    Reflect.deleteProperty(Object.prototype, 'everywhere')
  }
})
