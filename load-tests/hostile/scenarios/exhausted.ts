/** No descriptors left, or no room on the disk of the log: the server lives, and recovers. Linux only. */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'undici'
import { ask } from '../../clients/storm.js'
import type { Check } from '../../figures/outcome.js'
import type { Context, Scenario } from '../../scenarios/scenario.js'
import { isQuiet, type TestServer } from '../../subjects/server.js'
import { Crowd } from '../clients/crowd.js'
import { kinds } from '../clients/kinds.js'
import type { Settings } from '../settings.js'
import { nothingUncaught, quiet } from './watch.js'

const FILES = 80
/** Descriptors that are left while the paths are asked for. */
const FREE = [0, 1, 4]
const PATHS = [
  '/fast',
  '/file',
  '/public/data.txt',
  '/metrics',
  '/patterns/threads/hello',
  '/patterns/fan-out?delay=1',
  '/patterns/files/read',
  '/health/live',
]
/** A file that cannot be opened is not there. */
const RIGHT = [200, 404, 503]
const PATIENCE = { headersTimeout: 5000, bodyTimeout: 5000 }
const env = { TIME_SCALE: '0.01' }
const QUIET_WITHIN = 60_000
const LINES = 100

export function exhausted(_settings: Settings): Scenario {
  return {
    name: 'exhausted',
    question: 'Does the server live without descriptors, or with its disk full, and recover?',
    async run(context) {
      const { start, signal, stand } = context
      if (!canLimit()) return { rows: [], checks: [], tables: [NOT_HERE] }
      const odd: string[] = []
      const problems: string[] = []
      const trouble: Check[] = []
      let asked = 0
      for (const free of FREE) {
        const server = await start(env)
        const port = Number(new URL(server.url).port)
        const end = stand.progress.start(`${free} of ${FILES} descriptors free`, 1, () => 0)
        // A connection for each path, and what the server opens by itself at the first requests.
        const clients = PATHS.map(() => new Client(server.url, PATIENCE))
        await Promise.all(clients.map((client) => statusOf(client, '/fast')))
        limitFiles(server, FILES)
        const crowd = new Crowd(port, SILENT)
        const room = FILES - free - openFiles(server)
        await crowd.gather(Math.max(room, 0) + (free === 0 ? 20 : 0))
        await sleep(200)
        const during = await Promise.all(
          PATHS.map((path, at) => statusOf(clients[at] as Client, path).catch(() => 0)),
        )
        asked += during.length
        for (const [at, status] of during.entries()) {
          if (!RIGHT.includes(status)) odd.push(`${free} free: ${PATHS[at]} ${status || 'nothing'}`)
        }
        if (free === 0 && during.every((status) => status === 200)) odd.push('none was wanting')
        await Promise.all(clients.map((client) => client.destroy()))
        crowd.leave()
        await sleep(300)
        for (const path of PATHS) {
          const status = await ask(port, path, signal).catch((error: Error) => error.message)
          if (status !== 200) problems.push(`${free} free: ${path} ${status} afterwards`)
        }
        trouble.push(
          quiet(await server.until(isQuiet, QUIET_WITHIN), 0),
          nothingUncaught(server.log),
        )
        end()
      }
      return {
        rows: [],
        checks: [
          {
            name: 'without, every path is answered or refused',
            ok: odd.length === 0,
            detail: odd.join('; ') || `${asked} requests`,
          },
          {
            name: 'every path is answered with 200 once they have returned',
            ok: problems.length === 0,
            detail: problems.join('; ') || `${FREE.length} times ${PATHS.length} paths`,
          },
          ...trouble.filter(({ ok }) => !ok),
          await diskFull(context),
        ],
      }
    },
  }
}

async function statusOf(client: Client, path: string): Promise<number> {
  const { statusCode, body } = await client.request({ method: 'GET', path })
  await body.dump()
  return statusCode
}

/** Each request is a line of log that is not to be had. */
async function diskFull({ start, signal, stand }: Context): Promise<Check> {
  const stdout = openSync('/dev/full', 'w')
  const end = stand.progress.start('a log whose disk is full', 1, () => 0)
  try {
    const server = await start({ ...env, LOG_LEVEL: 'info' }, { stdout })
    const port = Number(new URL(server.url).port)
    const statuses: number[] = []
    for (let n = 0; n < LINES; n++) statuses.push(await ask(port, '/fast', signal))
    const answered = statuses.filter((status) => status === 200).length
    return {
      name: 'with nowhere to log to, all are answered',
      ok: answered === LINES,
      detail: `${answered} of ${LINES}`,
    }
  } finally {
    end()
    closeSync(stdout)
  }
}

const SILENT = kinds[0] as (typeof kinds)[number]
const NOT_HERE = { head: ['descriptors'], rows: [['not tried: it takes Linux and prlimit']] }

function canLimit(): boolean {
  return existsSync('/proc/self/fd') && spawnSync('prlimit', ['--version']).status === 0
}

function limitFiles({ pid }: TestServer, files: number): void {
  const { status } = spawnSync('prlimit', ['--pid', String(pid), `--nofile=${files}:${files}`])
  if (status !== 0) throw new Error('prlimit may not')
}

function openFiles({ pid }: TestServer): number {
  return readdirSync(`/proc/${pid}/fd`).length
}
