/** What snapshots that were taken in a row say of one limiter, over time. */
import type { Snapshot } from '../src/index.js'
import type { Series } from './scenario.js'

export function limiterSeries(snapshots: readonly Snapshot[], name: string): Series[] {
  const [first] = snapshots
  const samples = snapshots.flatMap(({ uptime, limiters }) => {
    const limiter = limiters.find((known) => known.name === name)
    return limiter === undefined ? [] : [{ at: (uptime - (first?.uptime ?? 0)) * 1000, limiter }]
  })
  const over = (what: string, key: 'inFlight' | 'queued' | 'limit'): Series => ({
    name: what,
    unit: `requests, ${name}`,
    points: samples.map(({ at, limiter }) => [at, limiter[key]] as const),
  })
  return [over('in flight', 'inFlight'), over('queued', 'queued'), over('limit', 'limit')]
}
