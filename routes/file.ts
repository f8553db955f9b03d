/** Reads a file anew at each request, without blocking anyone; whatever goes wrong is a 404. */
import { isUtf8 } from 'node:buffer'
import { join } from 'node:path'
import type { FastifyPluginAsync } from 'fastify'
import { Semaphore } from 'fastify-sluice'
import type { ExampleOptions } from './example.js'
import { readRegular } from './kit/regular-file.js'

/** The most reads at once; the others wait for their turn, and leave with their client. */
const READS = 16

const file: FastifyPluginAsync<ExampleOptions> = async (app, { method, folder }) => {
  const path = join(folder, 'data.txt')
  const reads = new Semaphore(READS)
  app.route({
    method,
    url: '/file',
    handler: async ({ concurrency: { signal } }, reply) => {
      const contents = await read(signal)
      reply.type('text/plain; charset=utf-8')
      if (contents === undefined || !isUtf8(contents)) {
        return reply.code(404).send('File not found')
      }
      return contents
    },
  })

  async function read(signal: AbortSignal): Promise<Buffer | undefined> {
    using _permit = await reads.acquire({ signal })
    try {
      return await readRegular(path, folder, signal)
    } catch {
      signal.throwIfAborted()
      return undefined
    }
  }
}
export default file
