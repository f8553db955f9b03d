/**
 * Process entry: `node dist/src/server.js [examples]`, configured by the environment. With `WORKERS` it
 * is the primary's entry and each worker's.
 */
import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import { type Config, ConfigError, readConfig } from './config.js'
import { createLogger } from './server/process.js'

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
if (what === 'examples' && config.WORKERS !== 1) {
  exit(`WORKERS: got ${config.WORKERS}, takes 1 beside examples: each of them counts for itself`)
}
const log = await createLogger(config)
const workers = workersOf(config)

// Each loads what it needs: a primary without an app is small.
if (what === 'examples') {
  const { runExamples } = await import('./server/run-examples.js')
  await runExamples(log, config)
} else if (workers > 1 && cluster.isPrimary) {
  const { runPrimary } = await import('./server/cluster/primary.js')
  process.exit(await runPrimary(workers, log, config))
} else {
  const { runServer } = await import('./server/run-server.js')
  await runServer(log, config)
}

function workersOf({ WORKERS }: Config): number {
  return WORKERS === 0 ? availableParallelism() : WORKERS
}

function exit(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
