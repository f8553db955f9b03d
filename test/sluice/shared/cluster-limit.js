/**
 * A primary with two workers that share one limit of 4, as a user would write it. Each worker tells when
 * its work began and ended; the primary prints that, a line each, and kills what it is told to.
 */
import cluster from 'node:cluster'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClusterStore, SharedLimiter, serveClusterStore } from 'fastify-sluice'

if (cluster.isPrimary) {
  serveClusterStore(cluster)
  /** @param {object} line */
  const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
  for (const name of ['a', 'b']) {
    const worker = cluster.fork({ NAME: name })
    worker.on('message', (message) => 'began' in message && print(message))
    worker.on('exit', () => print({ name, exit: now() }))
  }
  createInterface(process.stdin)
    .on('line', () => cluster.workers?.[1]?.process.kill('SIGKILL'))
    .on('close', () => process.exit(0))
} else {
  const limiter = new SharedLimiter({
    name: 'db',
    limit: 4,
    lease: 2000,
    store: new ClusterStore(),
  })
  for (let n = 0; n < 6; n++) work()
  async function work() {
    for (;;) {
      const token = await limiter.acquire()
      const began = now()
      await sleep(15)
      process.send?.({ name: process.env.NAME, began, ended: now() })
      token.succeed()
    }
  }
}

/** Milliseconds of the machine's monotonic clock. */
function now() {
  return Number(process.hrtime.bigint() / 1000n) / 1000
}
