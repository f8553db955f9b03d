/**
 * One request from its first hook to its end, whatever that end is (see response-end.ts), and on to
 * the end of its work.
 *
 * Its methods are `private`, not `#private`: V8 brands each object of a class that has any of those.
 *
 * Permits return when the response is closed and, unless the route says otherwise, the work is over:
 * a hook or handler that goes on after its client left still uses what it stands for (aftermath.ts).
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Outcome } from '../../core/limiter/token.js'
import type { RouteTraffic } from '../../metrics/traffic.js'
import { turnOf, unwatch, watch } from '../connections/pipelining.js'
import type { Route } from '../routes/route.js'
import type { RequestConcurrency } from '../types.js'
import type { ActiveRequests } from './active-requests.js'
import type { Admitting } from './admitting.js'
import { Aftermath, owesWork, watchReader } from './aftermath.js'
import { RequestState } from './request-state.js'
import { spanOf } from './request-view.js'
import { isWhole, watchEnd } from './response-end.js'
import { outcomeOf } from './tokens.js'

type List = ActiveRequests<ActiveRequest>
export class ActiveRequest extends RequestState implements RequestConcurrency {
  readonly #list: List
  readonly pipelined: boolean
  /** When its answer began; 0 if it went around Fastify, or nobody learns from it. */
  #answeredAt = 0
  /** What its limits learn. */
  #lesson: Outcome = 'ignored'
  #controller: AbortController | undefined
  #abortReason: unknown
  #aftermath: Aftermath | undefined

  /** @param pipelined it came behind another on its connection, whose answer is still to come */
  constructor(
    list: List,
    route: Route,
    counts: RouteTraffic,
    reply: FastifyReply,
    pipelined: boolean,
  ) {
    const { raw } = reply.request
    super(route, counts, reply)
    this.#list = list
    list.add(this)
    list.traffic.begin(counts)
    watchEnd(this, raw)
    this.pipelined = pipelined
    if (pipelined) watch(raw.socket, this)
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
   * connections would wait for each other for ever. Until then it counts as queued at the limiter.
   */
  whenSendable(limiter: Pick<Admitting, 'outside'>, callback: () => void): void {
    limiter.outside++
    this.outside = limiter
    // A promise keeps the AsyncLocalStorage context of the request.
    turnOf(this.response).then(() => {
      this.comeInside()
      if (!(this.closed || this.isReplaced)) callback()
    })
  }

  /** Its handler is about to begin: false if it must not. */
  handlerBegins(): boolean {
    // A request that is over, or answered, before its handler begins has done its work.
    if (this.closed || this.isReplaced) {
      this.workOver()
      return false
    }
    this.handled = true
    this.passedOn = false
    this.running++
    return true
  }

  /** @param answersLater what it returned is no answer, or one that Fastify is about to send */
  handlerSettled(answersLater: boolean): void {
    this.running--
    this.answersLater = answersLater
    if (this.#aftermath !== undefined && !owesWork(this)) this.workOver()
  }

  /** By whomever; while it queues, by somebody else: its place is free. */
  answerBegins(stream?: object): void {
    this.stream = stream
    if (stream !== undefined && this.#aftermath !== undefined) watchReader(this, stream)
    if (this.sending) return
    this.sending = true
    if (this.route.learns) this.#answeredAt = performance.now()
    this.waiter?.cancel('aborted', undefined)
  }

  /** One that was to be an error's is to be the not-found handler's. */
  answerPassedOn(): void {
    this.sending = false
    this.passedOn = true
  }

  hijack(): void {
    if (this.isHijacked) return
    this.isHijacked = true
    this.waiter?.cancel('aborted', undefined)
    if (this.isUpgraded) {
      this.#list.traffic.upgrade(this.counts)
      // It has been answered, however long the connection lasts.
      clearTimeout(this.deadline)
      this.giveBackFound()
      if (this.route.releaseOn === 'close') this.end('ignored')
    }
    this.workOver()
  }

  close(finished = false): void {
    if (this.closed) return
    this.closed = true
    this.#list.remove(this)
    const { raw } = this.request
    if (this.pipelined) unwatch(raw.socket, this)
    if (this.deadline !== undefined) clearTimeout(this.deadline)
    const { traffic } = this.#list
    const now = performance.now()
    const duration = now - this.startedAt
    this.duration = duration
    const upgraded = this.isUpgraded
    if (upgraded) {
      this.outcome = 'answered'
      traffic.endUpgraded(this.counts)
    } else if ((finished || isWhole(this.response, raw)) && !this.isCut) {
      this.outcome = this.isShed ? 'rejected' : 'answered'
      if (this.outcome === 'rejected') traffic.rejected++
      traffic.endAnswered(this.counts, this.response.statusCode, duration)
      // It was too late, whatever its answer's status became.
      if (this.handled && this.refusal !== undefined) this.#lesson = 'dropped'
      else if (this.handled) {
        const work = this.#answeredAt - this.startedAt - this.waited
        this.#lesson = outcomeOf(this.response.statusCode, work, now - this.#answeredAt)
      }
    } else {
      this.outcome = 'aborted'
      traffic.endAborted(this.counts)
      // Of an answer that had begun, how long it took is the reader's.
      if (this.handled && !this.sending) this.#lesson = 'aborted'
    }
    this.waiter?.cancel('aborted', undefined)
    this.comeInside()
    if (upgraded || this.outcome === 'aborted') {
      this.abort(new DOMException('The client left', 'AbortError'))
    }
    if (this.held > 0 && owesWork(this)) this.#aftermath = new Aftermath(this)
    else this.release()
    if (this.#list.isObserved) this.#list.tell(spanOf(this, this.outcome))
  }

  /** Ends the response before its end. */
  cut(): void {
    this.isCut = true
    this.response.destroy()
  }

  /** What was left of the work after the response, or its answer, is done; unless a handler still runs. */
  workOver(): void {
    this.working = false
    this.answersLater = false
    if (this.#aftermath === undefined || this.running > 0) return
    this.#aftermath.end()
    this.release()
  }

  /** It went on for too long after the response. */
  abandon(): void {
    this.#list.onAbandoned(this)
    this.#lesson = 'abandoned'
    this.release()
  }

  /**
   * It waits for its client, and others for its permits: they are given back, for good where the rest
   * is to send an answer that is made, and otherwise until its body has come.
   */
  lend(): void {
    // A handler that has returned its reply waits for nothing but the response.
    if (this.held === 0 || (this.running > 0 && !this.awaited)) return
    if (!this.response.headersSent) {
      if (this.handled || this.sending || !(this.working && this.route.isWatched)) return
      this.working = false
      this.hasLent = true
    }
    this.releaseEarly()
  }

  /** Gives back what it holds before its end: a refusal needs no permit. */
  releaseEarly(): void {
    this.end('ignored')
  }

  private release(): void {
    this.#aftermath = undefined
    this.end(this.#lesson)
    this.onReleased?.()
    this.onReleased = undefined
  }

  private end(outcome: Outcome): void {
    this.endAll(outcome, this.#list.onError)
  }
}

/** Null where an earlier hook answered before the plugin saw the request. */
export function activeOf(request: FastifyRequest): ActiveRequest | null {
  return request.concurrency as ActiveRequest | null
}
