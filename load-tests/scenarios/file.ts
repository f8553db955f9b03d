/**
 * What does a file cost: read anew by a handler, sent by the static file server, when it has 5 MB,
 * and when only a part of it is asked for?
 */
import { readFile } from 'node:fs/promises'
import { fire, type Load } from '../clients/closed-loop.js'
import type { Row } from '../figures/outcome.js'
import type { Stand } from '../measures/stand.js'
import { LARGE, SMALL } from '../subjects/files.js'
import { Subject } from '../subjects/subject.js'
import { allAnswered, noErrors } from './checks.js'
import type { Scenario } from './scenario.js'

const FILE = new URL('../../public/data.txt', import.meta.url)
const PART = 1024

/** Of files of any size, on connections that each fetch so many. */
const full = { small: 1000, large: 20, part: 500 }
const short = { small: 20, large: 2, part: 20 }

const file: Scenario = {
  name: 'file',
  question: 'What does a file cost: by a handler, as a static file, of 5 MB, and in parts?',
  async run({ quick, start, measure, stand }) {
    const load = { connections: 20, seconds: quick ? 0.5 : 4, body: await readFile(FILE, 'utf8') }
    const server = await start()
    const example = await measure(server, { ...load, path: '/file' })
    const each = quick ? short : full
    const range = { range: `bytes=${PART}-${2 * PART - 1}` }
    const rows = await fireAll(stand, [
      { label: 'static, 13 bytes', path: 'small.txt', body: SMALL, each: each.small },
      { label: 'static, 5 MB', path: 'large.txt', body: LARGE, each: each.large },
      {
        label: 'static, 1 KB of 5 MB',
        path: 'large.txt',
        body: LARGE.slice(PART, 2 * PART),
        each: each.part,
        headers: range,
      },
    ])
    return {
      rows: [example, ...rows],
      checks: [noErrors(example, ...rows), allAnswered(example)],
    }
  },
}
export default file

interface Fetch extends Pick<Load, 'headers'> {
  readonly label: string
  readonly path: string
  readonly body: string
  readonly each: number
}

async function fireAll(stand: Stand, fetches: readonly Fetch[]): Promise<Row[]> {
  const subject = await Subject.start('files', stand)
  try {
    const rows: Row[] = []
    for (const { label, path, each, ...load } of fetches) {
      const url = `${subject.url}/public/${path}`
      const connections = 20
      await fire({ ...load, url, connections, amount: connections }, stand.signal)
      const amount = each * connections
      rows.push({
        label,
        connections,
        ...(await fire({ ...load, url, connections, amount }, stand.signal)),
      })
    }
    return rows
  } finally {
    await subject.stop()
  }
}
