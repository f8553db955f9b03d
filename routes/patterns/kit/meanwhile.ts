/**
 * What others notice of some work: how long `/fast` takes while it runs. Each look is a request like
 * any other, in the log and in the counts too.
 */
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { tenths } from './run.js'

// Fastify loads what `inject` needs when it is first called, which may be when no file can be opened.
const { resolve } = createRequire(import.meta.url)
createRequire(resolve('fastify'))('light-my-request')

/** Milliseconds between two looks. */
const EVERY = 5
/** Milliseconds for a look: the app's own limit may let it wait for the very work that it looks at. */
const PATIENCE = 1000

export interface Measured<T> {
  value: T
  workMs: number
  /** The slowest `/fast`, counted from when it should have been asked. */
  fastMs: number
}

export async function measure<T>(
  app: FastifyInstance,
  work: () => Promise<T>,
): Promise<Measured<T>> {
  let over = false
  const slowest = slowestFast(app, () => over)
  const startedAt = performance.now()
  try {
    const value = await work()
    const workMs = tenths(performance.now() - startedAt)
    over = true
    return { value, workMs, fastMs: tenths(await slowest) }
  } finally {
    over = true
    await slowest
  }
}

/** Never rejects: it is waited for only behind the work. */
async function slowestFast(app: FastifyInstance, isOver: () => boolean): Promise<number> {
  let slowest = 0
  do {
    const due = performance.now() + EVERY
    await sleep(EVERY)
    // A timer may be a little early.
    const asked = Math.min(due, performance.now())
    const signal = AbortSignal.timeout(PATIENCE)
    await look(app, signal).catch(() => {})
    slowest = Math.max(slowest, performance.now() - asked)
  } while (!isOver())
  return slowest
}

async function look(app: FastifyInstance, signal: AbortSignal): Promise<void> {
  await app.inject({ url: '/fast', signal })
}
