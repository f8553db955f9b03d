/**
 * What does the plugin cost a request, beside others? The same route by several means under the
 * same closed loop, in alternating rounds; bare Fastify runs twice, and how far the second is from 1
 * is how far the others may be by chance. Refusals are compared with the cheapest that bare Fastify
 * has: a status and one byte.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Check, Table } from '../figures/outcome.js'
import { type Comparison, type Contender, compare, type Spread } from '../measures/pairs.js'
import { count, milliseconds } from '../report/format.js'
import { Subject } from '../subjects/subject.js'
import type { Scenario } from './scenario.js'

const FAST = 'Fast response'
const BARE = 'bare Fastify'
const REFUSAL = "bare Fastify's refusal"
const HYPER = { file: 'slowfast', port: 7070 }

const full = { generations: 12, rounds: 4, seconds: 0.6, warmUp: 40_000, connections: 50 }
const short = { generations: 1, rounds: 1, seconds: 0.1, warmUp: 500, connections: 10 }

const versus: Scenario = {
  name: 'versus',
  question: 'What does the plugin cost a request, beside others?',
  within: 900_000,
  async run({ quick, stand }) {
    const originals = process.env.HYPER_ORIGINALS
    const contenders = originals ? [...ours, await hyper(originals)] : ours
    const found = await compare(contenders, quick ? short : full, stand)
    const by = new Map(found.map((one) => [one.label, one]))
    const of = (label: string): Comparison => by.get(label) as Comparison
    return {
      rows: [],
      tables: [tableOf(found)],
      checks: [everyAnswer(found), ...(quick ? [] : thresholds(of))],
    }
  },
}
export default versus

function fastify(label: string, name = label): Contender {
  return { label, base: BARE, body: FAST, start: (place) => Subject.start(name, place) }
}

function refusing(label: string, name: string): Contender {
  return { label, base: REFUSAL, body: undefined, start: (place) => Subject.start(name, place) }
}

const ours: readonly Contender[] = [
  fastify(BARE),
  fastify(`${BARE} again`, BARE),
  fastify('node:http'),
  fastify('plugin without options'),
  fastify('plugin with limits and queues'),
  fastify('under-pressure + fastify-metrics'),
  refusing(REFUSAL, 'bare refusal'),
  refusing("the plugin's refusal", 'plugin full'),
]

/** The article's own program, for scale: it is compiled, and runs on all the cores it is given. */
async function hyper(folder: string): Promise<Contender> {
  const file = join(folder, HYPER.file)
  if (!existsSync(file)) throw new Error(`HYPER_ORIGINALS: no ${HYPER.file} in ${folder}`)
  return {
    label: 'hyper, the article’s program',
    base: BARE,
    body: FAST,
    start: (place) => Subject.startProgram(file, HYPER.port, place),
  }
}

function tableOf(found: readonly Comparison[]): Table {
  return {
    head: ['', 'rate/s', 'ratio', 'min to max', 'CPU/request', 'ratio', 'p99', 'ratio', 'srv/cli'],
    rows: found.map(({ label, figures: { rate, cpu, p99 }, ratios, busy }) => [
      label,
      count(Math.round(rate)),
      ratio(ratios.rate.median),
      spread(ratios.rate),
      `${cpu.toFixed(1)} µs`,
      ratio(ratios.cpu.median),
      milliseconds(p99),
      ratio(ratios.p99.median),
      `${Math.round(busy.server * 100)}/${Math.round(busy.client * 100)} %`,
    ]),
    note: `Ratios are to ${BARE}, of refusals to ${REFUSAL}, within a round: medians of generations of processes. Where the client's share (cli) is the greater one, the server can do more.`,
  }
}

/** On both sides of the wire; and refusals are refusals, the others none. */
function everyAnswer(found: readonly Comparison[]): Check {
  const wrong = found.filter(({ sent, answered, errors }) => sent !== answered || errors > 0)
  const sent = found.reduce((sum, one) => sum + one.sent, 0)
  return {
    name: 'every request is answered, and as it should be',
    ok: wrong.length === 0 && sent > 0,
    detail: wrong.length === 0 ? count(sent) : wrong.map(({ label }) => label).join(', '),
  }
}

function thresholds(of: (label: string) => Comparison): Check[] {
  const none = of('plugin without options')
  const limits = of('plugin with limits and queues')
  const peers = of('under-pressure + fastify-metrics')
  return [
    atLeast('the plugin without options', none.ratios.rate.median, 0.97),
    atLeast('with limits and queues', limits.ratios.rate.median, 0.95),
    atLeast(
      'with limits and queues, to under-pressure + fastify-metrics',
      limits.ratios.rate.median / peers.ratios.rate.median,
      1.5,
    ),
    atMost('p99 without options', none.ratios.p99.median, 1.1),
    atMost('p99 with limits and queues', limits.ratios.p99.median, 1.1),
    atMost('processor time of a refusal', of("the plugin's refusal").ratios.cpu.median, 1.2),
  ]
}

function atLeast(name: string, value: number, least: number): Check {
  return { name: `${name}: at least ${least}`, ok: value >= least, detail: ratio(value) }
}

function atMost(name: string, value: number, most: number): Check {
  return { name: `${name}: at most ${most}`, ok: value <= most, detail: ratio(value) }
}

function ratio(value: number): string {
  return value.toFixed(3)
}

function spread({ min, max }: Spread): string {
  return `${min.toFixed(2)} to ${max.toFixed(2)}`
}
