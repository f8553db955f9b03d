/** The server as a process: the only one, or a worker of the primary that forked it. */
import cluster from 'node:cluster'
import type { AddressInfo } from 'node:net'
import { buildServer } from '../app.js'
import type { Config } from '../config.js'
import type { Whole } from './cluster/worker.js'
import { countDropped } from './log-output.js'
import { type Log, openedWith, run } from './process.js'

export async function runServer(log: Log, config: Config): Promise<void> {
  const { logger } = log
  const whole = cluster.isWorker ? await joinWhole() : undefined
  const { app, admin } = await buildServer(config, logger, whole)
  countDropped(app.concurrency.registry, log.output)
  const listen = async (): Promise<void> => {
    const operators =
      admin &&
      toUrl(await admin.open(config.ADMIN_HOST, config.ADMIN_PORT ?? 0).catch(openedWith('ADMIN_')))
    const listenTextResolver = (address: string): string =>
      whole === undefined
        ? `Sluice listens on ${address}, metrics on ${operators ?? address}/metrics`
        : `Worker ${process.pid} listens on ${address}`
    const { HOST: host, PORT: port } = config
    const url = await app.listen({ host, port, listenTextResolver }).catch(openedWith(''))
    whole?.listening(app, url, operators ?? url)
    logger.debug({ url }, 'ready')
  }
  await run(app, log, config, listen, whole?.orders)
}

async function joinWhole(): Promise<Whole> {
  const { Whole } = await import('./cluster/worker.js')
  return new Whole()
}

function toUrl({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
