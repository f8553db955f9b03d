/** The process's side of the protocol, with both clocks in hand. */
import { describe, expect, test } from 'vitest'
import type { Fallback } from '../../../src/sluice/shared/fallback.js'
import { Membership, type SharedMode } from '../../../src/sluice/shared/membership.js'
import type { Batch, Claim, Reply, Standing } from '../../../src/sluice/shared/protocol.js'
import type { Share } from '../../../src/sluice/shared/share.js'

const LEASE = 1000
const BEAT = 100

class Side {
  readonly membership: Membership
  readonly share: Share
  now = 0
  /** The time of day is ahead. */
  ahead = 0
  sent!: Batch

  constructor(options: { fallback?: Fallback; mode?: SharedMode } = {}) {
    const { fallback = 'closed', mode = 'loans' } = options
    const settings = { name: 'db', limit: 10, lease: LEASE, mode, fallback }
    this.membership = new Membership(settings, () => 0.5)
    this.share = this.membership.open('')
  }

  get claim(): Claim {
    return this.sent.claims[0] as Claim
  }

  /** Milliseconds until the next sync is due. */
  get due(): number {
    return this.membership.dueAt(this.now, this.now + this.ahead) - this.now
  }

  get state(): string {
    return this.membership.state(this.now, this.now + this.ahead)
  }

  get allowance(): number {
    return this.membership.allowance(this.share, this.now, this.now + this.ahead)
  }

  send(): this {
    this.sent = this.membership.next(this.now, this.now + this.ahead)
    return this
  }

  answer(granted: number, more: Partial<Reply & Standing> = {}): this {
    const { contended = false, level = 10, ...rest } = more
    const standings = [{ key: '', granted, contended, level }]
    const reply = { seq: this.sent.seq, generation: 'g', limit: 10, ownLimit: 10, members: 2 }
    this.membership.answered({ ...reply, learning: false, standings, ...rest }, this.now)
    return this
  }

  fail(): this {
    this.membership.failed(this.sent.seq, this.now, this.now + this.ahead)
    return this
  }

  begin(count: number): this {
    for (let i = 0; i < count; i++) this.share.begin()
    return this
  }

  at(now: number): this {
    this.now = now
    return this
  }
}

describe('rule 4: validity', () => {
  test('what it holds may be used until half a lease after the last answered sync was sent', () => {
    const side = new Side().send().at(300).answer(4)
    expect([side.state, side.allowance]).toEqual(['joined', 4])
    expect(side.at(499.9).allowance).toBe(4)
    expect([side.at(500).state, side.allowance, side.due]).toEqual(['lost', 0, 0])
  })

  test('by the time of day, too: a machine that slept has a monotonic clock that stood still', () => {
    const side = new Side().send().answer(4)
    side.ahead = 499.9
    expect(side.allowance).toBe(4)
    side.ahead = 500
    expect([side.state, side.allowance, side.due]).toEqual(['lost', 0, 0])
  })

  test('a time of day that was set back lengthens nothing', () => {
    const side = new Side().send().answer(4)
    side.ahead = -3_600_000
    expect(side.at(500).allowance).toBe(0)
  })

  test('an answer to a sync that was sent too long ago makes nothing valid', () => {
    const side = new Side().send().at(500).answer(4)
    expect([side.state, side.allowance]).toEqual(['lost', 0])
  })

  test('what was idle goes back when the lease was over, and what is in flight is claimed', () => {
    const side = new Side().send().answer(4).begin(1).at(600).send()
    expect(side.sent).toMatchObject({ valid: false })
    expect(side.claim).toMatchObject({ seen: 4, returned: 3, want: 1 })
  })
})

