/** The article's eight servers as a process. */
import type { Config } from '../config.js'
import { buildExamples, EXAMPLES } from './examples.js'
import { type Log, run } from './process.js'

export async function runExamples(log: Log, config: Config): Promise<void> {
  const { logger } = log
  const { app, listen } = await buildExamples({ timeScale: config.TIME_SCALE }, logger)
  await run(app, log, config, async () => {
    const ports = await listen()
    for (const [name, { paths }] of Object.entries(EXAMPLES)) {
      const url = `http://127.0.0.1:${ports[name as keyof typeof ports]}`
      logger.info({ example: name, url }, `${name}: ${[paths].flat().join(', ')} at ${url}`)
    }
  })
}
