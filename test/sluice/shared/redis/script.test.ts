/**
 * The script does what the model does, message by message: random batches of random members, lost,
 * doubled and out of order, with jumps of the clock, lost data and other stores.
 */
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mulberry32 } from '../../../../load-tests/figures/random.js'
import { type StoreState, sync } from '../../../../src/sluice/shared/memory-store.js'
import type { Batch, Claim, Push, Reply } from '../../../../src/sluice/shared/protocol.js'
import { argumentsOf, replyOf, toldBy } from '../../../../src/sluice/shared/redis/messages.js'
import { KEYS, SCRIPT } from '../../../../src/sluice/shared/redis/script.js'
import { anyStore, hasStore } from '../../../support/redis-server.js'

const PREFIX = 'sluice-test:{script}:'
/** Two keys of the test's own: the time, and what is published. */
const TIME = `${PREFIX}time`
const TOLD = `${PREFIX}told`

/** With a time that is given, and ears that hear all. */
const HEARD = replaceOnce(
  replaceOnce(SCRIPT, "call('TIME')", `cjson.decode(call('GET', '${TIME}'))`),
  "redis.pcall('PUBLISH', string.sub(KEYS[1], 1, -2) .. to, ",
  `call('RPUSH', '${TOLD}', to, `,
)

function replaceOnce(text: string, what: string, by: string): string {
  expect(text.split(what)).toHaveLength(2)
  return text.replace(what, () => by)
}

/** Of the clock, the script, and what it told. */
type Results = [unknown, [Error | null, (string | number)[]], [unknown, string[]], unknown]

interface Step {
  readonly batch: Batch
  readonly time: number
  readonly run: string
  readonly flushed: boolean
  readonly reply: Reply
  readonly pushes: Map<string, Push[]>
}

