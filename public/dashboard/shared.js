/** Shared limits in words: what this process has of them, and whether the store can be reached. */
import { bound, count } from './format.js'

/** @typedef {import('./stream.js').Snapshot['limiters']} Limiters */

const STATES = {
  joining: 'not reached yet',
  joined: 'reached',
  learning: 'reached, has lost data and grants nothing new yet',
  lost: 'away',
}

/**
 * Limiter, share, the limit of all, how many processes, and how it stands with the store.
 * @param {Limiters} limiters
 * @returns {string[][]}
 */
export function rowsOf(limiters) {
  return limiters.flatMap(({ name, share = 0, sharedLimit = 0, members = 0, state }) => {
    if (state === undefined) return []
    return [[name, count(share), count(sharedLimit), count(members), STATES[state]]]
  })
}

/**
 * What to tell at once; nothing while the store can be reached.
 * @param {Limiters} limiters
 */
export function awayOf(limiters) {
  const away = limiters.filter(({ state }) => state === 'lost')
  if (away.length === 0) return ''
  const facts = away.map(({ name, limit }) => `${name} at most ${bound(limit)}`)
  return `The store of shared limits is away. Until it is back, this process has in flight by itself: ${facts.join(', ')}.`
}
