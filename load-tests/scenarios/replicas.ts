/**
 * How much of one limit do many replicas use together? Simulated, event by event, with the protocol of
 * shared limits itself: demand that is skewed and moves, messages that take time and get lost. Beside
 * it what else is done: static shares, and parts that are reckoned anew every so often.
 */
import type { Check, Table } from '../figures/outcome.js'
import type { Case } from '../replicas/case.js'
import { type Run, simulate } from '../replicas/simulate.js'
import { type Strategy, strategies } from '../replicas/strategies.js'
import { count, percent } from '../report/format.js'
import type { Scenario } from './scenario.js'

const cases: readonly Case[] = [100, 1000].flatMap((replicas) =>
  [
    { name: 'plenty', load: 0.7, pause: 0, delay: 1, lost: 0 },
    { name: 'scarce', load: 1.5, pause: 0, delay: 1, lost: 0 },
    { name: 'scarce, far, lossy', load: 1.5, pause: 0, delay: 5, lost: 0.01 },
    { name: 'restless', load: 2.4, pause: 100, delay: 1, lost: 0 },
  ].map((one) => ({ ...one, replicas, limit: 1000 })),
)
/** Part of what could be used. */
const LEAST = 0.95

const replicas: Scenario = {
  name: 'replicas',
  question: 'How much of one limit do 100 and 1,000 replicas use, and at what cost?',
  within: 900_000,
  async run({ quick, signal, stand }) {
    const chosen = quick ? cases.slice(1, 2).map(small) : cases
    let done = 0
    const stop = stand.progress.start('simulating', chosen.length * strategies.length, () => done)
    const runs: Simulated[] = []
    try {
      for (const one of chosen) {
        for (const strategy of strategies) {
          signal.throwIfAborted()
          runs.push({ one, strategy, run: await simulate(strategy, one, quick ? 1 : 3) })
          done++
        }
      }
    } finally {
      stop()
    }
    return { rows: [], tables: chosen.map((one) => tableOf(one, runs)), checks: checksOf(runs) }
  },
}
export default replicas

/** As much for each replica. */
function small(one: Case): Case {
  return { ...one, replicas: one.replicas / 5, limit: one.limit / 5 }
}

interface Simulated {
  readonly one: Case
  readonly strategy: Strategy
  readonly run: Run
}

function tableOf(one: Case, runs: readonly Simulated[]): Table {
  return {
    head: [
      `${count(one.replicas)} replicas: ${one.name}`,
      ...['used', 'calls/s', 'back after', 'most in flight'],
    ],
    rows: runs
      .filter((simulated) => simulated.one === one)
      .map(({ strategy, run }) => [
        strategy.name,
        `${(run.used * 100).toFixed(1)} %`,
        count(Math.round(run.calls)),
        run.recovery === Number.POSITIVE_INFINITY ? 'never' : `${count(run.recovery)} ms`,
        count(run.mostInFlight),
      ]),
    note:
      `Limit ${count(one.limit)}, ${one.load} callers a permit, 50 ms of work, ${one.pause} ms of pause, ` +
      `${one.delay} ms a message, ${percent(one.lost)} of them lost. ` +
      'Used: of what could be. Back: at 97 % of it after the demand moved, at worst.',
  }
}

function checksOf(runs: readonly Simulated[]): Check[] {
  const ours = runs.filter(({ strategy }) => strategy.isOurs)
  const name = ({ one, strategy }: Simulated): string =>
    `${strategy.name}, ${count(one.replicas)} replicas, ${one.name}`
  const over = ours.filter(({ one, run }) => run.mostInFlight > one.limit)
  const loans = ours.filter(({ strategy }) => strategy.name === 'loans')
  const worst = loans.reduce((least, one) => (one.run.used < least.run.used ? one : least))
  return [
    {
      name: 'the shared limit is never exceeded',
      ok: over.length === 0,
      detail: over.length === 0 ? `${ours.length} simulations` : over.map(name).join('; '),
    },
    {
      name: `loans use at least ${percent(LEAST)} of what could be used`,
      ok: worst.run.used >= LEAST,
      detail: `${(worst.run.used * 100).toFixed(1)} % at worst: ${name(worst)}`,
    },
  ]
}