/** What the model does in so many random steps. */
function play(seed: number, length: number): Step[] {
  const random = mulberry32(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(of: readonly T[]): T => of[below(of.length)] as T
  const isCrowd = random() < 0.3
  const ids = Array.from({ length: isCrowd ? 40 : 5 }, (_, at) => `member ${at}`)
  const keys = pick([[''], ['', 'a', 'b'], ['ключ', 'a"b\\', 'a']])
  const limits = pick([[10], [10, 7], [1], [100, 60], [3, 1000]])
  const leases = pick([[1000], [1000, 777], [5000]])
  const badness = pick([0, 0.05, 0.2])
  const generations = new Map<string, string>()
  const seqs = new Map<string, number>()
  const replies = new Map<string, Reply>()
  const sent: Batch[] = []
  const steps: Step[] = []
  let state: StoreState = { run: 'run 1', isFirst: false, groups: new Map() }
  let time = 1_700_000_000_000 + below(1000)
  let flushed = false

  const claim = (key: string, member: string): Claim => {
    const granted = replies.get(member)?.standings.find((each) => each.key === key)?.granted ?? 0
    const seen = random() < 0.05 ? below(20) : granted
    return {
      ...{ key, seen, returned: Math.max(0, seen - below(random() < 0.5 ? 3 : seen + 1)) },
      ...{ want: random() < 0.3 ? 0 : below(pick([3, 20])), spare: random() < 0.2 ? below(20) : 0 },
      priority: random() < 0.7 ? 0 : pick([1, 2, -1, 0.5, -1e300, Number.MAX_VALUE]),
    }
  }
  const next = (): Batch => {
    const member = pick(ids)
    const seq = (seqs.get(member) ?? 0) + 1
    seqs.set(member, seq)
    const batch: Batch = {
      ...{ name: 'script', member, seq, nonce: `nonce ${steps.length}` },
      ...{ generation: generations.get(member), valid: random() < 0.9, lease: pick(leases) },
      ...{ limit: pick(limits), limitForAll: random() < 0.02, leaving: random() < 0.03 },
      claims: keys.filter(() => random() < 0.8).map((key) => claim(key, member)),
    }
    sent.push(batch)
    return batch
  }
  while (steps.length < length) {
    const luck = random()
    if (luck < 0.01) time += pick([-3_600_000, 3_600_000, 600, 5000])
    else time += pick([0, 0, 1, 1, 5, 20, isCrowd ? 3 : 90])
    if (random() < 0.003) {
      flushed = true
      state = { ...state, groups: new Map() }
    }
    if (random() < 0.004) state = { ...state, run: `run ${pick([1, 2, 3])}` }
    // Some never arrive; of the others some are late, or come twice.
    const batch = random() < badness && sent.length > 0 ? pick(sent.slice(-20)) : next()
    if (random() < badness) continue
    const { reply, pushes } = sync(state, batch, time)
    // Pools that nobody has an account of any more are not kept.
    for (const { pools } of state.groups.values()) {
      for (const [key, { accounts }] of pools) if (accounts.size === 0) pools.delete(key)
    }
    if (random() >= badness) {
      generations.set(batch.member, reply.generation)
      replies.set(batch.member, reply)
    }
    steps.push({ batch, time, run: state.run, flushed, reply, pushes })
    flushed = false
  }
  return steps
}

/** Grants are told one by one; what concerns all is told to all. */
function expectTold(told: readonly string[], { batch, pushes }: Step): void {
  const heard = told.flatMap((to, at) =>
    at % 2 === 0 ? [{ to, ...toldBy(told[at + 1] as string) }] : [],
  )
  const expected = [...pushes].flatMap(([to, list]) => list.map((push) => ({ to, ...push })))
  for (const { to, ...push } of heard.filter(({ to }) => to !== '')) {
    expect(expected).toContainEqual({ to, ...push })
  }
  for (const push of expected) {
    const { to, generation, granted, ...rest } = push
    const isHeard =
      heard.some((each) => JSON.stringify(sorted(each)) === JSON.stringify(sorted(push))) ||
      heard.some((each) => each.to === '' && matches(each, rest))
    expect(isHeard, `told: ${JSON.stringify(push)}, heard ${JSON.stringify(heard)}`).toBe(true)
  }
  expect(heard.some(({ to }) => to === batch.member)).toBe(false)
}

function sorted(of: object): [string, unknown][] {
  return Object.entries(of).sort(([a], [b]) => a.localeCompare(b))
}

function matches(heard: object, rest: object): boolean {
  return Object.entries(rest).every(([name, value]) => heard[name as keyof object] === value)
}

describe.skipIf(!hasStore)('the script', () => {
  let redis: Redis
  let end: () => Promise<void>

  beforeAll(async () => {
    const store = await anyStore()
    end = store.end
    redis = new Redis(store.url)
  })

  afterAll(async () => {
    redis?.disconnect()
    await end?.()
  })

  test('answers and tells what the model does, whatever it gets', async () => {
    const runs = Number(process.env.STORE_RUNS ?? 8)
    const first = Number(process.env.STORE_SEED ?? 1)
    const names = KEYS.map((key) => PREFIX + key)
    const sha = (await redis.script('LOAD', HEARD)) as string
    for (let seed = first; seed < first + runs; seed++) {
      const steps = play(seed, 500)
      const pipeline = redis.pipeline()
      pipeline.del(...names)
      for (const { batch, time, run, flushed } of steps) {
        if (flushed) pipeline.del(...names)
        const micros = `["${Math.floor(time / 1000)}",${(time % 1000) * 1000 + 999}]`
        pipeline.set(TIME, micros)
        pipeline.evalsha(sha, names.length, ...names, ...argumentsOf(batch, run))
        pipeline.lrange(TOLD, 0, -1)
        pipeline.del(TOLD)
      }
      const results = (await pipeline.exec())?.slice(1) ?? []
      for (const [at, step] of steps.entries()) {
        if (step.flushed) results.shift()
        const [, [error, values], [, told]] = results.splice(0, 4) as Results
        const where = `seed ${seed}, step ${at}: ${JSON.stringify(step.batch)}`
        expect(error, where).toBeNull()
        expect(replyOf(step.batch, values), where).toEqual(step.reply)
        expectTold(told, step)
      }
    }
  })
})