describe('rule 8: one sync in flight', () => {
  test('a beat after the last beat, another is due', () => {
    const side = new Side().send()
    expect(side.due).toBe(2 * BEAT)
    side.at(10).answer(0)
    expect(side.due).toBe(BEAT - 10)
  })

  test('one that is not answered within two beats is given up, and its answer is not heard', () => {
    const side = new Side().send()
    const late = side.sent
    expect(side.at(2 * BEAT).due).toBe(0)
    side.send().answer(7, { seq: late.seq })
    expect([side.state, side.share.held]).toEqual(['lost', 0])
    side.answer(3)
    expect([side.state, side.share.held]).toEqual(['joined', 3])
  })

  test('after a failure it tries again within a beat, at a time of its own', () => {
    expect(new Side().send().fail().due).toBe(BEAT * 0.75)
  })

  test('whoever waits and has too few asks at once, and not twice for the same', () => {
    const side = new Side().send().answer(0).at(1)
    side.share.queued = 3
    expect(side.due).toBe(0)
    side.send().answer(0, { contended: true })
    expect(side.claim).toMatchObject({ want: 3 })
    side.share.queued = 5
    expect(side.due).toBe(BEAT - 1)
    side.share.queued = 6
    expect(side.due).toBe(2)
  })

  test('it asks when it was told that more may be had', () => {
    const side = new Side().send().answer(0, { again: 40, contended: true })
    expect(side.due).toBe(40)
  })

  test('while somebody starves, at most once in 2 ms', () => {
    const side = new Side().send().answer(4, { contended: true })
    expect(side.due).toBe(2)
    expect(side.at(2).send().claim).toMatchObject({ returned: 4 })
  })
})

describe('when permits go back', () => {
  test('loans: what went unused for a whole beat', () => {
    const side = new Side().send().answer(6).begin(4)
    side.share.end()
    side.at(BEAT).send()
    expect(side.claim).toMatchObject({ returned: 2 })
    side
      .answer(6)
      .at(2 * BEAT)
      .send()
    expect(side.claim).toMatchObject({ returned: 3 })
  })

  test('those above the fair level as they come free, while somebody starves', () => {
    const side = new Side().send().answer(6, { contended: true, level: 4 }).begin(6)
    for (let end = 0; end < 3; end++) side.share.end()
    expect(side.share.held).toBe(4)
  })

  test('none as they come free, while nobody does', () => {
    const side = new Side().send().answer(6, { level: 4 }).begin(6)
    side.share.end()
    expect(side.share.held).toBe(6)
  })

  test('strict: no permits beyond what it wants are asked for', () => {
    for (const [mode, spare] of [
      ['loans', 1],
      ['strict', 0],
    ] as const) {
      const side = new Side({ mode }).send().answer(2).begin(2).at(1)
      side.share.queued = 1
      expect(side.send().claim).toMatchObject({ want: 3, spare })
    }
  })
})

describe('generations', () => {
  test('a push of another one is not heard', () => {
    const side = new Side().send().answer(2)
    const push = { key: '', granted: 9, contended: false, level: 10 }
    side.membership.told({ ...push, generation: 'earlier' })
    expect(side.share.held).toBe(2)
    side.membership.told({ ...push, generation: 'g' })
    expect(side.share.held).toBe(9)
  })

  test('where a new one begins, what the store has counts, and what is in flight is told at once', () => {
    const side = new Side().send().answer(6).at(10).send()
    side.membership.told({ key: '', granted: 9, contended: false, level: 10, generation: 'g' })
    side.begin(8).answer(6, { generation: 'h' })
    expect([side.share.held, side.due]).toEqual([8, 0])
    expect(side.send().claim).toMatchObject({ seen: 8, returned: 0, want: 8 })
  })

  test('G2: of that, what the store was not told of goes back as it ends', () => {
    const side = new Side().send().answer(6).at(10).send()
    side.membership.told({ key: '', granted: 9, contended: false, level: 10, generation: 'g' })
    side.begin(8).answer(6, { generation: 'h' })
    const held = [1, 2, 3].map(() => {
      side.share.end()
      return side.share.held
    })
    expect(held).toEqual([7, 6, 6])
  })
})

