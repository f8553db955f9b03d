/** What is known of one request; active-request.ts has what becomes of it. */
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Token } from '../../core/limiter/token.js'
import type { Waiter } from '../../core/queue/waiter.js'
import type { RouteTraffic } from '../../metrics/traffic.js'
import type { Route } from '../routes/route.js'
import type { RequestSpan } from '../types.js'
import type { Admitting, Refusal } from './admitting.js'
import { wantsUpgrade } from './response-end.js'
import { TokenHolder } from './tokens.js'

export abstract class RequestState extends TokenHolder {
  /** Links; they belong to the list. */
  next: this | undefined
  previous: this | undefined

  /** The response is over. */
  closed = false
  /** What it came to, once it is closed, and how long it took in all. */
  outcome: RequestSpan['outcome'] | undefined
  duration: number | undefined
  /** Why it was shed, or answered for its handler. */
  refusal: Refusal | undefined
  /** It waits for nothing more, and is with whoever works on it. */
  working = false
  /** It has given its permits back, and must get them again behind its body. */
  hasLent = false
  /** It holds no more permits of limits that find themselves. */
  hasGivenBack = false
  /** The handler was called. */
  handled = false
  /** It is on its way to the not-found handler, through the hooks of that. */
  passedOn = false
  /** An answer has begun: its `onSend` hooks run, or it is sent. */
  sending = false
  /** Its response was destroyed before its end, which Node may call finished. */
  isCut = false
  /** By the response's end its answer had passed all hooks, and was being sent. */
  passedHooks = false
  /** By which its answer is sent, if it is one. */
  stream: object | undefined
  /** By which an answer is given in place of whoever works on it, and has the other reply. */
  standIn: FastifyReply | undefined
  /** Nobody had begun to read its body by then: Node does, behind an answer. */
  wasUnread = false
  /** Somebody writes to the connection, and no answer passes Fastify any more. */
  isHijacked = false
  /** Its handler has returned the reply, which is to be sent later. */
  awaited = false
  /** Milliseconds spent in the queues that it has left. */
  waited = 0
  /** When it began to wait in the one that it is in. */
  waitingSince = 0
  /** While it queues. */
  waiter: Waiter<Token> | undefined
  /** The limiter that it will ask, once its turn on a pipelined connection has come. */
  outside: Pick<Admitting, 'outside'> | undefined
  /** Called once it is closed and holds nothing. */
  onReleased: (() => void) | undefined
  deadline: NodeJS.Timeout | undefined
  /** When that is, by `performance.now()`. */
  dueAt: number | undefined
  /** Handlers of its that have not settled. */
  running = 0
  /** Its handler is done, and its answer is still to come. */
  answersLater = false
  readonly reply: FastifyReply
  readonly response: ServerResponse
  /** The not-found handler's, once it is admitted for that. */
  route: Route
  readonly counts: RouteTraffic
  readonly startedAt: number = performance.now()

  constructor(route: Route, counts: RouteTraffic, reply: FastifyReply) {
    super()
    this.route = route
    this.counts = counts
    this.reply = reply
    this.response = reply.raw
  }

  /** What was left of the work after the response, or its answer, is done. */
  abstract workOver(): void

  /** It went on for too long after the response. */
  abstract abandon(): void

  get request(): FastifyRequest {
    return this.reply.request
  }

  /** Its connection was taken over for another protocol, and is open as long as it is active. */
  get isUpgraded(): boolean {
    return this.isHijacked && wantsUpgrade(this.request.raw)
  }

  /** The answer is given in place of whoever works on it. */
  get isReplaced(): boolean {
    return this.standIn !== undefined
  }

  /** Refused before its handler: a deadline that passes later is the handler's. */
  get isShed(): boolean {
    return this.refusal !== undefined && !this.handled
  }

  /**
   * What it does now takes long by its nature, and says nothing of what could be in flight: a stream
   * that lasts, an upgraded connection. Limits that somebody set hold for it all the same.
   */
  giveBackFound(): void {
    if (this.hasGivenBack) return
    this.hasGivenBack = true
    this.giveBack(this.route.found)
  }

  /** Its turn on the connection has come, or never will. */
  protected comeInside(): void {
    if (this.outside === undefined) return
    this.outside.outside--
    this.outside = undefined
  }
}
