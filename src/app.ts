/** Builds the Fastify app: the plugin, then the routes, then the static files. It never listens. */
import { type IncomingMessage, maxHeaderSize, type Server, STATUS_CODES } from 'node:http'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import {
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  fastify,
} from 'fastify'
import sluice from 'fastify-sluice'
import asyncWeb from '../routes/async.js'
import counter from '../routes/counter.js'
import delay from '../routes/delay.js'
import type { ExampleOptions } from '../routes/example.js'
import file from '../routes/file.js'
import hello from '../routes/hello.js'
import { unsaid } from '../routes/kit/faults.js'
import limited from '../routes/limited.js'
import concurrency from '../routes/operators/concurrency.js'
import dashboard from '../routes/operators/dashboard.js'
import health from '../routes/operators/health.js'
import limits from '../routes/operators/limits.js'
import metrics from '../routes/operators/metrics.js'
import stream from '../routes/operators/stream.js'
import patterns from '../routes/patterns/index.js'
import publicFiles from '../routes/public.js'
import routing from '../routes/routing.js'
import slowFast from '../routes/slow-fast.js'
import type { Config } from './config.js'
import { createAdmin } from './server/admin.js'
import type { Whole } from './server/cluster/worker.js'
import { type Listener, surviveAccepts } from './server/listener.js'
import { shown } from './server/outside-text.js'
import { ErrorsOnly, logRequests } from './server/request-log.js'
import { type SharingConfig, sharingOf } from './server/sharing.js'

const require = createRequire(import.meta.url)
/** The folder of `data.txt` and of all that `/public/*` serves. */
export const PUBLIC_FOLDER: string = dirname(require.resolve('#public/data.txt'))

/**
 * By itself Node looks for headers and requests that take too long every 30 s, so that a minute may
 * be one and a half.
 */
export const HTTP: { readonly connectionsCheckingInterval: number } = {
  connectionsCheckingInterval: 2000,
}

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/
/** Of an error that is answered, in UTF-16 units. */
const LONGEST_MESSAGE = 500

/** What the app needs of the configuration, and takes from it. */
export type AppConfig = Pick<Config, 'TIME_SCALE'> &
  Partial<
    Pick<
      Config,
      | 'LIMIT'
      | 'QUEUE_SIZE'
      | 'QUEUE_TIMEOUT_MS'
      | 'PRESSURE'
      | 'WATCHERS'
      | 'ADMIN_PORT'
      | 'ADMIN_TOKEN'
    >
  > &
  SharingConfig

export async function buildApp(
  config: AppConfig,
  logger?: FastifyBaseLogger,
): Promise<FastifyInstance> {
  return (await buildServer(config, logger)).app
}

/**
 * With `ADMIN_PORT` the operators' routes are on a listener of their own.
 * @param whole where this is one of several workers: what operators see and change is of all
 */
export async function buildServer(
  config: AppConfig,
  logger?: FastifyBaseLogger,
  whole?: Whole,
): Promise<{ app: FastifyInstance; admin: Listener | undefined }> {
  const app = createApp(logger)
  const admin = config.ADMIN_PORT === undefined ? undefined : createAdmin(app)
  await app.register(sluice, {
    limit: config.LIMIT,
    shared: await sharingOf(config, whole?.store, app),
    queue:
      config.LIMIT === undefined
        ? undefined
        : { size: config.QUEUE_SIZE, timeout: queueTimeoutOf(config) },
    // Not asked for is not refused: LIMIT=auto has it.
    pressure: config.PRESSURE || undefined,
  })

  const example: ExampleOptions = {
    method: 'GET',
    timeScale: config.TIME_SCALE,
    folder: PUBLIC_FOLDER,
  }
  logRequests(app)
  await registerExamples(app, example)
  await app.register(patterns, example)
  await app.register(health)
  await app.register(publicFiles, example)
  await (admin === undefined ? app.register(operators) : admin.only(operators))
  return { app, admin: admin?.listener }

  /** All that `ADMIN_PORT` moves. */
  async function operators(scope: FastifyInstance): Promise<void> {
    await scope.register(metrics, { whole })
    await scope.register(concurrency, { whole })
    await scope.register(stream, { watchers: config.WATCHERS, whole })
    await scope.register(limits, { token: config.ADMIN_TOKEN, whole })
    await scope.register(dashboard, example)
  }
}

/**
 * Before a number that an operator has set, whoever came waits: a crowd of clients that do nothing, and
 * keep no permit for long, is no reason to refuse the others.
 */
function queueTimeoutOf({ LIMIT, QUEUE_TIMEOUT_MS }: AppConfig): number | undefined {
  return QUEUE_TIMEOUT_MS ?? (typeof LIMIT === 'number' ? Number.POSITIVE_INFINITY : undefined)
}

/** The article's eight programs. */
export async function registerExamples(
  app: FastifyInstance,
  options: ExampleOptions,
): Promise<void> {
  for (const example of [hello, routing, delay, slowFast, counter, limited, file, asyncWeb]) {
    await app.register(example, options)
  }
}

/** A Fastify with the server's own settings and nothing registered. */
export function createApp(
  logger?: FastifyBaseLogger,
  settings: FastifyHttpOptions<Server> = {},
): FastifyInstance {
  const app: FastifyInstance = fastify({
    ...(logger === undefined ? {} : { loggerInstance: logger }),
    logController: new ErrorsOnly(),
    genReqId: createRequestIds(),
    // What a schema does not know is refused, not left out.
    ajv: { customOptions: { removeAdditional: false } },
    // A body that trickles in holds its permit all the while; Fastify's own default is no bound.
    requestTimeout: 60_000,
    // A thousand half bodies are kept in memory, and nothing here takes more.
    bodyLimit: 65_536,
    http: HTTP,
    // As long as a header may be: what no route takes is a 404 as any other, and no limiter's name is
    // too long to be asked for.
    routerOptions: { maxParamLength: maxHeaderSize },
    // What Fastify refuses before any route is told by it whole.
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      error.message = shown(error.message, LONGEST_MESSAGE)
      reply.send(error)
    },
    ...settings,
  })
  // Handlers stop when their client leaves; nobody is there to be answered, and nothing went wrong.
  app.setErrorHandler((error: unknown, request, reply) => {
    if (request.concurrency?.signal.aborted) return reply.hijack()
    const answer = unsaid(error, reply.statusCode)
    if (answer === undefined) {
      if (error instanceof Error) error.message = shown(error.message, LONGEST_MESSAGE)
      return reply.send(error)
    }
    const { statusCode, headers, message } = answer
    reply.code(statusCode).headers(headers)
    // As Fastify says it of an error that it answers with.
    request.log.error({ req: request, res: reply, err: error }, (error as Error | null)?.message)
    return reply.send({ statusCode, error: STATUS_CODES[statusCode], message })
  })
  surviveAccepts(app)
  return app
}

/** What a caller gave, if it looks like an id, or a number: it is in each line of the log. */
function createRequestIds(): (request: IncomingMessage) => string {
  let count = 0
  return ({ headers }) => {
    const given = headers['x-request-id']
    if (typeof given === 'string' && REQUEST_ID.test(given)) return given
    return `req-${(++count).toString(36)}`
  }
}
