/** How a shed request is answered: RFC 9457, with a `Retry-After`, and without reading its body. */
import {
  ClosedError,
  DeadlineError,
  PressureError,
  QueueFullError,
  QueueTimeoutError,
  StoreError,
} from '../../core/errors.js'
import { RetryAfter } from '../../core/shedding/retry-after.js'
import type { RejectFunction } from '../types.js'
import type { ActiveRequest } from './active-request.js'
import type { Refusal } from './admitting.js'
import { standIn } from './answer.js'
import { isPromiseLike } from './promise-like.js'

interface Problem {
  readonly code: string
  readonly detail: string
  readonly bodies: { readonly 503: string; readonly 504: string }
}

const PROBLEMS: Readonly<Record<Refusal, Problem>> = {
  queue_full: problem(new QueueFullError()),
  queue_timeout: problem(new QueueTimeoutError()),
  deadline: problem(new DeadlineError()),
  pressure: problem(new PressureError()),
  closed: problem(new ClosedError()),
  store: problem(new StoreError()),
}

/** A reply is one, and its `then` waits until it is sent. */
const THEN = 'then'

/** One for each limiter: its backlog is what the client should let shrink. */
const backlogs = new WeakMap<object, RetryAfter>()

export class Rejector {
  readonly #shape: RejectFunction | undefined

  constructor(shape: RejectFunction | undefined) {
    this.#shape = shape
  }

  /** @param where the limiter that refused, or whatever else did. */
  send(active: ActiveRequest, reason: Refusal, where: object, status: 503 | 504 = 503): void {
    const { request } = active
    const { code, detail, bodies } = PROBLEMS[reason]
    const retryAfter = retryAfterOf(where)
    // Nothing but the deadline comes while somebody works on the request.
    const isBusy = reason === 'deadline'
    const reply = isBusy || this.#shape ? standIn(active, isBusy) : active.reply
    active.answerBegins()
    reply.code(status)
    reply.header('retry-after', retryAfter)
    if (this.#shape === undefined) {
      reply.header('content-type', 'application/problem+json')
      // Text leaves in one piece with its head. A serializer keeps Fastify from adding a charset,
      // which JSON has none of.
      reply.serializer(asItIs)
      reply.send(bodies[status])
      return
    }
    const rejection = { code, status, reason, detail, retryAfter }
    const { send, then } = reply
    const answer = (payload: unknown): void => {
      if (payload === undefined || payload === reply) throw new PayloadError(payload)
      Object.assign(reply, { send, then })
      reply.send(payload)
    }
    const fail = (cause: unknown): void => {
      Object.assign(reply, { send, then })
      reply.code(500)
      reply.send(cause instanceof Error ? cause : new Error('reject failed', { cause }))
    }
    // A promise that is given the reply would wait for the answer that waits for it.
    const refuseReply = (_: unknown, failed: (error: Error) => void): void =>
      failed(new PayloadError(reply))
    const refuseSend = (): never => {
      throw new PayloadError(reply)
    }
    Object.assign(reply, { send: refuseSend, [THEN]: refuseReply })
    try {
      const payload: unknown = this.#shape(rejection, request, reply)
      if (payload !== reply && isPromiseLike(payload)) {
        Promise.resolve(payload).then(answer).catch(fail)
      } else answer(payload)
    } catch (error) {
      fail(error)
    }
  }
}

class PayloadError extends TypeError {
  constructor(got: unknown) {
    super(
      `reject: got ${got === undefined ? got : 'the reply'}, takes a payload or a promise of it`,
    )
  }
}

function asItIs(body: string): string {
  return body
}

function retryAfterOf(where: object): number {
  let retryAfter = backlogs.get(where)
  if (retryAfter === undefined) {
    retryAfter = new RetryAfter()
    backlogs.set(where, retryAfter)
  }
  return retryAfter.next(admittedBy(where))
}

/** Where nothing is known of that, refusals alone count. */
function admittedBy(where: object): number {
  return 'admitted' in where && typeof where.admitted === 'number' ? where.admitted : 0
}

function problem({ code, message: detail }: Error & { code: string }): Problem {
  const body = (status: number, title: string): string =>
    JSON.stringify({ type: 'about:blank', title, status, detail, code })
  return {
    code,
    detail,
    bodies: { 503: body(503, 'Service Unavailable'), 504: body(504, 'Gateway Timeout') },
  }
}
