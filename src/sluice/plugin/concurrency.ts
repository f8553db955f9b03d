/** `app.concurrency`: the state of one registration, and what may be asked of it. */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { show } from '../core/check.js'
import type { LimiterView } from '../core/limiter/limiter-account.js'
import type { LoopLimiter } from '../core/loop/loop-limiter.js'
import { EventLoopMonitor } from '../metrics/event-loop.js'
import { createFamilies } from '../metrics/families.js'
import type { Family } from '../metrics/family.js'
import { type Interval, startInterval } from '../metrics/interval.js'
import { type ConcurrencyRegistry, createRegistry } from '../metrics/prometheus.js'
import { type Snapshot, takeSnapshot } from '../metrics/snapshot.js'
import { Traffic } from '../metrics/traffic.js'
import { Connections } from './connections/connections.js'
import { DRAIN_TIMEOUT, Drain } from './connections/drain.js'
import { Sockets } from './connections/sockets.js'
import type { Settings } from './options.js'
import { createPressure, watchLoop } from './pressure.js'
import type { ActiveRequest } from './request/active-request.js'
import { ActiveRequests } from './request/active-requests.js'
import { abortHolders } from './request/lost-lease.js'
import { RequestView } from './request/request-view.js'
import { Stalls } from './request/stalls.js'
import type { SharedLimits } from './routes/shared-limits.js'
import { startTelemetry } from './telemetry.js'
import type { AppConcurrency, DrainOptions, RequestInProgress, SpanObserver } from './types.js'

/** Milliseconds in which permits are given back. */
const LEAVE_TIMEOUT = 500

export class Concurrency implements AppConcurrency {
  readonly startedAt: number = performance.now()
  readonly traffic = new Traffic()
  readonly limiters: LimiterView[] = []
  readonly eventLoop = new EventLoopMonitor()
  readonly active: ActiveRequests<ActiveRequest>
  readonly families: readonly Family[] = createFamilies(this)
  readonly registry: ConcurrencyRegistry = createRegistry(this.families)
  readonly shutdown: Drain
  readonly stalls: Stalls
  readonly pressure: LoopLimiter | undefined = undefined
  readonly scheme: 'http' | 'https'
  readonly #closeTimeout: number
  readonly #shared: SharedLimits
  readonly #sockets: Sockets
  readonly #stopReading: () => void = () => {}
  #stopTelemetry = (): void => {}

  constructor({ server, log, initialConfig }: FastifyInstance, settings: Settings) {
    const { app, auto, keyed, pressure, shared } = settings
    const { pluginTimeout = DRAIN_TIMEOUT, http2 = false, https } = initialConfig
    this.scheme = https ? 'https' : 'http'
    this.#closeTimeout = Math.min(DRAIN_TIMEOUT, (pluginTimeout || Number.POSITIVE_INFINITY) * 0.9)
    this.#shared = shared
    this.active = new ActiveRequests(
      this.traffic,
      (err) => log.error({ err }, 'a limit algorithm or an observer threw'),
      warnOnce(log),
    )
    if (keyed !== undefined) this.limiters.push(keyed.limiters)
    const whole = app ?? auto
    if (whole !== undefined) this.limiters.push(whole)
    if (pressure !== undefined) {
      this.pressure = createPressure(pressure, this.eventLoop)
      this.limiters.push(this.pressure)
      this.#stopReading = watchLoop(this.pressure)
    }
    shared.whenLost((lender) => abortHolders(this.active, lender))
    const connections = new Connections({
      http2,
      encrypted: this.scheme === 'https',
      streams: settings.perConnection,
    })
    this.shutdown = new Drain(this.active, connections, () => {
      for (const limiter of this.limiters) limiter.close()
    })
    this.stalls = new Stalls(this.active, this.limiters, settings.stall)
    this.#sockets = new Sockets(server, {
      onConnection: (socket, before) => {
        if (before === undefined) this.pressure?.connected()
        connections.add(socket, before)
      },
      onSession: (session) => connections.addSession(session),
      onStream: (stream) => connections.addStream(stream),
    })
  }

  get draining(): boolean {
    return this.shutdown.started
  }

  /** Requests that nothing has refused. */
  get admitted(): number {
    return this.traffic.total - this.traffic.rejected
  }

  snapshot(): Snapshot {
    return takeSnapshot(this)
  }

  observe(observer: SpanObserver): () => void {
    if (typeof observer !== 'function') {
      throw new TypeError(`observer: got ${show(observer)}, takes a function`)
    }
    return this.active.observe(observer)
  }

  *inProgress(): Iterable<RequestInProgress> {
    for (const request of this.active) yield new RequestView(request)
  }

  mark(): () => Interval {
    return startInterval(this)
  }

  async drain(options?: DrainOptions): Promise<boolean> {
    const isThrough = await this.shutdown.run(options)
    await this.#giveBack()
    return isThrough
  }

  /**
   * The app closes: drains first, if nobody did, then ends the connections. Fastify gives up on a
   * hook after its `pluginTimeout`, so that what is left must be cut before.
   */
  async end(): Promise<void> {
    await this.shutdown.runWithin(this.#closeTimeout)
    await this.#giveBack()
    this.shutdown.endConnections()
  }

  /** A store that does not answer keeps nobody. */
  #giveBack(): Promise<void> {
    return this.#shared.leave(Math.min(LEAVE_TIMEOUT, this.#closeTimeout / 20))
  }

  /** The app is ready: whatever it measures with has been registered. */
  async start(): Promise<void> {
    this.#stopTelemetry = await startTelemetry(this)
  }

  /** The app has closed. */
  async stop(): Promise<void> {
    await this.shutdown.stop()
    this.#sockets.stop()
    this.#stopTelemetry()
    this.#stopReading()
    this.stalls.stop()
    this.eventLoop.stop()
  }
}

/** One line a route: what it is waiting for, it waits for each time. */
function warnOnce(log: FastifyBaseLogger): (request: ActiveRequest) => void {
  const known = new Set<unknown>()
  return ({ counts, route: { abandonAfter } }) => {
    const { method, route } = counts
    if (known.has(counts)) return
    known.add(counts)
    log.warn(
      { method, route, abandonAfter },
      `${method} ${route}: its work went on for ${abandonAfter} ms after the response; its permit returned`,
    )
  }
}
