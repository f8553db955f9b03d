/**
 * Several servers under the same load, compared in pairs. Two processes of one program differ
 * lastingly, by up to a tenth, in where their memory lies and in what order their functions were
 * optimised; so all are made anew for each generation, take turns within it, and every figure is a
 * ratio to the base of the same round. What is quoted is the median of the generations.
 */
import { fire } from '../clients/closed-loop.js'
import { median, middle } from '../figures/statistics.js'
import type { Place } from '../subjects/process/launch.js'
import type { Subject } from '../subjects/subject.js'
import type { Stand } from './stand.js'

export interface Contender {
  readonly label: string
  /** Whom it is compared with; itself: a base. */
  readonly base: string
  /** The body of all its answers; undefined: all are a 503. */
  readonly body: string | undefined
  start(place: Place): Promise<Subject>
}

export interface Effort {
  readonly generations: number
  readonly rounds: number
  /** Of one shot. */
  readonly seconds: number
  /** Requests before the first round. */
  readonly warmUp: number
  readonly connections: number
}

/** What one shot, or the median of several, tells. */
export interface Figures {
  /** Answers a second. */
  readonly rate: number
  /** Microseconds of the server's processor time an answer. */
  readonly cpu: number
  /** Milliseconds; undefined: nobody was answered. */
  readonly p99: number | undefined
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface Comparison {
  readonly label: string
  readonly figures: Figures
  /** To its base. */
  readonly ratios: { readonly [key in keyof Figures]: Spread }
  /** Of one core, while measured: the server's and the client's. */
  readonly busy: { readonly server: number; readonly client: number }
  readonly sent: number
  readonly answered: number
  readonly errors: number
}

interface Shot extends Figures {
  readonly server: number
  readonly client: number
  readonly sent: number
  readonly answered: number
  readonly errors: number
}

/** By contender, by generation, by round. */
type Shots = Shot[][][]

export async function compare(
  contenders: readonly Contender[],
  effort: Effort,
  stand: Stand,
): Promise<Comparison[]> {
  const shots: Shots = contenders.map(() => [])
  const { generations, rounds } = effort
  const done = (): number => shots.reduce((sum, own) => sum + own.flat().length, 0)
  const total = generations * rounds * contenders.length
  const stop = stand.progress.start('alternating', total, done)
  try {
    for (let generation = 0; generation < generations; generation++) {
      for (const own of shots) own.push([])
      await runGeneration(contenders, effort, stand, shots)
    }
  } finally {
    stop()
  }
  return contenders.map(({ base }, index) => {
    const of = contenders.findIndex(({ label }) => label === base)
    return summarise(contenders[index] as Contender, shots[index] ?? [], shots[of] ?? [])
  })
}

async function runGeneration(
  contenders: readonly Contender[],
  { rounds, seconds, warmUp, connections }: Effort,
  stand: Stand,
  shots: Shots,
): Promise<void> {
  const subjects: Subject[] = []
  try {
    for (const contender of contenders) subjects.push(await contender.start(stand))
    const shoot = (index: number, amount: number): Promise<Shot> => {
      const { body } = contenders[index] as Contender
      return shot(subjects[index] as Subject, body, connections, amount, stand.signal)
    }
    const amounts: number[] = []
    for (const [index] of subjects.entries()) {
      const { rate } = await shoot(index, warmUp)
      amounts.push(Math.max(connections, Math.round((rate * seconds) / connections) * connections))
    }
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < contenders.length; turn++) {
        const index = (turn + round) % contenders.length
        shots[index]?.at(-1)?.push(await shoot(index, amounts[index] as number))
      }
    }
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()))
  }
}

async function shot(
  subject: Subject,
  body: string | undefined,
  connections: number,
  amount: number,
  signal: AbortSignal,
): Promise<Shot> {
  const serverBefore = await subject.cpuSeconds()
  const clientBefore = process.cpuUsage()
  const startedAt = performance.now()
  const load = { url: `${subject.url}/fast`, connections, amount, body }
  const { rate, p99, sent, answered, errors } = await fire(load, signal)
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(clientBefore)
  const spent = (await subject.cpuSeconds()) - serverBefore
  return {
    rate,
    cpu: (spent / answered) * 1e6,
    p99,
    server: spent / seconds,
    client: (user + system) / 1e6 / seconds,
    sent,
    answered,
    errors,
  }
}

function summarise({ label }: Contender, own: Shot[][], base: Shot[][]): Comparison {
  const all = own.flat()
  type Known = Exclude<keyof Shot, 'p99'>
  const typical = (key: Known): number => median(all.map((one) => one[key]))
  const total = (key: Known): number => all.reduce((sum, one) => sum + one[key], 0)
  const ratio = (key: keyof Figures): Spread => {
    const generations = own.map((rounds, generation) =>
      median(
        rounds.map((one, round) => {
          return (one[key] ?? Number.POSITIVE_INFINITY) / (base[generation]?.[round]?.[key] ?? 0)
        }),
      ),
    )
    return {
      median: median(generations),
      min: Math.min(...generations),
      max: Math.max(...generations),
    }
  }
  return {
    label,
    figures: { rate: typical('rate'), cpu: typical('cpu'), p99: middle(all.map(({ p99 }) => p99)) },
    ratios: { rate: ratio('rate'), cpu: ratio('cpu'), p99: ratio('p99') },
    busy: { server: typical('server'), client: typical('client') },
    sent: total('sent'),
    answered: total('answered'),
    errors: total('errors'),
  }
}
