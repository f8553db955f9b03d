/**
 * One line a request, at its end, in place of Fastify's two. What is not answered gets a line a second
 * for each reason, with a count of those left out: who is shed, or gives up, must not cost what an
 * answer costs, least of all in an overload. Routes whose `logLevel` is above info have none, as from
 * Fastify. Where the logger's own is, nothing is observed, and nothing is paid.
 */
import { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { RequestSpan } from 'fastify-sluice'
import { type Logger, levels } from 'pino'

/** Milliseconds. */
const UNANSWERED_EVERY = 1000
const INFO = Number(levels.values.info)

/** To be called before the routes are registered that it is to log. */
export function logRequests(app: FastifyInstance): void {
  const log = app.log as FastifyBaseLogger & Partial<Pick<Logger, 'isLevelEnabled'>>
  if (!log.isLevelEnabled?.('info')) return
  const quiet = new Set<string>()
  app.addHook('onRoute', ({ url, logLevel }) => {
    if (logLevel && !(Number(levels.values[logLevel]) <= INFO)) quiet.add(url)
  })
  const unanswered = new Map<string, Unanswered>()
  app.concurrency.observe((span) => {
    if (quiet.has(span.route)) return
    if (span.outcome === 'answered') {
      log.info(describe(span), `${span.method} ${span.route} ${span.status}`)
      return
    }
    const why = whyOf(span)
    let ofReason = unanswered.get(why)
    if (ofReason === undefined) {
      ofReason = new Unanswered(log)
      unanswered.set(why, ofReason)
    }
    ofReason.add(span)
  })
  app.addHook('onClose', async () => {
    for (const ofReason of unanswered.values()) ofReason.end()
  })
}

/** Errors are logged as Fastify does it, requests are not. */
export class ErrorsOnly extends LogController {
  override incomingRequest(): void {}

  override requestCompleted(...given: Parameters<LogController['requestCompleted']>): void {
    // Who injects a request may give it up, and has its line then, as `aborted`.
    const code = (given[0] as NodeJS.ErrnoException | null)?.code
    if (given[0] && code !== 'ABORT_ERR') super.requestCompleted(...given)
  }

  override streamError(...given: Parameters<LogController['streamError']>): void {
    // A client that left in the middle has its line, as `aborted`.
    if ((given[0] as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') {
      super.streamError(...given)
    }
  }
}

/** Those of one reason: the first is logged at once, the others are counted until the second is over. */
class Unanswered {
  readonly #log: FastifyBaseLogger
  #last: RequestSpan | undefined
  #leftOut = 0
  #timer: NodeJS.Timeout | undefined

  constructor(log: FastifyBaseLogger) {
    this.#log = log
  }

  add(span: RequestSpan): void {
    if (this.#timer === undefined) {
      this.#write(span, 0)
      this.#timer = setInterval(() => this.#turn(), UNANSWERED_EVERY).unref()
    } else {
      if (this.#last !== undefined) this.#leftOut++
      this.#last = span
    }
  }

  end(): void {
    this.#turn()
    clearInterval(this.#timer)
  }

  #turn(): void {
    if (this.#last !== undefined) this.#write(this.#last, this.#leftOut)
    else {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    this.#last = undefined
    this.#leftOut = 0
  }

  #write(span: RequestSpan, leftOut: number): void {
    const { method, route } = span
    const others = leftOut > 0 ? `, and ${leftOut} others` : ''
    this.#log.info({ ...describe(span), leftOut }, `${method} ${route} ${whyOf(span)}${others}`)
  }
}

function whyOf({ outcome, reason }: RequestSpan): string {
  return outcome === 'rejected' ? `rejected: ${reason}` : outcome
}

function describe({ id, method, route, status, outcome, reason, waitMs, runMs }: RequestSpan) {
  return {
    reqId: id,
    method,
    route,
    status,
    outcome,
    reason,
    waitMs: toMicroseconds(waitMs),
    runMs: toMicroseconds(runMs),
  }
}

function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
