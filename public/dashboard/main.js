/** The page: what the stream tells goes to the tiles, the tables, the charts and the timeline. */
import './burst.js'
import { latest, showHistory, showRow } from './charts.js'
import { fill, find, write } from './dom.js'
import { count, duration, milliseconds, percent, rate } from './format.js'
import { showHints, showLimiters } from './limiters.js'
import { follow } from './stream.js'
import { cutRequests, showActive, showRequests, showUntold } from './timeline.js'

/**
 * @typedef {import('./stream.js').Snapshot} Snapshot
 * @typedef {import('./stream.js').Interval} Interval
 */

/** @type {Interval | undefined} */
let recent
/** @type {Snapshot | undefined} */
let shown

const STATES = {
  live: 'Live',
  draining: 'Draining: it finishes what it has, and stops',
  lost: 'Connection lost, trying again',
  drained: 'Drained, waiting for it to come back',
}

/** @param {keyof typeof STATES} state */
function showState(state) {
  document.body.dataset.state = state
  write(find('#state'), STATES[state])
  document.title = state === 'live' ? 'Sluice' : `Sluice: ${state}`
}

/** @param {Snapshot} snapshot */
function show(snapshot) {
  shown = snapshot
  const { uptime, draining, requests, eventLoop, routes } = snapshot
  showState(draining ? 'draining' : 'live')
  write(find('#uptime'), `up ${duration(uptime)}`)
  write(find('#peak'), `peak ${count(requests.peak)}`)
  write(find('#answered'), `${count(requests.answered)} in all`)
  write(find('#rejected'), `${count(requests.rejected)} in all`)
  write(find('#aborted'), `${count(requests.aborted)} in all`)
  write(find('#busy'), percent(eventLoop.utilization))
  write(find('#late'), milliseconds(eventLoop.delayMs.p99))
  showActive(routes)
  showTables(snapshot)
  showHints(snapshot)
}

/** @param {Snapshot} snapshot */
function showTables(snapshot) {
  const { routes } = snapshot
  const seconds = recent?.seconds ?? 0
  showLimiters(snapshot, recent)
  fill(
    find('#routes tbody'),
    [...routes].sort(byInterest).map(({ method, route, active, total }) => {
      const now = recent?.routes.find((one) => one.method === method && one.route === route)
      return [
        `${method} ${route}`,
        count(active),
        now === undefined ? '0' : rate(now.answered / seconds),
        now === undefined ? '–' : milliseconds(now.durationMs.p50),
        now === undefined ? '–' : milliseconds(now.durationMs.p99),
        count(total),
      ]
    }),
  )
  for (const element of document.querySelectorAll('.window')) {
    write(element, seconds < 1.5 ? 'second' : `${Math.round(seconds)} seconds`)
  }
}

/** Those that only look on, as this page does, come last. */
const LOOKING_ON = /^\/(concurrency|dashboard|metrics|health)(\/|$)/

/** @typedef {Snapshot['routes'][number]} Route */
/**
 * @param {Route} a
 * @param {Route} b
 */
function byInterest(a, b) {
  const later = Number(LOOKING_ON.test(a.route)) - Number(LOOKING_ON.test(b.route))
  return later || a.route.localeCompare(b.route) || a.method.localeCompare(b.method)
}

function showLatest() {
  const now = latest()
  if (now === undefined) return
  write(find('#active'), count(now.active))
  write(find('#rate'), rate(now.answered))
  write(find('#shed'), rate(now.rejected))
  write(find('#gone'), rate(now.aborted))
}

follow({
  lost(reached) {
    cutRequests()
    if (!shown?.draining) showState('lost')
    else if (!reached) showState('drained')
  },
  snapshot: show,
  history(history) {
    showHistory(history)
    showLatest()
  },
  second({ row, recent: told, untold }) {
    recent = told
    showUntold(untold)
    showRow(row)
    showLatest()
  },
  requests: showRequests,
})
