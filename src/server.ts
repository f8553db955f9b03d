/** Process entry: `node dist/src/server.js [examples]`, configured by the environment. */
import { buildApp } from './app.js'
import { ConfigError, readConfig } from './config.js'
import { buildExamples, EXAMPLES } from './examples.js'
import { createLogger, run } from './process.js'

const [what, ...rest] = process.argv.slice(2)
if ((what !== undefined && what !== 'examples') || rest.length > 0) {
  exit(`Usage: server.js [examples]: got ${[what, ...rest].join(' ')}`)
}

const config = (() => {
  try {
    return readConfig()
  } catch (error) {
    if (error instanceof ConfigError) exit(error.message)
    throw error
  }
})()
const logger = await createLogger(config)

if (what === 'examples') {
  const { app, listen } = await buildExamples({ timeScale: config.TIME_SCALE }, logger)
  await run(app, logger, config, async () => {
    const ports = await listen()
    for (const [name, { paths }] of Object.entries(EXAMPLES)) {
      const url = `http://127.0.0.1:${ports[name as keyof typeof ports]}`
      logger.info({ example: name, url }, `${name}: ${[paths].flat().join(', ')} at ${url}`)
    }
  })
} else {
  const app = await buildApp(config, logger)
  await run(app, logger, config, async () => {
    const url = await app.listen({
      host: config.HOST,
      port: config.PORT,
      listenTextResolver: (address) =>
        `Sluice listens on ${address}, metrics on ${address}/metrics`,
    })
    logger.debug({ url }, 'ready')
  })
}

function exit(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
