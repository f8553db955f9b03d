/**
 * The time between a response's end and that of the work for it, in which the request keeps its
 * permits. Its handler's promise tells of itself. What else may still work is known by its next step:
 *
 * | what goes on | it is over when |
 * |---|---|
 * | hooks before the handler | the handler is about to begin, an answer begins, or, where one was given in their place, Fastify asks whether it was sent |
 * | a handler that answers later | its answer begins |
 * | error handler, `onSend` hooks | Fastify writes to the response |
 * | a hijacked response | at once: nothing more is known of it |
 *
 * Fastify tells of none of these; the response and its reply get properties of their own for it, and
 * only here, where nobody waits for an answer any more. Work that never ends is given up by a timer.
 */
import type { ActiveRequest } from './active-request.js'

/** Whether any work is left, or may be, of a request that has just been closed. */
export function owesWork(request: ActiveRequest): boolean {
  const { rules, outcome, response, sending, isReplaced } = request
  if (rules.releaseOn === 'close') return false
  if (request.running > 0) return true
  // Answered by whoever worked on it, or given away.
  if ((outcome !== 'aborted' && !isReplaced) || request.isHijacked || !request.working) return false
  if (sending && !isReplaced) return !(response.headersSent || isStreamed(request))
  if (request.handled) return request.answersLater
  // A body that will never be complete keeps nobody busy.
  return rules.isWatched && request.request.raw.complete
}

/** Hooks may have made a stream of it. */
function isStreamed({ streams, response }: ActiveRequest): boolean {
  return streams || response.listenerCount('unpipe') > 0
}

export class Aftermath {
  readonly #timer: NodeJS.Timeout | undefined

  constructor(request: ActiveRequest) {
    const { abandonAfter } = request.rules
    if (abandonAfter !== Number.POSITIVE_INFINITY) {
      this.#timer = setTimeout(abandon, abandonAfter, request).unref()
    }
    if (!request.isReplaced) watchWrites(request)
    else if (!request.handled) watchHooks(request)
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

function abandon(request: ActiveRequest): void {
  request.abandon()
}

/** What Fastify calls when all hooks have passed, and calls in vain now. */
function watchWrites(request: ActiveRequest): void {
  const { response } = request
  const { writeHead, end } = response
  response.writeHead = ((...given: Parameters<typeof writeHead>) => {
    request.workOver()
    return writeHead.apply(response, given)
  }) as typeof writeHead
  response.end = ((...given: Parameters<typeof end>) => {
    request.workOver()
    return end.apply(response, given)
  }) as typeof end
  response.once('pipe', () => request.workOver())
}

/** Fastify asks before each of its next steps. */
function watchHooks(request: ActiveRequest): void {
  Object.defineProperty(request.reply, 'sent', {
    configurable: true,
    get: () => {
      request.workOver()
      return true
    },
  })
}
