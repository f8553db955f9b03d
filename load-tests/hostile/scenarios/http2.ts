/** HTTP/2 by hand, against an app of the library's, since the server itself does not speak it. */
import { type ClientHttp2Session, connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Snapshot } from 'fastify-sluice'
import { count } from '../../report/format.js'
import type { Scenario } from '../../scenarios/scenario.js'
import { isQuiet } from '../../subjects/server.js'
import { Subject } from '../../subjects/subject.js'
import type { Dice } from '../clients/dice.js'
import { type Case, fuzz } from '../clients/fuzz.js'
import { endedIn, rightSession, session } from '../clients/sessions.js'
import type { Settings } from '../settings.js'
import { peakMegabytes } from '../subjects/memory.js'
import { quiet, Watch } from './watch.js'

const QUIET_WITHIN = 60_000
const MEGABYTES = 300

export function http2({ seed, seconds }: Settings): Scenario {
  return {
    name: 'http2',
    question: 'Does an app stand whatever is sent to it as HTTP/2?',
    within: seconds * 1000 + QUIET_WITHIN + 60_000,
    async run({ signal, stand }) {
      const subject = await Subject.start('HTTP/2', stand)
      const others = new Others(subject.url)
      try {
        const port = Number(new URL(subject.url).port)
        const tried = new Map<string, number>()
        const watch = new Watch(() => others.snapshot())
        const make = (dice: Dice): Case => (dice.once(8) ? right(dice) : wrong(dice, tried))
        const label = 'HTTP/2 by hand'
        const { progress } = stand
        const found = await fuzz({ port, seed, seconds, label, make, signal, progress })
        const endedAt = performance.now()
        let end = await others.snapshot()
        while (!isQuiet(end) && performance.now() - endedAt < QUIET_WITHIN) {
          await sleep(20)
          end = await others.snapshot()
        }
        const { connections } = await subject.ask('usage', signal)
        const megabytes = peakMegabytes(subject.pid)
        return {
          rows: [],
          tables: [
            {
              head: [`sent, seed ${seed}`, 'times'],
              rows: [
                ...[...tried].sort().map(([name, times]) => [name, count(times)]),
                ['sessions', count(found.cases)],
                ['KB', count(Math.round(found.bytes / 1024))],
              ],
            },
          ],
          checks: [
            {
              name: 'what is right is answered, stream by stream',
              ok: found.problems.length === 0 && found.cases > 0,
              detail: found.problems.slice(0, 3).join('\n') || `${count(found.cases)} sessions`,
            },
            ...(await watch.stop()),
            quiet(end, (performance.now() - endedAt) / 1000),
            {
              name: `the process lives, with memory under ${MEGABYTES} MB`,
              ok: megabytes === undefined || megabytes < MEGABYTES,
              detail: `${megabytes} MB at most, ${connections} connections open at the end`,
            },
          ],
        }
      } finally {
        others.leave()
        await subject.stop()
      }
    },
  }
}

function right(dice: Dice): Case {
  const { bytes, streams } = rightSession(dice)
  return {
    bytes,
    until: (answer) => endedIn(answer) >= streams,
    judge: (answer) =>
      endedIn(answer) === streams ? undefined : `${endedIn(answer)} of ${streams} streams ended`,
  }
}

function wrong(dice: Dice, tally: Map<string, number>): Case {
  const { bytes, tried } = session(dice)
  for (const name of tried) tally.set(name, (tally.get(name) ?? 0) + 1)
  return { bytes }
}

/** Somebody else's session. */
class Others {
  readonly #session: ClientHttp2Session

  constructor(url: string) {
    this.#session = connect(url)
    // Told by the next request.
    this.#session.on('error', () => {})
  }

  async snapshot(): Promise<Snapshot> {
    const stream = this.#session.request({ ':path': '/concurrency' })
    const answered = text(stream)
    // A session whose server is gone may never tell its streams.
    const late = sleep(10_000, undefined, { ref: false }).then(() => {
      throw new Error('no answer within 10 s')
    })
    return JSON.parse(await Promise.race([answered, late])) as Snapshot
  }

  leave(): void {
    this.#session.destroy()
  }
}
