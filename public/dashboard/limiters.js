/** The limiters as tables: what they let through, what those that find their limit see, and hints. */
import { fill, find, make, write } from './dom.js'
import { bound, count, milliseconds, rate, words } from './format.js'
import { Hints } from './hints.js'
import { awayOf, rowsOf } from './shared.js'

/**
 * @typedef {import('./stream.js').Snapshot} Snapshot
 * @typedef {import('./stream.js').Interval} Interval
 * @typedef {NonNullable<Snapshot['limiters'][number]['found']>[number]} Found
 */

/** Why a limit moved last. */
const CAUSES = {
  free: 'nothing queues',
  queueing: 'its work queues',
  room: 'what is behind has room',
  probe: 'in case there is room',
  elsewhere: 'its work is slow by itself',
}

const hints = new Hints()

/**
 * @param {Snapshot} snapshot
 * @param {Interval | undefined} recent
 */
export function showLimiters(snapshot, recent) {
  const { limiters } = snapshot
  find('#no-limiters').hidden = limiters.length > 0
  find('#limiters').hidden = limiters.length === 0
  fill(
    find('#limiters tbody'),
    limiters.map(({ name, limit, inFlight, queued, admitted, rejected }) => {
      const waits = recent?.limiters.find((one) => one.name === name)?.waitMs
      const { aborted: left, ...reasons } = rejected
      const shed = Object.entries(reasons).filter(([, total]) => total > 0)
      return [
        name,
        count(inFlight),
        bound(limit),
        count(queued),
        count(admitted),
        waits === undefined ? '–' : milliseconds(waits.p50),
        waits === undefined ? '–' : milliseconds(waits.p99),
        count(left),
        shed.map(([reason, total]) => `${count(total)} ${words(reason)}`).join(', ') || '0',
      ]
    }),
  )
  showShared(limiters)
  showFound(limiters.flatMap(({ found = [] }) => found))
  showLoop(limiters.find(({ loop }) => loop !== undefined)?.loop)
}

/** @param {Snapshot} snapshot the next one */
export function showHints(snapshot) {
  const told = hints.take(snapshot)
  const list = find('#hints')
  list.hidden = told.length === 0
  list.replaceChildren(...told.map((text) => make('li', '', text)))
}

/** @param {Snapshot['limiters']} limiters */
function showShared(limiters) {
  const rows = rowsOf(limiters)
  find('#shared').hidden = rows.length === 0
  fill(find('#shared tbody'), rows)
  const away = awayOf(limiters)
  find('#store-away').hidden = away === ''
  write(find('#store-away'), away)
}

/** @param {readonly Found[]} found */
function showFound(found) {
  find('#found').hidden = found.length === 0
  fill(
    find('#found tbody'),
    found.map((one) => [
      one.name,
      count(one.limit),
      one.bound ? 'bounds' : 'floats',
      one.cause === undefined ? '–' : CAUSES[one.cause],
      count(one.inFlight),
      count(one.queued),
      milliseconds(one.usualMs),
      milliseconds(one.behindMs),
      milliseconds(one.loopMs),
      rate(one.throughput),
    ]),
  )
}

/** @param {import('fastify-sluice').LoopFindings | undefined} loop */
function showLoop(loop) {
  find('#loop').hidden = loop === undefined || loop.routes.length === 0
  if (loop === undefined) return
  const { lateMs, heldMs, roomMs, routes } = loop
  const room = roomMs === null ? 'as much as there is' : `at most ${milliseconds(roomMs)}`
  find('#loop caption').textContent =
    `What is due waits ${milliseconds(lateMs)} for the event loop, on average. Those in flight need ${milliseconds(heldMs)} of its time, and may need ${room}.`
  fill(
    find('#loop tbody'),
    routes.map(({ name, costMs, inFlight, queued }) => [
      name,
      milliseconds(costMs),
      count(inFlight),
      count(queued),
    ]),
  )
}
