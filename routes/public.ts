/** Static files: ranges, etags, precompressed variants; no dotfiles and nothing outside the root. */
import { constants } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import helmet from '@fastify/helmet'
import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsync } from 'fastify'
import type { ExampleOptions } from './example.js'
import { isExhausted, isSystemError } from './kit/faults.js'
import { PAGE_HEADERS } from './kit/page-headers.js'
import { NoFileError, openRegular } from './kit/regular-file.js'

/**
 * Each holds a file open until its client has taken it. Pipelined ones take their turns, so that a
 * connection holds no more than one.
 */
const concurrency = { limit: 100, queue: { size: 1000, timeout: 10_000 } }

/** The page's, wherever it is asked for; some file systems do not tell capitals apart. */
const PAGE = /^dashboard/i

/** Below it is what the library has for operators: rules for Prometheus, and a dashboard for Grafana. */
const OPERATORS = 'operators/'
const require = createRequire(import.meta.url)
const operatorsFolder = dirname(require.resolve('fastify-sluice/operators/alerts.yml'))

/** What an answer says of its file, and an error has none. */
const FILE_HEADERS = [
  'accept-ranges',
  'cache-control',
  'content-encoding',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
]

const publicFiles: FastifyPluginAsync<Pick<ExampleOptions, 'folder'>> = async (app, { folder }) => {
  const root = await realpath(folder)
  await app.register(helmet, { ...PAGE_HEADERS, global: false })
  await app.register(fastifyStatic, {
    root,
    serve: false,
    dotfiles: 'ignore',
    preCompressed: true,
    // The file that was picked, precompressed or not: a symbolic link may lead anywhere. It is opened
    // for HEAD too, which would else promise what GET cannot give.
    onFile: async (path) => {
      const top = path.startsWith(operatorsFolder) ? operatorsFolder : root
      await using _file = await openRegular(path, top, constants.O_RDONLY)
    },
  })
  app.setErrorHandler((error, _request, reply) => {
    for (const name of FILE_HEADERS) reply.removeHeader(name)
    const isMissing = error instanceof NoFileError || isSystemError(error)
    if (!isMissing || isExhausted(error)) throw error
    return reply.callNotFound()
  })

  app.get<{ Params: { '*': string } }>(
    '/public/*',
    { config: { concurrency } },
    async (request, reply) => {
      const path = request.params['*']
      if (PAGE.test(path)) await reply.helmet()
      // As the path was written: a slash that is spelled otherwise is none.
      if (/%(2f|5c|00)/i.test(request.raw.url?.split('?')[0] ?? '')) return reply.callNotFound()
      return path.startsWith(OPERATORS)
        ? reply.sendFile(`/${path.slice(OPERATORS.length)}`, operatorsFolder)
        : reply.sendFile(`/${path}`)
    },
  )
}
export default publicFiles
