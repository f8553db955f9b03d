/**
 * The live page and its files. uPlot comes from its package. Nothing of its headers reaches the answers
 * of other routes.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import helmet from '@fastify/helmet'
import type { FastifyPluginAsync } from 'fastify'
import type { ExampleOptions } from '../example.js'
import { KeptFiles } from '../kit/kept-files.js'
import { LOOKING_ON } from '../kit/looking-on.js'
import { PAGE_HEADERS } from '../kit/page-headers.js'

interface File {
  Params: { file: string }
}

const UPLOT = dirname(createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css'))

const dashboard: FastifyPluginAsync<Pick<ExampleOptions, 'folder'>> = async (app, { folder }) => {
  await app.register(helmet, PAGE_HEADERS)
  const own = new KeptFiles(join(folder, 'dashboard'))
  const uplot = new KeptFiles(UPLOT)
  await Promise.all([own.load(), uplot.load()])

  app.get('/dashboard', LOOKING_ON, (request, reply) => own.send('index.html', request, reply))
  // Its links are relative, so that it works behind any prefix.
  app.get('/dashboard/', LOOKING_ON, (_request, reply) => reply.redirect('../dashboard'))
  app.get<File>('/dashboard/:file', LOOKING_ON, (request, reply) =>
    own.send(request.params.file, request, reply),
  )
  app.get<File>('/dashboard/uplot/:file', LOOKING_ON, (request, reply) =>
    uplot.send(request.params.file, request, reply),
  )
}
export default dashboard
