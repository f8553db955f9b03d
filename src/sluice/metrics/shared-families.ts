/** Metrics of limits that are shared with other processes: how it stands with the store, and what it costs. */
import type { Histogram } from '../core/histogram.js'
import type { LimiterView, SharedFindings, SharedState } from '../core/limiter/limiter-account.js'
import type { Family, Series } from './family.js'

const STATES: readonly SharedState[] = ['joining', 'joined', 'learning', 'lost']

export function sharedFamilies(source: { readonly limiters: readonly LimiterView[] }): Family[] {
  const ofShared = (read: (shared: SharedFindings) => number | Histogram) => (): Series[] =>
    source.limiters.flatMap(({ name: limiter, shared }) =>
      shared === undefined ? [] : [{ labels: { limiter }, value: read(shared) }],
    )

  return [
    {
      name: 'concurrency_shared_limit',
      type: 'gauge',
      help: 'How many may be in flight over all processes.',
      aggregator: 'max',
      read: ofShared((shared) => shared.sharedLimit),
    },
    {
      name: 'concurrency_shared_members',
      type: 'gauge',
      help: 'How many processes share the limit.',
      aggregator: 'max',
      read: ofShared((shared) => shared.members),
    },
    {
      name: 'concurrency_shared_state',
      type: 'gauge',
      help: 'Whether that is the state of the lease (1) or not (0).',
      read: () =>
        source.limiters.flatMap(({ name: limiter, shared }) =>
          (shared === undefined ? [] : STATES).map((state) => ({
            labels: { limiter, state },
            value: Number(state === shared?.state),
          })),
        ),
    },
    {
      name: 'concurrency_store_sync_seconds',
      type: 'histogram',
      help: 'How long the store took to answer.',
      read: ofShared((shared) => shared.syncs),
    },
    {
      name: 'concurrency_store_errors_total',
      type: 'counter',
      help: 'Calls of the store that failed, or were given up.',
      read: ofShared((shared) => shared.storeErrors),
    },
    {
      name: 'concurrency_leases_lost_total',
      type: 'counter',
      help: 'Leases that ended while they were in use.',
      read: ofShared((shared) => shared.leasesLost),
    },
    {
      name: 'concurrency_admitted_locally_total',
      type: 'counter',
      help: 'Work that was let through without a wait for the store.',
      read: ofShared((shared) => shared.admittedLocally),
    },
  ]
}
