/**
 * Does anything leak when clients leave in every bad way? Not only at the end: each request must be
 * accounted for at every look, and permits must not merely be counted as back but be there to take.
 */
import type { Snapshot } from 'fastify-sluice'
import { ask, type Patience, storm } from '../clients/storm.js'
import type { Check, Row } from '../figures/outcome.js'
import { limiterSeries } from '../measures/series.js'
import { count } from '../report/format.js'
import { activeOn, isQuiet, type TestServer } from '../subjects/server.js'
import { onlyTheAsker } from './checks.js'
import type { Scenario } from './scenario.js'

const LIMIT = 20
/** `/slow` then takes 200 ms: twenty must be seen in flight together on a busy machine. */
const env = { TIME_SCALE: '0.04', LIMIT: String(LIMIT), QUEUE_SIZE: '10' }
const QUEUEING = 'GET /limited'
/** What `/limited` may run: shorter than the app's limit, so that clients can leave its queue. */
const FEW = 2
const AT_ONCE = 60
/** Clients that ask beside those that can hold a permit, fewer than may wait. */
const MORE = 5
const CONTROL = ['/concurrency', '/metrics', '/health/ready']
const full = { clients: 3000, stay: 60 }
const short = { clients: 300, stay: 40 }

const aborts: Scenario = {
  name: 'aborts',
  question: 'Does anything leak when clients leave in every bad way?',
  async run({ quick, start, signal }) {
    const { clients, stay } = quick ? short : full
    const server = await start(env)
    const port = Number(new URL(server.url).port)
    const paths = ['/limited', '/fast', '/slow', '/counter', '/delay']
    const before = await server.snapshot()
    const watch = server.watch(20)
    const startedAt = performance.now()
    const patience = await storm(
      { port, clients, atOnce: AT_ONCE, paths, stay, queueing: '/limited' },
      signal,
    )
    const seconds = (performance.now() - startedAt) / 1000
    const end = await server.until(isQuiet)
    const samples = [...(await watch.stop()), end]
    const burst = [
      await holdsAll(server, port, '/slow', 'app', LIMIT, signal),
      await holdsAll(server, port, '/limited', QUEUEING, FEW, signal),
    ]
    return {
      rows: [rowOf(seconds, patience, before, end)],
      checks: [
        onlyTheAsker(end),
        noPermitOut(end),
        identity(samples),
        patientAnswered(patience),
        leftTheQueue(end),
        {
          name: 'a burst afterwards gets every permit there is',
          ok: burst.every(({ ok }) => ok),
          detail: burst.map(({ detail }) => detail).join('; '),
        },
      ],
      series: [...limiterSeries(samples, 'app'), ...limiterSeries(samples, QUEUEING)],
    }
  },
}
export default aborts

/** As the server counts the storm alone; the clients that leave count nothing. */
function rowOf(
  seconds: number,
  { failures, latency }: Patience,
  before: Snapshot,
  end: Snapshot,
): Row {
  const sent = stormed(end) - stormed(before)
  const aborted = end.requests.aborted - before.requests.aborted
  const answered = sent - aborted
  return {
    label: 'a storm; latency of the patient',
    connections: AT_ONCE,
    ...{ sent, answered, aborted, errors: failures.length, seconds },
    rate: answered / seconds,
    ...latency,
  }
}

/** What asks how it goes is not part of it. */
function stormed({ routes }: Snapshot): number {
  return routes
    .filter(({ route }) => !CONTROL.includes(route))
    .reduce((sum, { total, active }) => sum + total - active, 0)
}

function noPermitOut({ limiters }: Snapshot): Check {
  return {
    name: 'afterwards every limiter has 0 in flight and 0 queued',
    ok: limiters.length > 0 && limiters.every((one) => one.inFlight === 0 && one.queued === 0),
    detail: limiters
      .map(({ name, inFlight, queued }) => `${name} ${inFlight} and ${queued}`)
      .join(', '),
  }
}

function identity(samples: readonly Snapshot[]): Check {
  const wrong = samples.filter(
    ({ requests: { total, answered, aborted, active } }) => total !== answered + aborted + active,
  )
  return {
    name: 'seen = answered + aborted + active, at every look',
    ok: wrong.length === 0 && samples.length > 1,
    detail: `${count(wrong.length)} of ${count(samples.length)} looks say otherwise`,
  }
}

function patientAnswered({ sent, statuses, failures }: Patience): Check {
  const got = (status: number): number => statuses.get(status) ?? 0
  const others = [...statuses].filter(([status]) => status !== 200 && status !== 503)
  const problems = [...others.map(([status, n]) => `${n} times ${status}`), ...failures.slice(0, 3)]
  return {
    name: 'every patient client is answered, with 200 or 503',
    ok: problems.length === 0 && got(200) > 0 && got(200) + got(503) === sent,
    detail: [`${count(sent)}: ${count(got(200))} and ${count(got(503))}`, ...problems].join('; '),
  }
}

/** Otherwise the storm was none, and what it shows would be little. */
function leftTheQueue({ requests: { aborted }, limiters }: Snapshot): Check {
  const queue = limiters.find(({ name }) => name === QUEUEING)
  const left = queue?.rejected.aborted ?? 0
  return {
    name: 'clients did leave, in the handlers and in the queue',
    ok: aborted > left && left > 0,
    detail: `${count(aborted)} aborted, ${count(left)} of them in the queue of ${QUEUEING}`,
  }
}

/**
 * As many requests as there are permits hold one at the same moment, which a leaked one would prevent:
 * a few more clients than permits ask again and again until that is seen, so that there is always
 * somebody to take what is free.
 */
async function holdsAll(
  server: TestServer,
  port: number,
  path: string,
  limiter: string,
  limit: number,
  signal: AbortSignal,
): Promise<{ ok: boolean; detail: string }> {
  const holders = (snapshot: Snapshot): number => {
    // A leaked permit is in flight too: whoever finds it taken waits.
    const queued = snapshot.limiters.find(({ name }) => name === limiter)?.queued ?? 0
    return activeOn(snapshot, path) - queued
  }
  let looking = true
  let refused = 0
  const client = async (): Promise<void> => {
    while (looking) {
      if ((await ask(port, path, signal)) === 200) continue
      refused++
      looking = false
    }
  }
  const asking = Promise.all(Array.from({ length: limit + MORE }, client))
  // Awaited below, unless something fails before.
  asking.catch(() => {})
  const now = await server
    .until((snapshot) => !looking || holders(snapshot) >= limit, 10_000)
    .finally(() => {
      looking = false
    })
  await asking
  const held = holders(now)
  return {
    ok: held === limit && refused === 0,
    detail: `${held} of ${limit} of ${limiter} at once, ${refused} refused`,
  }
}
