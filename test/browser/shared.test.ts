/** The dashboard tells at a glance that the store of shared limits is away. */
import type { Snapshot } from 'fastify-sluice'
import { expect, test } from 'vitest'
import { awayOf, rowsOf } from '../../public/dashboard/shared.js'

type Limiters = Snapshot['limiters']
const own = { name: 'GET /own', limit: 5 }
const standing = { name: 'app', limit: 3, share: 3, sharedLimit: 10, members: 4 }
const told = (...limiters: object[]) => limiters as unknown as Limiters

test('each shared limiter has a row: its share, the whole, the processes, the store', () => {
  const joined = { ...standing, state: 'joined' }
  expect(rowsOf(told(own, joined))).toEqual([['app', '3', '10', '4', 'reached']])
  expect(awayOf(told(own, joined))).toBe('')
})

test('a store that is away is said to be, with what its absence leaves of each limit', () => {
  const lost = { ...standing, limit: 2, state: 'lost' }
  const open = { ...lost, name: 'db', limit: null }
  expect(rowsOf(told(lost))[0]?.at(-1)).toBe('away')
  expect(awayOf(told(own, lost, open))).toBe(
    'The store of shared limits is away. Until it is back, this process has in flight by itself: app at most 2, db at most ∞.',
  )
})
