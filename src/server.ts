/** Process entry: `node dist/src/server.js [examples]`, configured by the environment. */
import type { AddressInfo } from 'node:net'
import { buildServer } from './app.js'
import { ConfigError, readConfig } from './config.js'
import { buildExamples, EXAMPLES } from './server/examples.js'
import { countDropped } from './server/log-output.js'
import { createLogger, openedWith, run } from './server/process.js'

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
const log = await createLogger(config)
const { logger } = log

if (what === 'examples') {
  const { app, listen } = await buildExamples({ timeScale: config.TIME_SCALE }, logger)
  await run(app, log, config, async () => {
    const ports = await listen()
    for (const [name, { paths }] of Object.entries(EXAMPLES)) {
      const url = `http://127.0.0.1:${ports[name as keyof typeof ports]}`
      logger.info({ example: name, url }, `${name}: ${[paths].flat().join(', ')} at ${url}`)
    }
  })
} else {
  const { app, admin } = await buildServer(config, logger)
  countDropped(app.concurrency.registry, log.output)
  await run(app, log, config, async () => {
    const operators =
      admin &&
      toUrl(await admin.open(config.ADMIN_HOST, config.ADMIN_PORT ?? 0).catch(openedWith('ADMIN_')))
    const listenTextResolver = (address: string): string =>
      `Sluice listens on ${address}, metrics on ${operators ?? address}/metrics`
    const { HOST: host, PORT: port } = config
    const url = await app.listen({ host, port, listenTextResolver }).catch(openedWith(''))
    logger.debug({ url }, 'ready')
  })
}

function toUrl({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

function exit(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
