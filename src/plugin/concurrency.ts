/** `app.concurrency`: the state of one registration, and what may be asked of it. */
import type { Server } from 'node:http'
import type { Registry } from 'prom-client'
import type { Limiter } from '../core/limiter.js'
import { EventLoopMonitor } from '../metrics/event-loop.js'
import { createRegistry } from '../metrics/prometheus.js'
import { type Snapshot, takeSnapshot } from '../metrics/snapshot.js'
import { Traffic } from '../metrics/traffic.js'
import { ActiveRequests } from './active-request.js'
import { Drain } from './drain.js'
import type { AppConcurrency, DrainOptions } from './types.js'

export class Concurrency implements AppConcurrency {
  readonly startedAt: number = performance.now()
  readonly traffic = new Traffic()
  readonly limiters: Limiter[] = []
  readonly eventLoop = new EventLoopMonitor()
  readonly active = new ActiveRequests(this.traffic)
  readonly registry: Registry = createRegistry(this)
  readonly shutdown: Drain

  constructor(server: Server) {
    this.shutdown = new Drain(server, this.active, () => {
      for (const limiter of this.limiters) limiter.close()
    })
  }

  get draining(): boolean {
    return this.shutdown.started
  }

  snapshot(): Snapshot {
    return takeSnapshot(this)
  }

  drain(options?: DrainOptions): Promise<boolean> {
    return this.shutdown.run(options)
  }

  /** The app closes: drains first, if nobody did, then ends the connections. */
  async end(): Promise<void> {
    await this.drain()
    this.shutdown.endSockets()
  }

  stop(): void {
    this.shutdown.stop()
    this.eventLoop.stop()
  }
}
