/** A measured run: warm-up, the amount that fills the wanted time, and the server's own counts. */
import { fire, type Load } from '../clients/closed-loop.js'
import type { Row, Volley } from '../figures/outcome.js'
import { activeOn, endedOn, type TestServer } from '../subjects/server.js'
import type { Stand } from './stand.js'

interface Described extends Omit<Load, 'url' | 'amount'> {
  path: string
  /** The pattern that the server counts the path under; default: the path. */
  route?: string
  /** Default: method and path. */
  label?: string
}
export type FiredLoad = Described & { amount: number }
/** As many requests as given, or as many as the warm-up finds for these seconds. */
export type MeasuredLoad = Described & ({ amount: number } | { seconds: number })

export async function measure(stand: Stand, server: TestServer, load: MeasuredLoad): Promise<Row> {
  const measured = { ...load, amount: await warmUp(stand, server, load) }
  return counted(server, measured, () => withBar(stand, server, measured, 'measuring'))
}

export async function fireBeside(stand: Stand, server: TestServer, load: FiredLoad): Promise<Row> {
  const { cpu: _ofBoth, ...row } = await counted(server, load, () =>
    fire(toLoad(server, load), stand.signal),
  )
  return row
}

/** Compiled code, a sized heap, open files; and the amount that lasts as long as wanted. */
async function warmUp(stand: Stand, server: TestServer, load: MeasuredLoad): Promise<number> {
  const { connections } = load
  // Equal shares, so that the connections end together.
  const rounds = (amount: number): number =>
    Math.max(1, Math.round(amount / connections)) * connections
  const shoot = (amount: number): Promise<Volley> =>
    withBar(stand, server, { ...load, amount: rounds(amount) }, 'warming up')
  if ('amount' in load) {
    await shoot(connections)
    return load.amount
  }
  let volley = await shoot(connections * 20)
  // Each is faster than the last says, as the code gets compiled.
  for (let more = 4; more > 0 && volley.seconds < load.seconds / 4; more--) {
    volley = await shoot((volley.rate * load.seconds) / 2)
  }
  return rounds(volley.rate * load.seconds)
}

async function withBar(
  { progress, signal }: Stand,
  server: TestServer,
  load: FiredLoad,
  phase: string,
): Promise<Volley> {
  let stop: (() => void) | undefined
  try {
    return await fire(toLoad(server, load), signal, (answered) => {
      stop = progress.start(`${labelOf(load)}: ${phase}`, load.amount, answered)
    })
  } finally {
    stop?.()
  }
}

/** Adds what the server counted meanwhile, and what both processes spent. */
async function counted(
  server: TestServer,
  load: FiredLoad,
  run: () => Promise<Volley>,
): Promise<Row> {
  const route = load.route ?? load.path
  const quiet = () => server.until((snapshot) => activeOn(snapshot, route) === 0)
  const before = await quiet()
  const serverCpu = await server.cpuSeconds()
  const clientCpu = process.cpuUsage()
  const startedAt = performance.now()

  const volley = await run()

  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(clientCpu)
  const cpu = {
    server: ((await server.cpuSeconds()) - serverCpu) / seconds,
    client: (user + system) / 1e6 / seconds,
  }
  const after = await quiet()
  const served = endedOn(after, route) - endedOn(before, route)
  const aborted = after.requests.aborted - before.requests.aborted
  return {
    label: labelOf(load),
    connections: load.connections,
    ...volley,
    served: served - aborted,
    cpu,
  }
}

function labelOf({ label, path }: Pick<FiredLoad, 'label' | 'path'>): string {
  return label ?? `GET ${path}`
}

function toLoad(server: TestServer, load: FiredLoad): Load {
  return { ...load, url: server.url + load.path }
}
