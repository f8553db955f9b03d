/** Builds the Fastify app: the plugin, then the routes, then the static files. It never listens. */
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyInstance,
  fastify,
} from 'fastify'
import asyncWeb from '../routes/async.js'
import concurrency from '../routes/concurrency.js'
import counter from '../routes/counter.js'
import delay from '../routes/delay.js'
import type { ExampleOptions } from '../routes/example.js'
import file from '../routes/file.js'
import health from '../routes/health.js'
import hello from '../routes/hello.js'
import limited from '../routes/limited.js'
import metrics from '../routes/metrics.js'
import patterns from '../routes/patterns/index.js'
import publicFiles from '../routes/public.js'
import routing from '../routes/routing.js'
import slowFast from '../routes/slow-fast.js'
import type { Config } from './config.js'
import sluice from './index.js'

const require = createRequire(import.meta.url)
/** The folder of `data.txt` and of all that `/public/*` serves. */
export const PUBLIC_FOLDER: string = join(
  dirname(require.resolve('fastify-sluice/package.json')),
  'public',
)

/** What `createApp` needs of the configuration. */
export type AppConfig = Pick<Config, 'TIME_SCALE' | 'LIMIT' | 'QUEUE_SIZE' | 'QUEUE_TIMEOUT_MS'>

export async function buildApp(
  config: AppConfig,
  logger?: FastifyBaseLogger,
): Promise<FastifyInstance> {
  const app = createApp(logger)
  await app.register(sluice, {
    limit: config.LIMIT,
    queue:
      config.LIMIT === undefined
        ? undefined
        : { size: config.QUEUE_SIZE, timeout: config.QUEUE_TIMEOUT_MS },
  })

  const example: ExampleOptions = {
    method: 'GET',
    timeScale: config.TIME_SCALE,
    folder: PUBLIC_FOLDER,
  }
  await registerExamples(app, example)
  await app.register(patterns, example)
  for (const operators of [metrics, concurrency, health]) await app.register(operators)
  await app.register(publicFiles, example)
  return app
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
    requestIdHeader: 'x-request-id',
    // What a schema does not know is refused, not left out.
    ajv: { customOptions: { removeAdditional: false } },
    // A body that trickles in holds its permit all the while; Fastify's own default is no bound.
    requestTimeout: 60_000,
    ...settings,
  })
  // Handlers stop when their client leaves; nobody is there to be answered, and nothing went wrong.
  app.setErrorHandler((error, request, reply) => {
    if (!request.concurrency?.signal.aborted) return reply.send(error)
    request.log.info('client left')
    return reply.hijack()
  })
  return app
}
