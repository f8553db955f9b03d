/** The contract between a service, the process that runs it, and whoever loads and judges it. */
import type { FastifyInstance } from 'fastify'
import type { Subject } from '../../subjects/subject.js'
import type { ContenderName } from './contender-names.js'

export interface Stream {
  readonly name: string
  readonly path: string
  /** Requests a second at factor 1. */
  readonly rate: number
  /** It comes at this rate whatever the factor is. */
  readonly steady?: true
  /** It posts a file. */
  readonly upload?: true
  /** Of its requests, in [0, 1]: those on connections of their own; default 0.1. */
  readonly newcomers?: number
}

/** What a service is built with. */
export interface Parts {
  /** Of the upstream process; without `upstream` there is none. */
  readonly upstream: string
  /** Numbers in [0, 1), the same ones for the same seed. */
  readonly random: () => number
}

/** What befalls it in the second third of the time that counts. */
export interface Trouble {
  readonly name: string
  begin(on: Troubled): Promise<unknown>
  end(on: Troubled): Promise<unknown>
}

export interface Troubled {
  readonly subject: Subject
  /** Tells the upstream process: `/slots/10`. */
  readonly tell: (path: string) => Promise<unknown>
}

export interface Service {
  readonly name: string
  /** What it does and how much that is, for the report. */
  readonly about: string
  readonly streams: readonly Stream[]
  /** Milliseconds after which a client hangs up; default 1000. */
  readonly deadline?: number
  /** Connections whose closed loop shows what it can do; absent: the rates declare it. */
  readonly closedLoop?: number
  /** Slots of the upstream process, which queues behind them; 0: as many as are asked for; absent: no process. */
  readonly upstream?: number
  /** The route that somebody who knows the service limits; absent: the app. */
  readonly limited?: string
  /** What that limit may be: the sweep tries all. Where nothing says more, the middle one. */
  readonly limits: readonly number[]
  /** Where it is no use to go beyond these; default all. */
  readonly factors?: readonly number[]
  /** Milliseconds that the work itself takes, at most where it varies. */
  readonly own: number
  /** Its bottleneck is the processor, for the same time a request. */
  readonly computes?: true
  /** Nothing queues anywhere: whatever is refused is refused for no reason. */
  readonly onlyWaits?: true
  readonly trouble?: Trouble
  /** Of a load that counts; default 8. */
  readonly seconds?: number
  /** What else stands before it. */
  readonly also?: readonly ContenderName[]
  routes(app: FastifyInstance, parts: Parts): Promise<unknown> | unknown
}

/** Those of a service, by name, with what they are where nobody says otherwise. */
export type Parameters = Readonly<Record<string, number>>

/** A service before its parameters. */
export interface Kind {
  readonly name: string
  readonly parameters: Parameters
  make(parameters: Parameters): Service
}

export function kind<P extends Parameters>(
  name: string,
  parameters: P,
  make: (parameters: P) => Omit<Service, 'name'>,
): Kind {
  return { name, parameters, make: (given) => ({ name, ...make(given as P) }) }
}