describe('fallback, without a valid lease', () => {
  const connected = (fallback: Fallback, held: number): Side => {
    const side = new Side({ fallback })
      .send()
      .answer(0)
      .at(2 * BEAT)
    return side.send().answer(held, { members: 3, limit: 16 })
  }
  /** Since half a lease. */
  const lost = (fallback: Fallback): Side => connected(fallback, 3).at(700)

  test('closed: none', () => {
    expect(lost('closed').allowance).toBe(0)
  })

  test('open: without limit', () => {
    expect(lost('open').allowance).toBe(Number.POSITIVE_INFINITY)
  })

  test('an integer: so many', () => {
    expect(lost(7).allowance).toBe(7)
  })

  test('share: an even part, of that only what it held until the leases of the others are over', () => {
    const side = lost('share')
    expect([side.allowance, side.at(1399.9).allowance, side.at(1400).allowance]).toEqual([3, 3, 5])
  })

  test('share: more than an even part is no longer used', () => {
    expect(connected('share', 9).at(700).allowance).toBe(5)
  })

  test('share: none in the beats after it joined, when not all may know how many they are', () => {
    const side = new Side({ fallback: 'share' }).send().answer(3, { members: 3 })
    expect(side.at(2000).allowance).toBe(0)
  })

  test('share: what it may use is claimed, so that nobody else is granted it', () => {
    const side = lost('share').at(2000).send()
    expect(side.claim).toMatchObject({ seen: 5, returned: 0 })
  })

  test('before first contact: closed, unless open or an integer', () => {
    const allowances = (['share', 'closed', 'open', 7] as const).map(
      (fallback) => new Side({ fallback }).allowance,
    )
    expect(allowances).toEqual([0, 0, Number.POSITIVE_INFINITY, 7])
  })
})

describe('states', () => {
  test('joining until something is heard or fails, then joined, learning or lost', () => {
    const side = new Side()
    expect(side.state).toBe('joining')
    expect(side.send().fail().state).toBe('lost')
    expect(side.send().answer(0, { learning: true }).state).toBe('learning')
    expect(side.at(BEAT).send().answer(0).state).toBe('joined')
    expect(
      side
        .at(BEAT + 499)
        .send()
        .fail().state,
    ).toBe('joined')
    expect(side.at(BEAT + 500).state).toBe('lost')
  })
})

describe('leaving', () => {
  test('admits nothing, gives back what is idle at once, and the rest as it ends', () => {
    const side = new Side().send().answer(4).begin(1).at(1)
    side.membership.leave()
    expect([side.allowance, side.due]).toEqual([0, 0])
    expect(side.send().claim).toMatchObject({ returned: 3 })
    side.answer(4)
    expect([side.sent.leaving, side.membership.hasLeft]).toEqual([false, false])
    side.share.end()
    expect([side.due, side.send().sent.leaving]).toEqual([0, true])
    expect(side.claim).toMatchObject({ returned: 4, want: 0 })
    side.answer(4)
    expect([side.membership.hasLeft, side.due]).toEqual([true, Number.POSITIVE_INFINITY])
  })

  test('one that cannot tell the store has left when its lease is over', () => {
    const side = new Side().send().answer(4)
    side.membership.leave()
    expect(side.at(900).send().fail().membership.hasLeft).toBe(false)
    expect(side.at(1000).send().fail().membership.hasLeft).toBe(true)
  })
})

describe('a limit that is set for all', () => {
  test('is told until the store has it', () => {
    const side = new Side().send().answer(0).at(1)
    side.membership.setLimit(30)
    expect([side.due, side.send().sent]).toMatchObject([0, { limit: 30, limitForAll: true }])
    side.fail().at(BEAT).send()
    expect(side.sent).toMatchObject({ limit: 30, limitForAll: true })
    side.answer(0, { ownLimit: 30, limit: 30 })
    expect(side.at(2 * BEAT).send().sent).toMatchObject({ limit: 30, limitForAll: false })
  })

  test('by another process is its own from then on', () => {
    const side = new Side().send().answer(0, { ownLimit: 30, limit: 30 }).at(BEAT).send()
    expect(side.sent).toMatchObject({ limit: 30, limitForAll: false })
  })
})
