/** A slow and a fast endpoint, side by side: thousands wait in the one while the other answers at once. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import type { ExampleOptions } from './example.js'

const slowFast: FastifyPluginAsync<Pick<ExampleOptions, 'timeScale'>> = async (
  app,
  { timeScale },
) => {
  app.get('/fast', async () => 'Fast response')
  app.get('/slow', async ({ concurrency: { signal } }) => {
    await sleep(5000 * timeScale, undefined, { signal })
    return 'Slow response'
  })
}
export default slowFast
