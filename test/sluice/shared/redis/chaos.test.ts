/**
 * G3 to G5 over real processes and a real store: four that ask for more than there is, by both modes,
 * and one fault after the other. All write one log by one monotonic clock; it never has more in flight
 * than the limit. `CHAOS_FAULTS` gives the number of random faults beyond those by name, default 0, `CHAOS_SEED`
 * which ones; with `CHAOS_REPORT` each says how much was in use.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { mulberry32 } from '../../../../load-tests/figures/random.js'
import { hasServer, type RedisServer, startRedis } from '../../../support/redis-server.js'
import { Fleet, now, type Path, pathTo } from './fleet.js'

const LIMIT = 10
const LEASE = 1500
const SETTINGS = { limit: LIMIT, lease: LEASE, most: 40, callers: 6 }

describe.skipIf(!hasServer)('never more than the limit in flight over all processes', () => {
  let server: RedisServer
  let fleet: Fleet
  let paths: Path[]
  /** Numbers of those that are alive, by the way that they take. */
  const members: number[] = []

  beforeAll(async () => {
    server = await startRedis()
    fleet = new Fleet(SETTINGS)
    paths = await Promise.all([1, 2, 3, 4].map(() => pathTo(server.port)))
    for (const [at, { url }] of paths.entries()) members[at] = fleet.start(url)
    await allWork(now())
  })

  afterAll(async () => {
    await fleet?.end()
    for (const path of paths ?? []) path.close()
    await server?.kill()
  })

  /** Each that is alive has been let in since. */
  async function allWork(since: number): Promise<void> {
    await vi.waitFor(
      () => {
        const counts = fleet.admissions(since)
        expect(members.map((who) => (counts[who] as number) > 0)).toEqual([true, true, true, true])
      },
      { timeout: 12_000, interval: 100 },
    )
  }

  /** Does it, waits until all is well again, and reads the log. */
  async function during(fault: () => Promise<unknown>): Promise<void> {
    const since = now()
    await fault()
    const over = now()
    await allWork(over)
    const { most, used, admitted } = fleet.verdict(since, now())
    expect(most).toBeLessThanOrEqual(LIMIT)
    if (process.env.CHAOS_REPORT) {
      const took = Math.round(now() - over)
      process.stdout.write(
        `${expect.getState().currentTestName}: most ${most}, used ${used.toFixed(2)}, admitted ${admitted}, all work ${took} ms after\n`,
      )
    }
  }

  /** By shifting what is stored, which is all that the store knows of the time that was. */
  async function jump(ms: number): Promise<void> {
    const shift =
      "local s = {cmsgpack.unpack(redis.call('GET', KEYS[1]))} s[3] = s[3] - ARGV[1] redis.call('SET', KEYS[1], cmsgpack.pack(unpack(s)))"
    await server.call('EVAL', shift, 1, 'sluice:{chaos}:s', ms)
  }

  async function replace(at: number): Promise<void> {
    await fleet.kill(members[at] as number)
    members[at] = fleet.start((paths[at] as Path).url)
  }

  const faults: Record<string, () => Promise<unknown>> = {
    'without any fault': () => sleep(700),
    'dead holders: one is killed and replaced': () => replace(0),
    'two are killed at once': () => Promise.all([replace(1), replace(2)]),
    'one is stopped for longer than a lease': () => fleet.stop(members[0] as number, LEASE * 1.4),
    'the store stands still for longer than a lease': async () => {
      server.pause()
      await sleep(LEASE * 1.4)
      server.resume()
    },
    'the store comes back empty': () => server.restart(),
    'the store loses its data': () => server.call('FLUSHALL'),
    'one is in a black hole, and what was sent there arrives late': async () => {
      paths[3]?.swallow()
      await sleep(LEASE * 1.2)
      paths[3]?.heal()
    },
    'all are in a black hole': async () => {
      for (const path of paths) path.swallow()
      await sleep(LEASE * 0.8)
      for (const path of paths) path.heal()
    },
    'clock skew: the clock of the store jumps ahead by an hour': () => jump(3_600_000),
    'clock skew: the clock of the store jumps back by an hour': () => jump(-3_600_000),
  }

  test.each(Object.entries(faults))('%s', (_, fault) => during(fault))

  test('a limiter is not stuck: all of the limit is in use when all is well', async () => {
    const since = now()
    await sleep(800)
    const { most, used } = fleet.verdict(since, now())
    expect(most).toBe(LIMIT)
    expect(used).toBeGreaterThan(0.5)
  })

  test('one that drains gives back what it has at once', async () => {
    await during(async () => {
      await fleet.leave(members[1] as number)
      expect(await server.call('ZCARD', 'sluice:{chaos}:l')).toBe('3')
      members[1] = fleet.start((paths[1] as Path).url)
    })
  })

  test.runIf(process.env.CHAOS_FAULTS)(
    'random faults, one upon the other',
    async () => {
      const random = mulberry32(Number(process.env.CHAOS_SEED ?? 1))
      const kinds = Object.values(faults)
      const since = now()
      for (let fault = 0; fault < Number(process.env.CHAOS_FAULTS); fault++) {
        const kind = kinds[Math.floor(random() * kinds.length)] as () => Promise<unknown>
        await Promise.all([kind(), sleep(random() * 1500)])
      }
      await allWork(now())
      const { most, used } = fleet.verdict(since, now())
      process.stdout.write(
        `${process.env.CHAOS_FAULTS} random faults: most ${most}, used ${used.toFixed(2)}\n`,
      )
      expect(most).toBeLessThanOrEqual(LIMIT)
    },
    3_600_000,
  )
})
