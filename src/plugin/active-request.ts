/**
 * One request from its first hook to its end, whatever that end is. The response's `close` event is
 * the one that nearly every end emits: answered, aborted, hijacked, failed, injected. Responses that
 * wait behind another one on a pipelined connection get none on Node 20 and 22 when their socket
 * dies, so those are also told by their socket, through one listener for all of them.
 *
 * Permits return when the response is closed and the handler has settled: a handler that goes on
 * after its client left still uses what the permit stands for.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Outcome, Token } from '../core/token.js'
import type { Waiter } from '../core/waiter.js'
import type { RouteTraffic, Traffic } from '../metrics/traffic.js'
import type { RequestConcurrency } from './types.js'

const kRequest = Symbol('sluice.request')
const kPipelined = Symbol('sluice.pipelined')

type WatchedResponse = ServerResponse & { [kRequest]?: ActiveRequest }
type WatchedSocket = Socket & { [kPipelined]?: Set<ActiveRequest> }

/** Requests in progress, newest first, linked so that coming and going cost nothing to speak of. */
export class ActiveRequests {
  #first: ActiveRequest | undefined
  readonly #traffic: Traffic

  constructor(traffic: Traffic) {
    this.#traffic = traffic
  }

  get traffic(): Traffic {
    return this.#traffic
  }

  add(request: ActiveRequest): void {
    request.next = this.#first
    if (this.#first !== undefined) this.#first.previous = request
    this.#first = request
  }

  remove(request: ActiveRequest): void {
    if (request.previous === undefined) this.#first = request.next
    else request.previous.next = request.next
    if (request.next !== undefined) request.next.previous = request.previous
  }

  *[Symbol.iterator](): Iterator<ActiveRequest> {
    for (let request = this.#first; request !== undefined; request = request.next) yield request
  }
}

export class ActiveRequest implements RequestConcurrency {
  /** Links; they belong to the list. */
  next: ActiveRequest | undefined
  previous: ActiveRequest | undefined

  closed = false
  /** Held until the end, widest scope last. */
  tokens: Token[] | undefined
  /** While it queues. */
  waiter: Waiter<Token> | undefined
  rejected = false
  readonly response: ServerResponse
  readonly #socket: WatchedSocket
  readonly #route: RouteTraffic
  readonly #list: ActiveRequests
  readonly #startedAt = performance.now()
  #handling = false
  #handled = false
  #controller: AbortController | undefined

  constructor(
    list: ActiveRequests,
    route: RouteTraffic,
    raw: IncomingMessage,
    response: ServerResponse,
  ) {
    this.#list = list
    this.#route = route
    this.#socket = raw.socket
    this.response = response
    list.add(this)
    list.traffic.begin(route)
    ;(response as WatchedResponse)[kRequest] = this
    response.on('close', onResponseClose)
    if (response.socket === null) watchPipelined(this.#socket, this)
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.closed && !this.#answered) this.#controller.abort()
    }
    return this.#controller.signal
  }

  /**
   * Calls back at once, or, behind another response on a pipelined connection, when its own can be
   * sent: a permit that is taken before could not come back until those before it got theirs, and
   * two such connections would wait for each other for ever.
   */
  whenSendable(callback: () => void): void {
    const { response } = this
    if (response.socket !== null) return callback()
    // By way of a promise, which keeps the AsyncLocalStorage context of the request.
    new Promise((resolve) => response.once('socket', resolve)).then(() => {
      if (!this.closed) callback()
    })
  }

  /** The handler begins; until `handlerSettled` the request keeps its tokens. */
  handlerStarted(): void {
    this.#handling = true
    this.#handled = true
  }

  handlerSettled(): void {
    this.#handling = false
    if (this.closed) this.#release()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.#list.remove(this)
    this.#socket[kPipelined]?.delete(this)
    const { traffic } = this.#list
    if (this.#answered) {
      const duration = performance.now() - this.#startedAt
      if (this.rejected) traffic.rejected++
      traffic.endAnswered(this.#route, this.response.statusCode, duration)
    } else {
      traffic.endAborted(this.#route)
      this.waiter?.cancel('aborted', undefined)
      this.#controller?.abort()
    }
    if (!this.#handling) this.#release()
  }

  /** Gives back what it holds before its end: a rejection needs no permit for its reply. */
  releaseEarly(): void {
    this.#end('ignored')
  }

  /**
   * `writableFinished` alone would call every injected request aborted; an ended response whose
   * socket lives is an answer too.
   */
  get #answered(): boolean {
    const { response } = this
    return response.writableFinished || (response.writableEnded && !this.#socket.destroyed)
  }

  #release(): void {
    if (this.tokens === undefined) return
    const { statusCode } = this.response
    if (!this.#handled || !this.#answered) this.#end('ignored')
    else this.#end(statusCode === 503 || statusCode === 504 ? 'dropped' : 'succeeded')
  }

  #end(outcome: Outcome): void {
    const tokens = this.tokens
    this.tokens = undefined
    if (tokens === undefined) return
    for (const token of tokens) {
      if (outcome === 'succeeded') token.succeed()
      else if (outcome === 'dropped') token.drop()
      else token.ignore()
    }
  }
}

/** The client was gone before the first hook: seen and aborted, and nothing else. */
export function countGone(traffic: Traffic, route: RouteTraffic): void {
  traffic.begin(route)
  traffic.endAborted(route)
}

function onResponseClose(this: ServerResponse): void {
  ;(this as WatchedResponse)[kRequest]?.close()
}

function watchPipelined(socket: WatchedSocket, request: ActiveRequest): void {
  let waiting = socket[kPipelined]
  if (waiting === undefined) {
    waiting = new Set()
    socket[kPipelined] = waiting
    socket.on('close', onSocketClose)
  }
  waiting.add(request)
}

function onSocketClose(this: Socket): void {
  for (const request of (this as WatchedSocket)[kPipelined] ?? []) request.close()
}
