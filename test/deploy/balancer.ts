/** HAProxy with the configuration that is shipped, before servers of the tests' own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../support/readme.js'

const FILE = join(root, 'deploy/haproxy.cfg')
/** Debian has it where only root looks. */
const PATH = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`
/** Milliseconds that it may take to listen. */
const STARTS_WITHIN = 60_000

export const hasHaproxy = spawnSync('haproxy', ['-v'], { env: { PATH } }).status === 0
if (!hasHaproxy && process.env.PACKAGES_REQUIRED === '1') {
  throw new Error('PACKAGES_REQUIRED: haproxy is not on the PATH')
}

export interface Balancer {
  readonly url: string
  stop(): Promise<void>
}

/** Its own check of the file. @param servers their addresses, host:port each. */
export function checkConfig(servers: readonly string[]): { status: number | null; output: string } {
  const env = environment('127.0.0.1:1', servers)
  const { status, stderr } = spawnSync('haproxy', ['-c', '-f', FILE], {
    env,
    encoding: 'utf8',
  })
  return { status, output: stderr }
}

/** Resolves once it listens; the servers do already. @param ports of 127.0.0.1. */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const address = `127.0.0.1:${await freePort()}`
  const servers = ports.map((port) => `127.0.0.1:${port}`)
  const child = spawn('haproxy', ['-db', '-f', FILE], {
    env: environment(address, servers),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
  })
  const url = `http://${address}`
  for (const deadline = Date.now() + STARTS_WITHIN; !(await answers(url)); await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`haproxy exited with ${child.exitCode}: ${said}`)
    if (Date.now() > deadline) {
      await end(child)
      throw new Error(`haproxy does not answer: ${said}`)
    }
  }
  return { url, stop: () => end(child) }
}

function environment(address: string, servers: readonly string[]): Record<string, string> {
  const ofServers = servers.map((server, index) => [`SERVER_${index + 1}`, server])
  return { PATH, BIND: address, ...Object.fromEntries(ofServers) }
}

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/health/ready`).then(
    ({ ok }) => ok,
    () => false,
  )
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill()
  await closed
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
