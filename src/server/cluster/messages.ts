/** What the primary and its workers say to each other; all of it is JSON. */
import type { Snapshot } from 'fastify-sluice'
import type { Aggregator } from './merge-metrics.js'

/** What is asked of each worker, and what of all of them. */
export type Question =
  | { readonly about: 'metrics' }
  | { readonly about: 'snapshot' }
  /** Sets it, and is answered with nothing. */
  | { readonly about: 'limit'; readonly limiter: string; readonly limit: number }

/** Its metrics in Prometheus' text, and its snapshot. */
export interface Account {
  readonly metrics: string
  readonly snapshot: Snapshot
}

/** It takes requests. */
export interface Listening {
  readonly type: 'listening'
  readonly url: string
  readonly operators: string
  /** Of its metrics. */
  readonly aggregators: Readonly<Record<string, Aggregator>>
}

export type FromWorker =
  | Listening
  | { readonly type: 'answer'; readonly call: number; readonly value: unknown }
  /** @property maxAge milliseconds that an answer may be old */
  | {
      readonly type: 'ask'
      readonly call: number
      readonly question: Question
      readonly maxAge: number
    }
  /** It is done, and closed: the last that it says. */
  | { readonly type: 'leaving'; readonly account: Account }
  /** The server has to end. */
  | { readonly type: 'end'; readonly why: string }

export type FromPrimary =
  | { readonly type: 'question'; readonly call: number; readonly question: Question }
  | { readonly type: 'answer'; readonly call: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly call: number; readonly message: string }
  /** @property takesOver another takes what comes: it listens no more */
  | { readonly type: 'drain'; readonly takesOver: boolean }
  /** Nothing that was sent to it is on its way any more. */
  | { readonly type: 'leave' }
