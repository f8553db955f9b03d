/**
 * Every error of the package: its code, its status where HTTP shows it, and its message.
 * They carry `statusCode`, so one thrown inside a Fastify handler answers with its own status. Fastify
 * reads it off the error alone, also in an app that uses the core without the plugin, so that nobody
 * else could say it: of HTTP the core knows this much.
 */
import createError from '@fastify/error'

export const QueueFullError = createError(
  'SLUICE_QUEUE_FULL',
  'No slot is free and the queue is full',
  503,
)
export const QueueTimeoutError = createError(
  'SLUICE_QUEUE_TIMEOUT',
  'Waited the whole queue timeout without getting a slot',
  503,
)
export const DeadlineError = createError(
  'SLUICE_DEADLINE',
  "The request's own deadline passed",
  503,
)
export const PressureError = createError('SLUICE_PRESSURE', 'The event loop is saturated', 503)
export const ClosedError = createError(
  'SLUICE_CLOSED',
  'Draining, or closed: no new work is taken',
  503,
)
export const StoreError = createError(
  'SLUICE_STORE',
  'The store of the shared limit cannot be reached',
  503,
)
/** The reason of a request's signal: its permit may be another process's by now. */
export const LeaseLostError = createError(
  'SLUICE_LEASE_LOST',
  'The lease of the shared limit ended while the request was in flight',
  503,
)
/** Thrown at registration; a TypeError or RangeError of a constructor is its `cause`. */
export const OptionsError = createError<[name: string, got: string, takes: string]>(
  'SLUICE_OPTIONS',
  'Option %s: got %s, takes %s',
  500,
)
