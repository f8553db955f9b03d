/** Static files: ranges, etags, precompressed variants; no dotfiles and nothing outside the root. */
import { realpath } from 'node:fs/promises'
import { sep } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsync } from 'fastify'
import type { ExampleOptions } from './example.js'

const publicFiles: FastifyPluginAsync<Pick<ExampleOptions, 'folder'>> = async (app, { folder }) => {
  const root = await realpath(folder)
  await app.register(fastifyStatic, {
    root,
    prefix: '/public/',
    dotfiles: 'ignore',
    preCompressed: true,
    // The file that was picked, precompressed or not: a symbolic link may lead anywhere.
    onFile: async (path) => {
      const target = await realpath(path)
      if (!target.startsWith(root + sep)) throw new OutsideError()
    },
  })
  app.setErrorHandler((error, _request, reply) =>
    error instanceof OutsideError ? reply.callNotFound() : reply.send(error),
  )
}
export default publicFiles

class OutsideError extends Error {
  readonly statusCode = 404
}
