/**
 * A pattern is a route that does its work and answers with the result and with what happened when. It
 * stops when its client leaves, and the log says how far it came.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RouteConcurrency } from 'fastify-sluice'
import type { TObject, TProperties } from 'typebox'
import type { ExampleOptions } from '../../example.js'
import type { Shown } from '../list.js'
import { type Input, misreadIn, object, problemOf } from './input.js'
import { Run } from './run.js'

/** How many moments of a cancelled run are logged, the last ones. */
const LOGGED = 10

export type PatternOptions = Pick<ExampleOptions, 'timeScale' | 'folder'>

export interface Definition<Parameters extends TProperties> extends Shown {
  /** Default GET. */
  method?: 'GET' | 'POST'
  url: `/patterns/${string}`
  /** Its parameters; none by default. */
  takes?: Parameters
  /** Where they are: in the query by default, or in a JSON body. */
  in?: 'query' | 'body'
  concurrency?: RouteConcurrency
  /** The result, or a `Failure`. */
  work(run: Run, input: Input<Parameters>): unknown
}

/** An end that is part of the pattern: it is answered with its status and the timeline. */
export class Failure extends Error {
  readonly status: 400 | 404 | 504
  readonly result: unknown

  constructor(status: 400 | 404 | 504, result: unknown) {
    super(`answered ${status}`)
    this.status = status
    this.result = result
  }
}

export function pattern<Parameters extends TProperties>(
  app: FastifyInstance,
  { timeScale }: Pick<PatternOptions, 'timeScale'>,
  definition: Definition<Parameters>,
): void {
  const { method = 'GET', url, takes = {} as Parameters, concurrency, work } = definition
  const part = definition.in ?? 'query'
  const name = url.replace('/patterns/', '')
  const schema = object(takes)
  app.route({
    method,
    url,
    schema: part === 'body' ? { body: schema } : { querystring: schema },
    attachValidation: true,
    config: { pattern: definition, ...(concurrency === undefined ? {} : { concurrency }) },
    preValidation: async (request) => refuse(misreadIn(request[part], schema)),
    handler: async (request, reply) => {
      refuseBadInput(request, schema, request[part])
      const { signal } = request.concurrency
      const run = new Run(timeScale, signal)
      try {
        return run.answer(name, await work(run, request[part] as Input<Parameters>))
      } catch (error) {
        if (error instanceof Failure) {
          return reply.code(error.status).send(run.answer(name, error.result))
        }
        if (signal.aborted) {
          const timeline = run.timeline.slice(-LOGGED)
          request.log.info({ pattern: name, timeline }, `Cancelled: ${name}`)
        }
        throw error
      }
    },
  })
}

/** For routes with `attachValidation`. @throws a 400 that names the parameter */
export function refuseBadInput(request: FastifyRequest, schema: TObject, given: unknown): void {
  const [problem] = request.validationError?.validation ?? []
  if (problem !== undefined) refuse(problemOf(problem, schema, given))
}

function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw Object.assign(new Error(problem), { statusCode: 400 })
}
