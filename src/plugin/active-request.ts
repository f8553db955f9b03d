/**
 * One request from its first hook to its end, whatever that end is. The response's `close` event is
 * the one that nearly every end emits: answered, aborted, hijacked, failed, injected; what emits
 * none is in pipelining.ts.
 *
 * Its methods are `private`, not `#private`: V8 brands each object of a class that has any of those.
 *
 * Permits return when the response is closed and, unless the route says otherwise, the handler has
 * settled: a handler that goes on after its client left still uses what the permit stands for.
 */
import type { ServerResponse } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { Outcome, Token } from '../core/token.js'
import type { Waiter } from '../core/waiter.js'
import type { RouteTraffic } from '../metrics/traffic.js'
import type { ActiveRequests } from './active-requests.js'
import type { Refusal } from './admission.js'
import { closeBehind, isPipelined, turnOf, unwatch, watch } from './pipelining.js'
import { spanOf } from './request-view.js'
import { beginAnew, endAll, haveWaited, outcomeOf } from './tokens.js'
import type { ReleaseOn, RequestConcurrency, RequestSpan } from './types.js'

const kRequest = Symbol('sluice.request')

type WatchedResponse = ServerResponse & { [kRequest]?: ActiveRequest }

export class ActiveRequest implements RequestConcurrency {
  /** Links; they belong to the list. */
  next: ActiveRequest | undefined
  previous: ActiveRequest | undefined

  /** The response is over. */
  closed = false
  /** What it came to, once it is closed, and how long it took in all. */
  outcome: RequestSpan['outcome'] | undefined
  duration: number | undefined
  /** Why it was shed, or answered for its handler. */
  refusal: Refusal | undefined
  /** The deadline has passed and was acted upon. */
  expired = false
  /** The handler was called. */
  handled = false
  /** Milliseconds spent in the queues that it has left. */
  waited = 0
  /** When it began to wait in the one that it is in. */
  waitingSince = 0
  /** Milliseconds of waiting for the event loop, as far as anybody knows. */
  lag = 0
  /** What it holds: the widest scope's, and linked behind it the narrower ones'. */
  token: Token | undefined
  /** How many those are. */
  held = 0
  /** While it queues. */
  waiter: Waiter<Token> | undefined
  /** Called once it is closed and holds nothing. */
  onReleased: (() => void) | undefined
  deadline: NodeJS.Timeout | undefined
  /** When that is, by `performance.now()`. */
  dueAt: number | undefined
  readonly request: FastifyRequest
  readonly response: ServerResponse
  readonly route: RouteTraffic
  readonly startedAt: number = performance.now()
  readonly #list: ActiveRequests
  #handling = false
  /** When the answer was ready to be sent; 0 if it went around Fastify, or nobody learns from it. */
  #readyAt = 0
  /** What its limits learn. */
  #lesson: Outcome = 'ignored'
  #controller: AbortController | undefined
  #abortReason: unknown

  constructor(
    list: ActiveRequests,
    route: RouteTraffic,
    request: FastifyRequest,
    response: ServerResponse,
  ) {
    const { socket } = request.raw
    this.#list = list
    this.route = route
    this.request = request
    this.response = response
    list.add(this)
    list.traffic.begin(route)
    ;(response as WatchedResponse)[kRequest] = this
    response.on('close', onResponseClose)
    if (isPipelined(response)) watch(socket, this)
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason)
    }
    return this.#controller.signal
  }

  /** Fires the signal, now or as soon as somebody reads it. */
  abort(reason: unknown): void {
    this.#abortReason ??= reason
    this.#controller?.abort(reason)
  }

  /**
   * Behind another response on a pipelined connection: calls back when its own can be sent. A permit
   * that is taken before could not come back until those before it got theirs, and two such
   * connections would wait for each other for ever.
   */
  whenSendable(callback: () => void): void {
    // A promise keeps the AsyncLocalStorage context of the request.
    turnOf(this.response).then(() => {
      if (!this.closed && !this.expired) callback()
    })
  }

  /** After a wait: what it held meanwhile is no sample of its own limit. */
  takeAfterWait(token: Token): void {
    haveWaited(this.token)
    this.take(token)
  }

  take(token: Token): void {
    token.before = this.token
    this.token = token
    this.held++
  }

  /** With `settled` the request keeps its tokens until `handlerSettled`. */
  handlerStarted(releaseOn: ReleaseOn): void {
    this.handled = true
    this.#handling = releaseOn === 'settled'
  }

  /** Samples begin here: what came before was a wait, or its client's sending of a body. */
  workBegins(): void {
    beginAnew(this.token)
  }

  /** The answer is ready; only what is told so becomes a sample. */
  answerReady(): void {
    this.#readyAt = performance.now()
  }

  handlerSettled(): void {
    if (!this.#handling) return
    this.#handling = false
    if (this.closed) this.release()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.#list.remove(this)
    unwatch(this.request.raw.socket, this)
    if (this.deadline !== undefined) clearTimeout(this.deadline)
    const { traffic } = this.#list
    const answered = this.isAnswered()
    const now = performance.now()
    const duration = now - this.startedAt
    this.duration = duration
    if (answered) {
      this.outcome = this.isShed() ? 'rejected' : 'answered'
      if (this.outcome === 'rejected') traffic.rejected++
      traffic.endAnswered(this.route, this.response.statusCode, duration)
    } else {
      this.outcome = 'aborted'
      traffic.endAborted(this.route)
      this.waiter?.cancel('aborted', undefined)
      this.abort(new DOMException('The client left', 'AbortError'))
    }
    if (answered && this.handled) {
      const work = this.#readyAt - this.startedAt - this.waited
      this.#lesson = outcomeOf(this.response.statusCode, work, now - this.#readyAt)
    }
    if (!this.#handling) this.release()
    if (this.#list.isObserved) this.#list.tell(spanOf(this, this.outcome))
  }

  /** Its answer is the last of its connection, as far as is known now. */
  closeBehind(): void {
    closeBehind(this.request.raw.socket, this.response)
  }

  /** Gives back what it holds before its end: a refusal needs no permit. */
  releaseEarly(): void {
    this.end('ignored')
  }

  /**
   * `writableFinished` alone would call every injected request aborted; an ended response whose
   * socket lives is an answer too.
   */
  private isAnswered(): boolean {
    const { response } = this
    return (
      response.writableFinished || (response.writableEnded && !this.request.raw.socket.destroyed)
    )
  }

  /** Refused before its handler: a deadline that passes later is the handler's. */
  private isShed(): boolean {
    return this.refusal !== undefined && !this.handled
  }

  private release(): void {
    this.end(this.#lesson)
    this.onReleased?.()
  }

  private end(outcome: Outcome): void {
    const { token } = this
    this.token = undefined
    this.held = 0
    endAll(token, outcome, this.lag, this.#list.onError)
  }
}

function onResponseClose(this: ServerResponse): void {
  ;(this as WatchedResponse)[kRequest]?.close()
}
