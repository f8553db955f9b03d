/** The HAProxy that is shipped, before three built servers: nothing is lost, repeated or forgotten. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { afterEach, describe, expect, test } from 'vitest'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { type Balancer, checkConfig, hasHaproxy, startBalancer } from './balancer.js'
import { compose } from './files.js'

/** Milliseconds: what a container is given to drain, as it is shipped. */
const { DRAIN_DELAY_MS } = compose['x-server'].environment
/** Milliseconds for what takes a few checks, on a machine that has much else to do. */
const SOON = 60_000
const needs = '(needs haproxy, of the Debian package of that name)'

describe.skipIf(!hasHaproxy)(`HAProxy before three servers ${needs}`, { timeout: 300_000 }, () => {
  let servers: ServerProcess[] = []
  let balancer: Promise<Balancer> | undefined
  afterEach(async () => {
    // Also what a test that took too long did not wait for.
    await balancer?.then(
      (started) => started.stop(),
      () => {},
    )
    balancer = undefined
    for (const { child } of servers) child.kill('SIGKILL')
    await Promise.all(servers.map(({ exit }) => exit))
    servers = []
  })

  /** Resolves with the balancer's address. */
  async function start(env: Record<string, string>): Promise<string> {
    balancer = (async () => {
      await Promise.all([1, 2, 3].map(async () => servers.push(await startServer(env))))
      return startBalancer(servers.map(({ port }) => port))
    })()
    return (await balancer).url
  }

  test('takes its configuration, without a warning', () => {
    const addresses = ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']
    expect(checkConfig(addresses)).toEqual({ status: 0, output: '' })
  })

  test('a rolling restart under load fails no request', async () => {
    const env = { DRAIN_DELAY_MS: String(DRAIN_DELAY_MS), TIME_SCALE: '0.1' }
    const url = await start(env)
    const load = new Load(url)
    for (const [index, old] of servers.entries()) {
      old.child.kill('SIGTERM')
      expect([index, await old.exit]).toEqual([index, 0])
      const successor = await startServer({ ...env, PORT: String(old.port) })
      servers[index] = successor
      await until(async () => (await seenBy(successor)) > 0)
    }
    const { answered, failures } = await load.end()
    expect(failures).toEqual([])
    expect(answered).toBeGreaterThan(1000)
  })

  test('a server that is killed loses what it had, and nothing else', async () => {
    const url = await start({ TIME_SCALE: '10' })
    const ended = await occupyEach(url)
    const [victim] = servers as [ServerProcess]
    victim.child.kill('SIGKILL')
    await victim.exit
    const after = await Promise.all(Array.from({ length: 30 }, () => statusOf(`${url}/fast`)))
    expect(after.filter((status) => status !== 200)).toEqual([])
    expect(ended).toEqual([502])
  })

  test('a client that leaves cancels its work behind the balancer', async () => {
    const url = await start({ TIME_SCALE: '10' })
    const client = new AbortController()
    const left = request(`${url}/slow`, { signal: client.signal }).catch(({ name }) => name)
    await until(async () => (await sum(inFlight)) === 1)
    client.abort()
    expect(await left).toBe('AbortError')
    await until(async () => (await sum(inFlight)) === 0)
    expect(await sum(abortedBy)).toBe(1)
  })

  test('a request that is shed is answered so, and not sent to the next server', async () => {
    const url = await start({ LIMIT: '1', QUEUE_SIZE: '0', TIME_SCALE: '10' })
    await occupyEach(url)
    expect(await statusOf(`${url}/fast`)).toBe(503)
    expect(await sum(rejectedBy)).toBe(1)
  })

  /** Each server works for long on a request. Fills what it resolves with: the statuses of those that ended. */
  async function occupyEach(url: string): Promise<number[]> {
    const ended: number[] = []
    for (const number of servers.keys()) {
      statusOf(`${url}/slow`).then(
        (status) => ended.push(status),
        () => {},
      )
      await until(async () => (await sum(inFlight)) === number + 1)
    }
    expect(await Promise.all(servers.map(inFlight))).toEqual([1, 1, 1])
    return ended
  }

  async function sum(read: (server: ServerProcess) => Promise<number>): Promise<number> {
    return (await Promise.all(servers.map(read))).reduce((total, value) => total + value, 0)
  }
})

/** Clients that keep their connections and ask again, most of them for what is quick. */
class Load {
  readonly #agent = new Agent({ connections: null, pipelining: 1 })
  readonly #failures: string[] = []
  readonly #clients: Promise<void>[]
  #answered = 0
  #ended = false

  constructor(url: string) {
    const paths = [...Array<string>(16).fill('/fast'), ...Array<string>(8).fill('/delay')]
    this.#clients = paths.map((path) => this.#run(url + path))
  }

  async end(): Promise<{ answered: number; failures: string[] }> {
    this.#ended = true
    await Promise.all(this.#clients)
    await this.#agent.close()
    return { answered: this.#answered, failures: this.#failures }
  }

  async #run(url: string): Promise<void> {
    while (!this.#ended) {
      const result = await statusOf(url, this.#agent).catch(({ code, message }) => code ?? message)
      if (result === 200) this.#answered++
      else this.#failures.push(`${url}: ${result}`)
      await sleep(10)
    }
  }
}

async function statusOf(url: string, dispatcher?: Agent): Promise<number> {
  const { statusCode, body } = await request(url, dispatcher && { dispatcher })
  await body.dump()
  return statusCode
}

/** The sum of a metric's series of a server, asked for past the balancer. */
async function metric({ port }: ServerProcess, name: string, labels = ''): Promise<number> {
  const { body } = await request(`http://127.0.0.1:${port}/metrics`)
  const series = new RegExp(`^${name}{[^}]*${labels}[^}]*} (\\S+)$`, 'gm')
  return [...(await body.text()).matchAll(series)].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  )
}

const inFlight = (server: ServerProcess) => metric(server, 'http_server_active_requests', '"/slow"')
const abortedBy = (server: ServerProcess) => metric(server, 'http_server_requests_aborted_total')
const rejectedBy = (server: ServerProcess) => metric(server, 'concurrency_rejected_total')
const seenBy = (server: ServerProcess) =>
  metric(server, 'http_server_request_duration_seconds_count', '"/fast"')

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + SOON; !(await holds()); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`not within ${SOON} ms: ${holds}`)
  }
}
