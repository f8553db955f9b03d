/**
 * Metrics of limits that find themselves, and of the event loop's: what they see, and why they moved.
 * Label `scope` is the route, where each finds its own limit, or the limiter.
 */
import type { LimiterView } from '../core/limiter/limiter-account.js'
import type { FoundLimit } from '../core/limits/findings.js'
import type { LoopFindings } from '../core/loop/loop-findings.js'
import type { Family, Series } from './family.js'

export function foundFamilies(source: { readonly limiters: readonly LimiterView[] }): Family[] {
  const ofFound = (read: (one: FoundLimit) => number) => (): Series[] =>
    source.limiters.flatMap(({ name: limiter, found = [] }) =>
      found.map((one) => ({ labels: { limiter, scope: one.name }, value: read(one) })),
    )
  const ofLoop = (read: (loop: LoopFindings) => number | null) => (): Series[] =>
    source.limiters.flatMap(({ name: limiter, loop }) => {
      const milliseconds = loop === undefined ? null : read(loop)
      return milliseconds === null ? [] : [{ labels: { limiter }, value: milliseconds / 1000 }]
    })

  return [
    {
      name: 'concurrency_found_limit',
      type: 'gauge',
      help: 'The limit that was found.',
      read: ofFound((one) => one.limit),
    },
    {
      name: 'concurrency_found_limit_bound',
      type: 'gauge',
      help: 'Whether work queues, so that the limit bounds it (1), or floats above what is in flight (0).',
      aggregator: 'max',
      read: ofFound((one) => Number(one.bound)),
    },
    {
      name: 'concurrency_found_limit_moves_total',
      type: 'counter',
      help: 'How often the limit moved, by cause.',
      read: () =>
        source.limiters.flatMap(({ name: limiter, found = [] }) =>
          found.flatMap(({ name: scope, moves }) =>
            Object.entries(moves).map(([cause, value]) => ({
              labels: { limiter, scope, cause },
              value,
            })),
          ),
        ),
    },
    {
      name: 'concurrency_usual_seconds',
      type: 'gauge',
      help: 'How long work takes without a wait, on average.',
      aggregator: 'average',
      read: ofFound((one) => one.usualMs / 1000),
    },
    {
      name: 'concurrency_wait_behind_seconds',
      type: 'gauge',
      help: 'How long work waits for other work behind the limit, on average.',
      aggregator: 'average',
      read: ofFound((one) => one.behindMs / 1000),
    },
    {
      name: 'concurrency_throughput',
      type: 'gauge',
      help: 'How much work ended a second, when the limit was judged last.',
      read: ofFound((one) => one.throughput),
    },
    {
      name: 'concurrency_loop_wait_seconds',
      type: 'gauge',
      help: 'How long whatever is due waits for the event loop, on average.',
      aggregator: 'max',
      read: ofLoop((loop) => loop.lateMs),
    },
    {
      name: 'concurrency_loop_held_seconds',
      type: 'gauge',
      help: 'Time of the event loop that those in flight are expected to need.',
      read: ofLoop((loop) => loop.heldMs),
    },
    {
      name: 'concurrency_loop_room_seconds',
      type: 'gauge',
      help: 'Time of the event loop that those in flight may need; absent as long as it is not late.',
      read: ofLoop((loop) => loop.roomMs),
    },
  ]
}
