/** What is complained of in others, one by one; and what befalls a fleet that is rolled out and scaled. */
import { describe, expect, test } from 'vitest'
import type { Process } from './process.js'
import { ask, end, inFlight, LEASE, stage, sum } from './stage.js'

describe('complaints about others', () => {
  test('dead holders: their permits are back within a lease, all of them, and only theirs', async () => {
    const { world, store, join } = stage()
    const processes = [join(), join(), join()]
    const [a, b, c] = processes as [Process, Process, Process]
    for (const process of processes) {
      ask(process, 3)
      await world.advance(200)
    }
    a.kill()
    b.kill()
    ask(c, 20)
    await world.advance(0.7 * LEASE)
    expect([c.limiter.inFlight, store.out('shared')]).toEqual([4, 10])
    await world.advance(0.3 * LEASE + 5)
    expect([c.limiter.inFlight, store.out('shared')]).toEqual([10, 10])
  })

  test('clock skew: no clock is compared with another, and one may run at three fifths of the pace', async () => {
    const { world, store, join } = stage({ fallback: 'closed' })
    store.ahead = 86_400_000
    const [a, b, c] = [join(), join(), join()]
    a.ahead = -3_600_000
    b.ahead = 3_600_000
    c.pace = 0.6
    ask(c, 4)
    await world.advance(50)
    for (const process of [a, b]) ask(process, 20)
    await world.advance(3 * LEASE)
    expect([sum(inFlight(a, b)), c.limiter.inFlight]).toEqual([6, 4])
    expect([a, b, c].map(({ limiter }) => limiter.state)).toEqual(['joined', 'joined', 'joined'])
    // The slow one is cut off with all that it has: it stops before that is given to others.
    c.connected = false
    await world.advance(0.9 * LEASE)
    end(c, 4)
    ask(c, 4)
    expect([sum(inFlight(a, b)), c.limiter.inFlight]).toEqual([6, 0])
    await world.advance(0.1 * LEASE + 10)
    expect([sum(inFlight(a, b)), c.limiter.inFlight]).toEqual([10, 0])
  })

  test('a refresh that races a release: it brings nothing back, in whatever order they arrive', async () => {
    for (const late of [0, 3, 50, 0.9 * LEASE, 1.5 * LEASE]) {
      const { world, store, join } = stage({ mode: 'strict' })
      const [a, b] = [join(), join()]
      ask(a, 6)
      await world.advance(70)
      let most = 0
      world.check = () => {
        most = Math.max(most, store.out('shared'))
      }
      // The next refresh takes long, and arrives twice; what is released meanwhile is told after it.
      const { network } = world
      world.network = { delay: () => 1 + late, copies: () => 2 }
      await world.advance(40)
      world.network = network
      end(a, 6)
      ask(b, 20)
      await world.advance(5 + LEASE / 5)
      expect([...inFlight(a, b), store.out('shared')]).toEqual([0, 10, 10])
      await world.advance(2 * LEASE)
      expect([...inFlight(a, b), store.out('shared')]).toEqual([0, 10, 10])
      expect(most).toBe(10)
    }
  })

  test('queued commands after a pause: what was asked for long ago is not granted to the deaf', async () => {
    const { world, store, join } = stage({ fallback: 'closed' })
    const processes = [join(), join(), join(), join()]
    for (const process of processes) ask(process, 10)
    await world.advance(50)
    store.pause()
    for (let time = 0; time < 8 * LEASE; time += 100) {
      await world.advance(100)
      for (const process of processes) {
        end(process, 1)
        ask(process, 1)
      }
      expect(sum(inFlight(...processes))).toBeLessThanOrEqual(10)
    }
    const { pushes } = store
    store.resume()
    for (const process of processes) ask(process, 10)
    for (let time = 0; time < 100; time++) {
      await world.advance(5)
      expect(sum(inFlight(...processes))).toBeLessThanOrEqual(10)
      for (const process of processes) ask(process, 1)
    }
    expect([sum(inFlight(...processes)), store.out('shared')]).toEqual([10, 10])
    expect(store.pushes - pushes).toBeLessThan(100)
  })

  test('thundering wake-ups: one permit that comes free wakes one of a hundred that starve', async () => {
    const { world, store, join } = stage({ limit: 1 })
    const processes = Array.from({ length: 100 }, () => join())
    for (const process of processes) ask(process, 2)
    await world.advance(250)
    // In the midst of a beat: those of all others are not counted.
    for (let turn = 0; turn < 5; turn++) {
      const holder = processes.find(({ limiter }) => limiter.inFlight > 0) as Process
      const before = { syncs: processes.map(({ syncs }) => syncs), pushes: store.pushes }
      holder.end()
      await world.advance(8)
      expect(sum(inFlight(...processes))).toBe(1)
      const woken = processes.filter(({ syncs }, index) => syncs > (before.syncs[index] ?? 0) + 1)
      expect(woken.length).toBeLessThanOrEqual(2)
      expect(store.pushes - before.pushes).toBeLessThanOrEqual(2)
    }
  })

  test.each(['while it asks', 'before it hears', 'while it works', 'while it gives back'])(
    'a limiter stuck after a crash: the whole limit is there again, crashed %s',
    async (when) => {
      const { world, store, join } = stage({ limit: 4, mode: 'strict' })
      const [a, b] = [join(), join()]
      await world.advance(10)
      ask(a, 4)
      await world.advance({ 'while it asks': 0.5, 'before it hears': 1.5 }[when] ?? 10)
      if (when === 'while it gives back') {
        end(a, 4)
        await world.advance(0.5)
      }
      a.kill()
      ask(b, 10)
      await world.advance(LEASE + 10)
      expect([b.limiter.inFlight, store.out('shared')]).toEqual([4, 4])
    },
  )

  test('a limiter stuck after a crash of the store, too', async () => {
    const { world, store, join } = stage({ fallback: 'closed' })
    const [a, b] = [join(), join()]
    for (let crash = 0; crash < 5; crash++) {
      ask(a, 10)
      ask(b, 10)
      await world.advance(150)
      store.restart()
      await world.advance(150)
      end(a, a.limiter.inFlight)
      end(b, b.limiter.inFlight)
    }
    await world.advance(LEASE + 10)
    ask(a, 20)
    ask(b, 20)
    await world.advance(50)
    expect([sum(inFlight(a, b)), store.out('shared')]).toEqual([10, 10])
  })
})

