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
 * Fastify tells of none of these; the response gets properties of its own for it, and only here, where
 * nobody waits for an answer any more (of the last part of the first line, answer.ts tells). Work that never ends is given up by a timer.
 */
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import type { RequestState } from './request-state.js'

/** Whether any work is left, or may be, of a request that has just been closed. */
export function owesWork(request: RequestState): boolean {
  const { route, outcome, sending, isReplaced } = request
  // So many open connections are what a limit of upgraded ones means.
  if (route.releaseOn === 'close' || request.isUpgraded) return false
  // Asked at the end: behind it nothing tells that a stream was being sent.
  request.passedHooks ||= sending && isWritten(request)
  if (request.running > 0) return true
  // Answered by whoever worked on it, or given away.
  if ((outcome !== 'aborted' && !isReplaced) || request.isHijacked || !request.working) return false
  if (sending && !isReplaced) return !request.passedHooks
  if (request.handled && !request.passedOn) return request.answersLater
  // To read a body that will never be complete keeps nobody busy.
  const { raw } = request.request
  return route.isWatched && (raw.complete || request.wasUnread || isUnread(raw))
}

/** Nobody has begun to read its body. */
export function isUnread(raw: IncomingMessage): boolean {
  return raw.readableFlowing === null
}

/**
 * Its `onSend` hooks have passed, which may have made another stream of it; what is left is to send it.
 * Over HTTP/2 the end of an answer to a stream that was reset is its close.
 */
function isWritten({ stream, response }: RequestState): boolean {
  if (response.headersSent || response.writableEnded) return true
  if (response.listenerCount('unpipe') > 0) return true
  if (stream === undefined) return false
  // By now it may have been let go of again.
  if (stream instanceof Readable) return stream.readableFlowing !== null
  return readableOf(stream)?.locked ?? true
}

function readableOf(stream: object): ReadableStream | undefined {
  const source = stream instanceof Response ? stream.body : stream
  return source instanceof ReadableStream ? source : undefined
}

export class Aftermath {
  readonly #timer: NodeJS.Timeout | undefined

  constructor(request: RequestState) {
    const { abandonAfter } = request.route
    if (abandonAfter !== Number.POSITIVE_INFINITY) {
      this.#timer = setTimeout(abandon, abandonAfter, request).unref()
    }
    if (!request.isReplaced) {
      watchWrites(request)
      if (!request.handled && hasUnreadBody(request)) watchHooks(request)
      if (request.stream !== undefined) watchReader(request, request.stream)
    }
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

function abandon(request: RequestState): void {
  request.abandon()
}

/** What Fastify calls when all hooks have passed, and calls in vain now. */
function watchWrites(request: RequestState): void {
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

/** It never comes to an end: nobody can read from a connection that is closed. */
function hasUnreadBody({ request: { headers, raw } }: RequestState): boolean {
  const hasBody =
    headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0
  return hasBody && isUnread(raw)
}

/** Before a body that nobody can read any more it asks whether there was an answer, and goes no further. */
function watchHooks(request: RequestState): void {
  const { reply } = request
  const prototype = Object.getPrototypeOf(reply)
  Object.defineProperty(reply, 'sent', {
    get: () => {
      request.workOver()
      return Reflect.get(prototype, 'sent', reply)
    },
  })
}

/** It cancels a web stream that nobody is there for, and writes nothing. */
export function watchReader(request: RequestState, stream: object): void {
  const source = readableOf(stream)
  if (source === undefined) return
  const { getReader } = source
  source.getReader = ((...given: Parameters<typeof getReader>) => {
    request.workOver()
    return getReader.apply(source, given)
  }) as typeof getReader
}
