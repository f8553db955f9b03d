/** How a shed request is answered: RFC 9457, with a `Retry-After`, and without reading its body. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  ClosedError,
  DeadlineError,
  PressureError,
  QueueFullError,
  QueueTimeoutError,
} from '../core/errors.js'
import type { Limiter, RejectReason } from '../core/limiter.js'
import { RetryAfter } from '../core/retry-after.js'

/** Nobody is there to be told of an abort. */
export type Answerable = Exclude<RejectReason, 'aborted'>

const PROBLEMS: Record<Answerable, Buffer> = {
  queue_full: problem(new QueueFullError()),
  queue_timeout: problem(new QueueTimeoutError()),
  deadline: problem(new DeadlineError()),
  pressure: problem(new PressureError()),
  closed: problem(new ClosedError()),
}

const backlogs = new WeakMap<object, RetryAfter>()

/** @param where whose backlog the client should let shrink. */
export function reject(
  request: FastifyRequest,
  reply: FastifyReply,
  reason: Answerable,
  where: Limiter | object,
): void {
  let retryAfter = backlogs.get(where)
  if (retryAfter === undefined) {
    retryAfter = new RetryAfter()
    backlogs.set(where, retryAfter)
  }
  reply.code(503)
  reply.header('retry-after', retryAfter.next())
  reply.header('content-type', 'application/problem+json')
  if (hasBody(request)) reply.header('connection', 'close')
  reply.send(PROBLEMS[reason])
}

/** Without `Connection: close` Node would read an upload to its end before the next request. */
function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0
}

/** As bytes, to which Fastify adds no charset: JSON has none. */
function problem(error: Error & { code: string; statusCode?: number | undefined }): Buffer {
  return Buffer.from(
    JSON.stringify({
      type: 'about:blank',
      title: 'Service Unavailable',
      status: error.statusCode,
      detail: error.message,
      code: error.code,
    }),
  )
}
