/**
 * The live page and its files, outside every limit: it has to open when nothing else does. No
 * script, style or request but its own, as the Content-Security-Policy says; uPlot comes from its
 * package. Nothing of this reaches the answers of other routes.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import compress from '@fastify/compress'
import helmet from '@fastify/helmet'
import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsync } from 'fastify'
import type { ExampleOptions } from './example.js'

interface File {
  Params: { file: string }
}

const UPLOT = dirname(createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css'))

const dashboard: FastifyPluginAsync<Pick<ExampleOptions, 'folder'>> = async (app, { folder }) => {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        connectSrc: ["'self'"],
        imgSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // Whether a host is https only is not for one of its pages to say; the other two mean nothing
    // on plain http but a complaint in the console.
    strictTransportSecurity: false,
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
  })
  await app.register(compress, { encodings: ['br', 'gzip'] })
  await app.register(fastifyStatic, { root: join(folder, 'dashboard'), serve: false })

  const options = { config: { concurrency: false }, logLevel: 'warn' } as const
  app.get('/dashboard', options, (_request, reply) => reply.sendFile('index.html'))
  // Its links are relative, so that it works behind any prefix.
  app.get('/dashboard/', options, (_request, reply) => reply.redirect('../dashboard'))
  app.get<File>('/dashboard/:file', options, ({ params }, reply) => reply.sendFile(params.file))
  app.get<File>('/dashboard/uplot/:file', options, ({ params }, reply) =>
    reply.sendFile(params.file, UPLOT),
  )
}
export default dashboard
