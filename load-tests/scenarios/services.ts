/**
 * Does it do no harm below capacity, and hold goodput beyond it, before services as they are? Each has
 * parts that are real: an upstream process behind undici, pools, streams, uploads. The same arrivals
 * come to each without protection, behind under-pressure, behind the best fixed limit of a sweep,
 * behind that limit with nothing else, and behind what needs no number.
 */
import type { Check } from '../figures/outcome.js'
import { percent } from '../report/format.js'
import { campaign, type Effort, type Found } from '../services/campaign.js'
import { choiceOf, OPTIONS } from '../services/chosen.js'
import { DISTURBED } from '../services/measures/capacity.js'
import { seriesOf, tablesOf } from '../services/report/tables.js'
import { judge } from '../services/rules/judge.js'
import { rules } from '../services/rules/rules.js'
import { troubleRules } from '../services/rules/trouble-rules.js'
import { accounted, endedOf } from './checks.js'
import type { Scenario } from './scenario.js'

/** Milliseconds behind its schedule that say that the client was the bottleneck. */
const TOO_LATE = 100

const full: Effort = { warmUp: 2, sweep: 4, deploys: true, measures: true, tries: 3 }
const short: Effort = { warmUp: 0.2, sweep: 0, deploys: false, measures: false, tries: 1 }
const SHORT = {
  service: ['dear'],
  contender: ['unprotected', 'auto'],
  factor: ['2'],
  seed: ['1'],
  seconds: ['0.8'],
}

const services: Scenario = {
  name: 'services',
  question: 'Does it do no harm below capacity, and hold goodput beyond, before any service?',
  within: 8 * 3_600_000,
  options: OPTIONS,
  refuse(chosen) {
    try {
      choiceOf(chosen)
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  },
  async run({ quick, chosen, stand }) {
    const choice = choiceOf(quick ? { ...SHORT, ...chosen } : chosen)
    const found = await campaign(choice, quick ? short : full, stand)
    return {
      rows: [],
      tables: tablesOf(found, choice.seeds),
      series: seriesOf(found),
      checks: [
        accounted(loadsOf(found)),
        ...(quick
          ? []
          : [onTime(found), undisturbed(found), ...judge([...rules, ...troubleRules], found)]),
      ],
      raw: found,
    }
  },
}
export default services

/** Each point's streams together. */
function loadsOf(found: readonly Found[]): { due: number; ended: number }[] {
  return found
    .flatMap(({ merged }) => merged.flatMap((one) => one.points))
    .map(({ due, streams }) => ({
      due,
      ended: streams.reduce((sum, { counts }) => sum + endedOf(counts), 0),
    }))
}

function onTime(found: readonly Found[]): Check {
  const worst = Math.max(...found.flatMap(({ merged }) => merged.map(({ behind }) => behind)))
  return {
    name: `the client is behind its schedule, p99: at most ${TOO_LATE} ms`,
    ok: worst <= TOO_LATE,
    detail: `${Math.round(worst)} ms`,
  }
}

function undisturbed(found: readonly Found[]): Check {
  const all = found.flatMap(({ merged }) => merged)
  const wrong = all.filter(({ waited }) => waited > DISTURBED)
  const where = wrong.map(({ service, contender, factor, waited }) => {
    return `${service} ${contender} ${factor} × ${percent(waited)}`
  })
  return {
    name: `others had the server's core while it wanted it: at most ${percent(DISTURBED)}`,
    ok: wrong.length === 0,
    detail:
      where.length > 0 ? where.join(', ') : percent(Math.max(...all.map((one) => one.waited))),
  }
}