describe('a fleet', () => {
  test('mixed limits in a rollout: the smallest counts, from the first that has it to the last', async () => {
    const { world, store, join } = stage({ limit: 10 })
    const old = [join(), join()]
    for (const process of old) ask(process, 20)
    await world.advance(150)
    expect(sum(inFlight(...old))).toBe(10)
    const next = [join({ limit: 6 }), join({ limit: 6 })]
    for (const process of next) ask(process, 20)
    await world.advance(150)
    // Nothing is granted until as many have come back.
    expect([...inFlight(...next), old[0]?.limiter.sharedLimit]).toEqual([0, 0, 6])
    for (const process of old) end(process, 5)
    await world.advance(200)
    expect([sum(inFlight(...old, ...next)), store.out('shared')]).toEqual([6, 6])
    // Back again: one leaves, the other dies.
    next[0]?.limiter.close()
    next[1]?.kill()
    end(next[0] as Process, 10)
    await world.advance(LEASE + 50)
    expect([sum(inFlight(...old)), store.out('shared')]).toEqual([10, 10])
  })

  test('2 -> 100 -> 2 members: all of the limit is in use, and never more', async () => {
    const { world, store, join } = stage({ limit: 100, fallback: 'closed' })
    let most = 0
    const live: Process[] = []
    const gone: Process[] = []
    world.check = () => {
      most = Math.max(most, sum(inFlight(...live, ...gone)))
    }
    const work = (): void => {
      for (const process of live) {
        while (process.limiter.queued < 60 / live.length) process.ask(0, 20)
      }
      world.after(5, work)
    }
    for (let member = 0; member < 2; member++) live.push(join())
    work()
    await world.advance(300)
    expect(sum(inFlight(...live))).toBeGreaterThanOrEqual(95)
    while (live.length < 100) live.push(join())
    await world.advance(500)
    expect(sum(inFlight(...live))).toBeGreaterThanOrEqual(95)
    expect(live[0]?.limiter.members).toBe(100)
    // Half of them leave, half of them die.
    while (live.length > 2) {
      const last = live.pop() as Process
      if (live.length % 2 === 0) last.limiter.close()
      else last.kill()
      if (last.alive) gone.push(last)
    }
    await world.advance(LEASE + 200)
    expect(sum(inFlight(...live))).toBeGreaterThanOrEqual(95)
    expect(live[0]?.limiter.members).toBe(2)
    expect([most, store.wrongs]).toEqual([100, []])
  })

  test('leaving in a drain: what runs ends, what waits is refused, and permits are back at once', async () => {
    const { world, store, join } = stage({ limit: 4 })
    const [a, b] = [join(), join()]
    ask(a, 6)
    await world.advance(10)
    ask(b, 10)
    let left = false
    a.limiter.leave().then(() => {
      left = true
    })
    await world.advance(10)
    expect(a.rejected).toEqual(['SLUICE_CLOSED', 'SLUICE_CLOSED'])
    for (let ended = 1; ended <= 4; ended++) {
      expect(left).toBe(false)
      end(a, 1)
      await world.advance(5)
      expect([...inFlight(a, b), store.out('shared')]).toEqual([4 - ended, ended, 4])
    }
    expect(left).toBe(true)
    await world.advance(150)
    expect(b.limiter.members).toBe(1)
  })

  test('a wall clock of a process that jumps: its lease is over, until it has asked again; nothing is lost', async () => {
    const { world, store, join } = stage({ fallback: 'closed' })
    const [a, b] = [join(), join()]
    ask(a, 4)
    await world.advance(20)
    ask(b, 20)
    for (const jump of [3_600_000, -7_200_000, 600, 3_600_000]) {
      await world.advance(150)
      a.ahead += jump
      expect(a.limiter.limit).toBe(jump > 0 ? 0 : 4)
      await world.advance(150)
      expect([a.limiter.state, ...inFlight(a, b)]).toEqual(['joined', 4, 6])
      expect(store.out('shared')).toBe(10)
    }
    expect(a.rejected).toEqual([])
    end(a, 4)
    await world.advance(10)
    expect(inFlight(a, b)).toEqual([0, 10])
  })
})
