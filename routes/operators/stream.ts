/**
 * What happens right now, as server-sent events: the snapshot of `/concurrency` each second, the last
 * one at once. With `?detail=true` also what the dashboard draws: `history` once, `second` each second
 * and `requests` four times a second; requests are recorded only while somebody watches those.
 */
import { addAbortListener } from 'node:events'
import { fastifySSE } from '@fastify/sse'
import type { FastifyPluginAsync } from 'fastify'
import type { Snapshot } from 'fastify-sluice'
import { LOOKING_ON } from '../kit/looking-on.js'
import { History } from './stream/history.js'
import { Kept, message, RETRY } from './stream/message.js'
import { Recent } from './stream/recent.js'
import { Timeline } from './stream/timeline.js'
import { Watcher } from './stream/watcher.js'

export interface StreamOptions {
  /** Milliseconds between two snapshots, > 0. */
  interval?: number
  /** Milliseconds that a reader may take nothing before it is dropped, >= 0. */
  patience?: number
  /** How many may read at once: an integer >= 0. */
  watchers?: number | undefined
  /** Of all workers, where this is one of several; @param maxAge milliseconds that it may be old */
  whole?: { snapshot(maxAge: number): Promise<Snapshot> } | undefined
}

/** Milliseconds. */
const HEARTBEAT = 15_000
/** Seconds after which one who found no place may come again. */
const RETRY_FULL = 10

const stream: FastifyPluginAsync<StreamOptions> = async (
  app,
  { interval = 1000, patience = 10_000, watchers = 100, whole },
) => {
  const { concurrency } = app
  const plain = new Set<Watcher>()
  const detailed = new Set<Watcher>()
  const history = new History()
  const recent = new Recent(concurrency)
  const timeline = new Timeline(concurrency)
  const before = new Kept(() => message(history, 'history'))
  const recalled = new Kept(() => message(timeline.recall(), 'requests'))
  const farewell = new Kept(() =>
    message({ ...(latest ?? concurrency.snapshot()), draining: true }),
  )
  /** Of all workers. */
  let latest: Snapshot | undefined
  let last: Buffer | undefined
  let quarter: NodeJS.Timeout | undefined

  const takeWhole = async (): Promise<void> => {
    latest = await whole?.snapshot(interval / 10).catch(() => undefined)
    if (latest) takeSnapshot(latest)
  }
  const takeSnapshot = (snapshot = concurrency.snapshot()): Buffer => {
    const row = history.add(snapshot)
    before.outdate()
    farewell.outdate()
    last = message(snapshot)
    for (const watcher of plain) watcher.send(last)
    if (detailed.size === 0) return last
    const detail = {
      row,
      recent: recent.take(),
      untold: timeline.takeUntold(concurrency.snapshot()),
    }
    tellRequests(last, message(detail, 'second'))
    // Those of the last quarter went along.
    quarter?.refresh()
    return last
  }
  /** In one write: that is nearly all that a reader costs. */
  const tellRequests = (...others: Buffer[]): void => {
    recalled.outdate()
    const requests = timeline.take()
    const told = requests === undefined ? others : [...others, message(requests, 'requests')]
    const bytes = Buffer.concat(told)
    if (bytes.length > 0) for (const watcher of detailed) watcher.send(bytes)
  }
  const watch = (watcher: Watcher): void => {
    detailed.add(watcher)
    if (quarter !== undefined) return
    recent.start()
    timeline.start()
    quarter = setInterval(tellRequests, interval / 4).unref()
  }
  const unwatch = (watcher: Watcher): void => {
    plain.delete(watcher)
    if (!detailed.delete(watcher) || detailed.size > 0) return
    clearInterval(quarter)
    quarter = undefined
    recalled.outdate()
    recent.stop()
    timeline.stop()
  }

  const tick = whole === undefined ? () => takeSnapshot() : takeWhole
  const ticking = setInterval(tick, interval).unref()
  app.addHook('onClose', async () => clearInterval(ticking))
  await app.register(fastifySSE, { heartbeatInterval: HEARTBEAT })

  app.get<{ Querystring: { detail: boolean } }>(
    '/concurrency/stream',
    {
      ...LOOKING_ON,
      sse: 'only',
      exposeHeadRoute: false,
      onRequest: (_request, reply, done) => {
        if (plain.size + detailed.size < watchers) return done()
        reply.header('retry-after', String(RETRY_FULL))
        const full = new Error(`As many as may watch at once do: ${watchers}`)
        done(Object.assign(full, { statusCode: 503 }))
      },
      schema: {
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: { detail: { type: 'boolean', default: false } },
        },
      },
    },
    async ({ concurrency: { signal }, query: { detail } }, reply) => {
      const watcher = new Watcher(reply, patience)
      reply.sse.keepAlive()
      const first = [RETRY, last ?? takeSnapshot()]
      if (detail) {
        watch(watcher)
        first.push(before.bytes, recalled.bytes)
      } else plain.add(watcher)
      watcher.send(...first)

      // Heard also where another listener stops the event.
      addAbortListener(signal, () => {
        unwatch(watcher)
        if (concurrency.draining) watcher.end(farewell.bytes)
      })
      reply.sse.onClose(() => unwatch(watcher))
    },
  )
}
export default stream
