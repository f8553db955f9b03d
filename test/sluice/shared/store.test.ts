/** The store's side of the protocol, message by message: each rule with exact numbers. */
import { describe, expect, test } from 'vitest'
import { MemoryStore, type StoreState, sync } from '../../../src/sluice/shared/memory-store.js'
import type { Batch, Claim, Push, Reply } from '../../../src/sluice/shared/protocol.js'

const LEASE = 1000
const BEAT = 100

type Said = Partial<Omit<Batch, 'claims'>> & Partial<Claim> & { claims?: Claim[] }

/** A store, and members that say what they are told to. */
class Talk {
  state: StoreState
  pushes = new Map<string, Push[]>()
  readonly #seqs = new Map<string, number>()
  readonly #generations = new Map<string, string>()

  constructor(isFirst = true) {
    this.state = { run: 'run 1', isFirst, groups: new Map() }
  }

  batch(member: string, said: Said = {}): Batch {
    const seq = (this.#seqs.get(member) ?? 0) + 1
    this.#seqs.set(member, seq)
    const { key = '', seen = 0, returned = 0, want = 0, spare = 0, priority = 0, ...rest } = said
    return {
      ...{ name: 'db', member, seq, generation: this.#generations.get(member), nonce: `${seq}` },
      ...{ valid: true, lease: LEASE, limit: 10, limitForAll: false, leaving: false },
      claims: [{ key, seen, returned, want, spare, priority }],
      ...rest,
    }
  }

  hear(batch: Batch, time: number): Reply {
    const { reply, pushes } = sync(this.state, batch, time)
    this.pushes = pushes
    this.#generations.set(batch.member, reply.generation)
    return reply
  }

  say(member: string, time: number, said: Said = {}): Reply {
    return this.hear(this.batch(member, said), time)
  }

  granted(member: string, time: number, said: Said = {}): number {
    return this.say(member, time, said).standings[0]?.granted ?? 0
  }
}

describe('G1: the store never grants beyond the limit', () => {
  test('what is free goes to who asks, and no more', () => {
    const store = new Talk()
    expect(store.granted('a', 0, { want: 7 })).toBe(7)
    expect(store.granted('b', 0, { want: 7 })).toBe(3)
    expect(store.granted('c', 0, { want: 1 })).toBe(0)
  })

  test('spare permits are lent where there is plenty: half of an even part', () => {
    const store = new Talk()
    expect(store.granted('a', 0, { want: 2, spare: 100 })).toBe(6)
    expect(store.granted('b', 0, { want: 2, spare: 100 })).toBe(2)
    expect(store.granted('c', 0, { want: 3, spare: 100 })).toBe(2)
  })

  test('the smallest limit of a live member counts, and one that leaves takes its own along', () => {
    const store = new Talk()
    expect(store.granted('a', 0, { want: 20 })).toBe(10)
    expect(store.say('b', 0, { limit: 4 })).toMatchObject({ limit: 4, ownLimit: 4, members: 2 })
    expect(store.granted('a', 0, { want: 20, seen: 10, returned: 6 })).toBe(10)
    store.say('b', 0, { limit: 4, leaving: true })
    expect(store.granted('a', 0, { want: 20, seen: 10, returned: 6 })).toBe(16)
  })

  test('a limit that is set for all is that of all who are there; who comes later brings its own', () => {
    const store = new Talk()
    store.say('a', 0)
    store.say('b', 0)
    expect(store.say('a', 0, { limit: 30, limitForAll: true })).toMatchObject({ limit: 30 })
    expect(store.say('b', 0)).toMatchObject({ limit: 30, ownLimit: 30 })
    expect(store.say('c', 0)).toMatchObject({ limit: 10, ownLimit: 10 })
  })
})

describe('rule 1: cumulative counts', () => {
  test('a doubled or late message changes nothing', () => {
    const store = new Talk()
    const first = store.batch('a', { want: 3 })
    const reply = store.hear(first, 0)
    store.say('a', 1, { want: 3, seen: 3, returned: 3 })
    expect(store.hear(first, 2)).toMatchObject({ generation: reply.generation })
    expect(store.granted('b', 3, { want: 10 })).toBe(7)
  })

  test('a late message does not renew the lease', () => {
    const store = new Talk()
    const first = store.batch('a', { want: 10 })
    store.hear(store.batch('a', { want: 10 }), 0)
    for (let time = BEAT; time < LEASE; time += BEAT) {
      store.hear(first, time)
      expect(store.granted('b', time, { want: 10 })).toBe(0)
    }
    expect(store.granted('b', LEASE, { want: 10 })).toBe(10)
  })

  test('what it has seen counts as granted, and what it has returned as returned', () => {
    const store = new Talk()
    store.say('a', 0, { want: 5 })
    store.say('a', 1, { want: 5, seen: 5, returned: 5 })
    store.say('a', 2, { want: 5, seen: 9, returned: 4 })
    expect(store.granted('b', 3, { want: 10 })).toBe(5)
  })
})

describe('rule 2: a generation is a nonce', () => {
  test('accounts begin anew where the store does not know those of which a member speaks', () => {
    const store = new Talk()
    const { generation } = store.say('a', 0, { want: 5 })
    store.state.groups.clear()
    const reply = store.say('a', 1, { seen: 5, returned: 3 })
    expect(reply.generation).not.toBe(generation)
    expect(reply.standings[0]).toMatchObject({ granted: 5 })
  })

  test('they begin anew with what the member says, whatever was granted that it never heard of', () => {
    const store = new Talk()
    store.say('a', 0, { want: 5 })
    store.hear({ ...store.batch('a', { want: 2 }), generation: undefined }, 1)
    expect(store.granted('b', 2, { want: 10 })).toBe(8)
  })

  test('the same nonce at another time is another generation', () => {
    const store = new Talk()
    const join = store.batch('a')
    const { generation } = store.hear(join, 0)
    store.state.groups.clear()
    expect(store.hear(join, 1).generation).not.toBe(generation)
  })
})

describe('rule 3: the lease clock', () => {
  test('a clock that jumps by an hour expires nobody, forward or back', () => {
    const store = new Talk()
    store.say('a', 0, { want: 10 })
    const hour = 3_600_000
    for (const time of [hour, 2 * hour, hour]) {
      expect(store.granted('b', time, { want: 10 })).toBe(0)
    }
  })

  test('a store that was paused for any time expires nobody', () => {
    const store = new Talk()
    store.say('a', 0, { want: 10 })
    expect(store.granted('b', 60_000, { want: 10 })).toBe(0)
    expect(store.say('a', 60_001, { want: 10, seen: 10 })).toMatchObject({ members: 2 })
  })

  test('it advances by a beat and a half at most', () => {
    const store = new Talk()
    store.say('a', 0, { want: 10 })
    let syncs = 1
    while (store.granted('b', 400 * syncs, { want: 10 }) === 0) syncs++
    expect(syncs).toBe(7)
  })

  test('after half a lease without a sync nothing is granted until all could say what they use', () => {
    const store = new Talk()
    store.say('a', 0, { want: 5 })
    expect(store.say('b', LEASE / 2, { want: 1 })).toMatchObject({ learning: false })
    const { learning, again, standings } = store.say('b', LEASE + 1, { want: 2, seen: 1 })
    expect({ learning, again, standings }).toMatchObject({
      ...{ learning: true, again: 3 * BEAT, standings: [{ granted: 1 }] },
    })
    for (const time of [100, 200]) store.say('b', LEASE + 1 + time, { want: 2, seen: 1 })
    expect(store.granted('b', LEASE + 1 + 300, { want: 2, seen: 1 })).toBe(2)
  })
})

describe('rule 5: learning', () => {
  test('a store that is not the first grants nothing for a lease beyond what is claimed', () => {
    const store = new Talk(false)
    expect(store.say('a', 0, { want: 5 })).toMatchObject({
      ...{ learning: true, again: LEASE, standings: [{ granted: 0 }] },
    })
    const claim = { generation: 'earlier', seen: 40, returned: 33, want: 9 }
    expect(store.granted('b', 50, claim)).toBe(40)
    for (let time = BEAT; time < LEASE; time += BEAT) {
      expect(store.granted('a', time, { want: 5 })).toBe(0)
      store.say('b', time, { seen: 40, returned: 33, want: 7 })
    }
    const { learning, standings } = store.say('a', LEASE, { want: 5 })
    expect({ learning, granted: standings[0]?.granted }).toEqual({ learning: false, granted: 3 })
  })

  test('G3: a member with a valid lease whom the store does not know tells that data was lost', () => {
    const store = new Talk()
    store.say('a', 0, { want: 8 })
    store.state.groups.clear()
    expect(store.granted('b', 1, { want: 1 })).toBe(1)
    expect(store.say('a', 2, { seen: 8, want: 8 }).learning).toBe(true)
    expect(store.granted('b', 3, { seen: 1, want: 2 })).toBe(1)
  })

  test('one whose lease was over does not', () => {
    const store = new Talk()
    store.say('b', 0)
    const claim = { generation: 'earlier', valid: false, seen: 2, want: 2 }
    expect(store.say('a', 2, claim).learning).toBe(false)
  })

  test('G3: after another store took over, what it has may be old: nothing is granted for a lease', () => {
    const store = new Talk()
    const { generation } = store.say('a', 0, { want: 5 })
    store.state = { ...store.state, run: 'run 2' }
    expect(store.say('b', 1, { want: 9 })).toMatchObject({ learning: true, members: 2 })
    const reply = store.say('a', 2, { seen: 8, want: 5 })
    expect(reply.generation).not.toBe(generation)
    expect(reply.standings[0]).toMatchObject({ granted: 8 })
  })
})

describe('rule 6: debt', () => {
  test('claims may be more than the limit; then nothing is granted until they are paid', () => {
    const store = new Talk()
    store.say('a', 0, { want: 10 })
    const claim = { generation: 'earlier', valid: false, seen: 3, want: 4 }
    expect(store.say('b', 1, claim).standings[0]).toMatchObject({ granted: 3, contended: true })
    expect(store.granted('b', 2, { seen: 3, want: 4 })).toBe(3)
    store.say('a', 3, { seen: 10, returned: 3, want: 7 })
    expect(store.granted('b', 4, { seen: 3, want: 4 })).toBe(3)
    store.say('a', 5, { seen: 10, returned: 4, want: 6 })
    expect(store.granted('b', 6, { seen: 3, want: 4 })).toBe(4)
  })

  test('a limit that was lowered is contended until as many have come back', () => {
    const store = new Talk()
    store.say('a', 0, { want: 8 })
    expect(store.say('a', 200, { seen: 8, want: 8, limit: 5, limitForAll: true })).toMatchObject({
      ...{ limit: 5, standings: [{ contended: true, level: 5 }] },
    })
    expect(store.say('a', 201, { seen: 8, returned: 3, want: 5 }).standings[0]).toMatchObject({
      ...{ contended: false },
    })
  })
})

describe('rule 7: fair level and turns', () => {
  test('who starves is served before who comes, one permit a turn', () => {
    const store = new Talk()
    store.say('a', 0, { want: 10 })
    store.say('b', 1, { want: 5 })
    store.say('c', 2, { want: 5 })
    store.say('a', 3, { seen: 10, returned: 3, want: 0 })
    expect(store.pushes.get('b')?.[0]).toMatchObject({ granted: 2 })
    expect(store.pushes.get('c')?.[0]).toMatchObject({ granted: 1 })
    store.say('a', 4, { seen: 10, returned: 4, want: 0 })
    expect([...store.pushes.keys()]).toEqual(['c'])
  })

  test('the more important is served first', () => {
    const store = new Talk()
    store.say('a', 0, { want: 10 })
    store.say('b', 1, { want: 2 })
    store.say('c', 2, { want: 2, priority: 1 })
    store.say('a', 3, { seen: 10, returned: 3, want: 0 })
    expect(store.pushes.get('c')?.[0]).toMatchObject({ granted: 2 })
    expect(store.pushes.get('b')?.[0]).toMatchObject({ granted: 1 })
  })

  test('who has less than the fair level is served before who has more, whatever the turns', () => {
    const store = new Talk()
    store.say('a', 0, { want: 12 })
    store.say('b', 100, { want: 20 })
    store.say('a', 101, { seen: 10, returned: 5, want: 20 })
    expect(store.pushes.get('b')?.[0]).toMatchObject({ granted: 5, level: 5 })
    store.say('b', 102, { seen: 5, returned: 1, want: 20 })
    expect(store.pushes.size).toBe(0)
    expect(store.granted('b', 103, { seen: 5, returned: 2, want: 20 })).toBe(7)
  })

  test('the level is reckoned once in 100 ms', () => {
    const store = new Talk()
    const level = (member: string, time: number): number | undefined =>
      store.say(member, time, { want: 20 }).standings[0]?.level
    expect(level('a', 0)).toBe(10)
    expect(level('b', 99)).toBe(10)
    expect(level('b', 100)).toBe(5)
  })
})

describe('rule 8: pushes', () => {
  test('a grant is pushed to whom it concerns, in its generation', () => {
    const store = new Talk()
    store.say('a', 0, { want: 10 })
    const { generation } = store.say('b', 1, { want: 1 })
    store.say('a', 2, { seen: 10, returned: 1, want: 9 })
    expect(store.pushes).toEqual(
      new Map([['b', [{ generation, key: '', granted: 1, contended: false, level: 10 }]]]),
    )
  })

  test('that somebody starves is told to those that hold any, at most once in 20 ms', () => {
    const store = new Talk()
    store.say('a', 0, { want: 10 })
    store.say('b', 0, { want: 1 })
    expect([...store.pushes.keys()]).toEqual(['a'])
    expect(store.pushes.get('a')?.[0]).toMatchObject({ contended: true, granted: 10 })
    store.say('b', 1, { want: 0 })
    expect(store.say('b', 5, { want: 1 })).toMatchObject({ again: 15 })
    expect(store.pushes.size).toBe(0)
    expect(store.say('b', 20, { want: 1 }).again).toBeGreaterThan(20)
    expect([...store.pushes.keys()]).toEqual(['a'])
    store.say('b', 40, { want: 1 })
    expect(store.pushes.size).toBe(0)
  })
})

describe('rule 9: keys', () => {
  const claim = (key: string, want: number, seen = 0, returned = 0): Claim => ({
    ...{ key, want, seen, returned, spare: 0, priority: 0 },
  })

  test('many in one call, each with the limit to itself', () => {
    const store = new Talk()
    const { standings } = store.say('a', 0, { claims: [claim('x', 12), claim('y', 3)] })
    expect(standings).toMatchObject([
      { key: 'x', granted: 10, contended: true },
      { key: 'y', granted: 3, contended: false },
    ])
  })

  test('one is gone when nothing of it is held or wanted', () => {
    const store = new Talk()
    store.say('a', 0, { claims: [claim('x', 1), claim('y', 1)] })
    store.say('a', 1, { claims: [claim('x', 0, 1, 1)] })
    expect([...(store.state.groups.get('db')?.pools.keys() ?? [])]).toEqual(['y'])
  })

  test('an account that was gone goes on where the member says it was', () => {
    const store = new Talk()
    store.say('a', 0, { claims: [claim('x', 1)] })
    store.say('a', 1, { claims: [claim('x', 0, 1, 1)] })
    const { standings } = store.say('a', 2, { claims: [claim('x', 2, 1, 1)] })
    expect(standings).toMatchObject([{ granted: 3 }])
  })
})

describe('G5: permits come back', () => {
  test('those of a killed process within its lease, and who starves is told when', () => {
    const store = new Talk()
    store.say('a', 0, { want: 10 })
    for (let time = BEAT; time < LEASE; time += BEAT) {
      const { again, standings } = store.say('b', time, { want: 4 })
      expect({ again, standings }).toMatchObject({
        again: LEASE - time,
        standings: [{ granted: 0 }],
      })
    }
    expect(store.granted('b', LEASE - 1, { want: 4 })).toBe(0)
    expect(store.granted('b', LEASE, { want: 4 })).toBe(4)
  })

  test('those of one that leaves at once, and no late message of it brings it back', () => {
    const store = new Talk()
    const join = store.batch('a', { want: 10 })
    store.hear(join, 0)
    store.say('b', 1, { want: 4 })
    store.say('a', 2, { seen: 10, returned: 10, leaving: true })
    expect(store.pushes.get('b')?.[0]).toMatchObject({ granted: 4 })
    store.hear(join, 3)
    expect(store.say('b', 4, { seen: 4, want: 10 })).toMatchObject({
      ...{ members: 1, standings: [{ granted: 10 }] },
    })
  })
})

describe('MemoryStore', () => {
  test('answers, calls back whom it concerns until that is disposed of, and rejects after close', async () => {
    let now = 0
    const store = new MemoryStore(() => now)
    const talk = new Talk()
    const heard: Push[] = []
    const listening = store.listen('b', (push) => heard.push(push))
    const { generation } = await store.sync(talk.batch('a', { want: 10 }))
    await store.sync(talk.batch('b', { want: 2 }))
    now = 5
    const rest = { generation, seen: 10, want: 5 }
    await store.sync(talk.batch('a', { ...rest, returned: 1 }))
    expect(heard).toMatchObject([{ granted: 1 }])
    listening[Symbol.dispose]()
    await store.sync(talk.batch('a', { ...rest, returned: 2 }))
    expect(heard).toHaveLength(1)
    store.close()
    await expect(store.sync(talk.batch('a'))).rejects.toMatchObject({ code: 'SLUICE_CLOSED' })
  })
})
