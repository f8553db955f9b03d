/**
 * `GET /work` as services have it, by what stands before it: CPU-bound it keeps the loop busy for 5
 * ms (capacity 200 a second less what HTTP takes), I/O-bound it waits for a downstream of 20 slots of
 * 50 ms (400 a second) that thrashes beyond them.
 */
import type { Server } from 'node:http'
import underPressure from '@fastify/under-pressure'
import fastify, { type FastifyInstance } from 'fastify'
import sluice from 'fastify-sluice'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { compute, Downstream } from './downstream.js'

export type Workload = 'cpu' | 'io'

/** Seen by nobody but the server: what one request keeps busy, in milliseconds. */
const BUSY = 5
const SLOTS = 20
const WAIT = 50

export async function bare(workload: Workload): Promise<Server> {
  return serve(fastify(), workload)
}

/** Thresholds of its documentation, and those for the loop that suit a deadline of a second. */
export const UNDER_PRESSURE = {
  maxEventLoopDelay: 100,
  maxEventLoopUtilization: 0.98,
  sampleInterval: 100,
}

export async function pressed(workload: Workload): Promise<Server> {
  const app = fastify()
  await app.register(underPressure, UNDER_PRESSURE)
  return serve(app, workload)
}

/** Somebody measured what the service can do at once, and wrote it down. */
export async function fixed(
  workload: Workload,
  limit: number | string = workload === 'cpu' ? 2 : SLOTS,
): Promise<Server> {
  const app = fastify()
  await app.register(sluice, { limit: Number(limit), queue: { size: 50, timeout: 400 } })
  return serve(app, workload)
}

/** Nobody had to measure anything: the same word before any service. */
export async function adaptive(workload: Workload): Promise<Server> {
  const app = fastify()
  await app.register(sluice, { limit: 'auto' })
  return serve(app, workload)
}

async function serve(app: FastifyInstance, workload: Workload): Promise<Server> {
  const downstream = new Downstream(SLOTS)
  app.get('/work', async () => {
    if (workload === 'cpu') compute(BUSY)
    else await downstream.work(WAIT)
    return 'done'
  })
  app.get('/health/live', async () => 'live')
  const registry: Registry = app.concurrency?.registry ?? new Registry()
  collectDefaultMetrics({ register: registry })
  app.get('/metrics', () => registry.metrics())
  app.get('/concurrency', async () => app.concurrency.snapshot())
  app.get('/slots/:slots', { config: { concurrency: false } }, async ({ params }) => {
    downstream.slots = Number((params as { slots: string }).slots)
    return downstream.slots
  })
  await app.ready()
  return app.server
}
