/** Reads a file anew at each request, without blocking anyone; whatever goes wrong is a 404. */
import { isUtf8 } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyPluginAsync } from 'fastify'
import type { ExampleOptions } from './example.js'

const file: FastifyPluginAsync<ExampleOptions> = async (app, { method, folder }) => {
  const path = join(folder, 'data.txt')
  app.route({
    method,
    url: '/file',
    handler: async (_request, reply) => {
      reply.type('text/plain; charset=utf-8')
      const contents = await readFile(path).catch(() => undefined)
      if (contents === undefined || !isUtf8(contents)) {
        return reply.code(404).send('File not found')
      }
      return contents
    },
  })
}
export default file
