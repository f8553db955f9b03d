/**
 * The article's eight servers on the article's eight ports, in one process: one app, one plugin, and
 * a plain listener a port that hands its connections to the app. The first port is the app's own
 * server's: Node looks after the time-outs of connections only where that listens. Where hyper answers any method on
 * any path, so does the port: its requests are rewritten to its example's path before routing.
 */
import { type IncomingMessage, METHODS } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, HTTPMethods } from 'fastify'
import sluice from 'fastify-sluice'
import { createApp, HTTP, PUBLIC_FOLDER, registerExamples } from '../app.js'
import { Listener, openServer } from './listener.js'
import { logRequests } from './request-log.js'

/** A port's only path, or the paths that it tells apart. */
export const EXAMPLES = {
  static: { port: 3000, paths: '/hello' },
  routing: { port: 8080, paths: ['/', '/about'] },
  delay: { port: 4000, paths: '/delay' },
  slowfast: { port: 7070, paths: ['/fast', '/slow'] },
  counter: { port: 9090, paths: '/counter' },
  semaphore: { port: 6060, paths: '/limited' },
  file: { port: 5050, paths: '/file' },
  concurrent: { port: 3001, paths: '/async' },
} as const satisfies Record<string, { port: number; paths: string | readonly string[] }>

export type ExampleName = keyof typeof EXAMPLES

/** Node hands CONNECT to no request handler. */
const ANY_METHOD = METHODS.filter((method) => method !== 'CONNECT') as HTTPMethods[]

/** No route has it: what a port does not know is answered 404. */
const NOWHERE = '/404'

export interface Examples {
  app: FastifyInstance
  /** Opens the ports on 127.0.0.1 and returns them. @param any on free ports, for tests */
  listen(any?: 'any'): Promise<Record<ExampleName, number>>
}

export async function buildExamples(
  options: { timeScale: number; folder?: string },
  logger?: FastifyBaseLogger,
): Promise<Examples> {
  const names = new Map<number, ExampleName>()

  const app = createApp(logger, {
    exposeHeadRoutes: false,
    // As hyper: no Host is asked for, and a path may have 64 KB.
    http: { ...HTTP, requireHostHeader: false, maxHeaderSize: 128 * 1024 },
    rewriteUrl: (request) => rewrite(request, names.get(request.socket.localPort ?? 0)),
  })
  // hyper's handlers leave bodies unread: whatever their type says, or however broken it is.
  for (const method of ANY_METHOD) {
    app.addHttpMethod(method, { hasBody: false, overrideExisting: true })
  }
  await app.register(sluice)
  logRequests(app)
  await registerExamples(app, {
    method: ANY_METHOD,
    timeScale: options.timeScale,
    folder: options.folder ?? PUBLIC_FOLDER,
  })
  const listeners = Object.entries(EXAMPLES).map(
    ([name, { port }], index) =>
      [name as ExampleName, port, index === 0 ? undefined : new Listener(app)] as const,
  )

  async function listen(any?: 'any'): Promise<Record<ExampleName, number>> {
    const ports = {} as Record<ExampleName, number>
    const host = '127.0.0.1'
    for (const [name, article, listener] of listeners) {
      const port = any === 'any' ? 0 : article
      const open = listener?.open(host, port) ?? openServer(app, app.server, host, port)
      ports[name] = (await open).port
      names.set(ports[name], name)
    }
    return ports
  }

  return { app, listen }
}

function rewrite({ url = '/' }: IncomingMessage, name: ExampleName | undefined): string {
  if (name === undefined) return NOWHERE
  const { paths } = EXAMPLES[name]
  if (typeof paths === 'string') return paths
  // As hyper's `uri().path()`: no scheme, authority, query or fragment, and nothing decoded.
  const path = url.replace(/^[a-z]+:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '') || '/'
  return (paths as readonly string[]).includes(path) ? path : NOWHERE
}
