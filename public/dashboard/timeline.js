/**
 * Draws the last thirty seconds of requests, a lane a route. What it shows lies a third of a second
 * back, so that the server has told of it by then: hardly anything has to be corrected once it is
 * drawn.
 */
import { onColours } from './colours.js'
import { fill, find, make, onSeen, write } from './dom.js'
import { count, milliseconds, time, words } from './format.js'
import { drawLane, rowAt, WINDOW } from './lane-canvas.js'
import { Lane, MOST_ROWS } from './lanes.js'

/**
 * @typedef {import('./stream.js').Requests} Requests
 * @typedef {import('./lanes.js').Drawn} Drawn
 * @typedef {import('./lane-canvas.js').Drawing} Drawing
 * @typedef {Drawing & { route: string, label: HTMLElement, now: HTMLElement, blank: boolean, isSeen: boolean, unsee: () => void }} View
 */

const BEHIND = 350
/** Milliseconds between two drawings, most of what the page costs; longer where little is to move. */
const FRAME = matchMedia('(prefers-reduced-motion: reduce)').matches ? 1000 : 250
const MOST_LANES = 16
const TABLE_ROWS = 20

const list = find('#lanes ul')
const empty = find('#lanes .empty')
const scale = find('#lanes .scale')
const last = /** @type {HTMLDetailsElement} */ (find('#last'))

/** @type {Map<string, View>} */
const views = new Map()
/** @type {Requests['ended']} */
let table = []
/** Those not drawn, with when that was told. @type {[number, number][]} */
let untold = []
/** How far the server's clock is ahead of this one's; the fastest message knows best. */
let ahead = Number.NEGATIVE_INFINITY
let connected = false
/** The server has told of all until then. */
let toldTo = Number.NEGATIVE_INFINITY

/** The moment at the right edge, in the server's time. */
const edge = () => Date.now() + ahead - BEHIND

/** @param {Requests} requests */
export function showRequests({ time: now, running, ended }) {
  connected = true
  toldTo = now
  ahead = Math.max(now - Date.now(), ahead - 1)
  for (const { route } of [...running, ...ended]) if (!views.has(route)) addView(route)
  let homeless = ended.filter(({ route }) => !views.has(route)).length
  for (const [route, { lane }] of views) {
    const of = (/** @type {{ route: string }} */ bar) => bar.route === route
    homeless += lane.update(running.filter(of), ended.filter(of), now)
  }
  showUntold(homeless)
  table = [...ended].reverse().concat(table).slice(0, TABLE_ROWS)
  if (last.open) showTable()
}

/** @param {number} more ended in the last second, and were too many to be told */
export function showUntold(more) {
  if (more > 0) untold.push([edge() + BEHIND, more])
}

/** The server is out of reach, or another one now: nothing is known of what was in progress. */
export function cutRequests() {
  if (connected) for (const { lane } of views.values()) lane.cut(Date.now() + ahead)
  connected = false
  ahead = Number.NEGATIVE_INFINITY
  toldTo = Number.NEGATIVE_INFINITY
}

/**
 * How many are active, beside the lane's name.
 * @param {readonly { method: string, route: string, active: number }[]} routes
 */
export function showActive(routes) {
  const actives = new Map(routes.map(({ method, route, active }) => [`${method} ${route}`, active]))
  for (const [route, { now }] of views) {
    const active = actives.get(route) ?? 0
    write(now, active === 0 ? '' : `${count(active)} active`)
  }
}

/** @param {string} route */
function addView(route) {
  if (views.size === MOST_LANES) {
    const idle = [...views.values()].find(({ lane }) => lane.bars.length === 0)
    if (idle === undefined) return
    views.delete(idle.route)
    idle.unsee()
    idle.label.parentElement?.remove()
  }
  const now = make('small')
  const label = make('div', 'label', make('span', '', route.replace(/^GET /, '')), now)
  label.title = route
  const canvas = make('canvas')
  canvas.setAttribute('role', 'img')
  canvas.addEventListener('pointermove', ({ offsetX, offsetY }) => {
    canvas.title = describe(view, offsetX, offsetY)
  })
  const unsee = onSeen(canvas, (isSeen) => {
    view.isSeen = isSeen
    if (isSeen && connected) drawLane(view, edge(), toldTo)
  })
  /** @type {View} */
  const view = {
    route,
    lane: new Lane(),
    canvas,
    label,
    now,
    blank: false,
    drawn: undefined,
    isSeen: true,
    unsee,
  }
  views.set(route, view)
  list.append(make('li', '', label, canvas))
}

function draw() {
  if (!connected || document.hidden) return
  const right = edge()
  for (const view of views.values()) {
    view.lane.prune(right - WINDOW)
    if (!view.isSeen) continue
    if (view.lane.bars.length > 0 || !view.blank) drawLane(view, right, toldTo)
    view.blank = view.lane.bars.length === 0
  }
  const idle = [...views.values()].every(({ lane }) => lane.bars.length === 0)
  empty.hidden = !idle
  scale.hidden = views.size === 0
}

/**
 * @param {View} view
 * @param {number} x
 * @param {number} y
 */
function describe({ route, lane, canvas }, x, y) {
  const perPixel = WINDOW / canvas.clientWidth
  const at = edge() - WINDOW + x * perPixel
  const near = 3 * perPixel
  const bar = lane.bars.findLast(
    ({ row, start, end }) => row === rowAt(lane, y) && start <= at + near && end >= at - near,
  )
  if (bar === undefined) return ''
  const { start, wait, waiting, end, outcome, status } = bar
  const waited = `${route}: waited ${milliseconds(waiting ? edge() - start : wait)}`
  if (waiting) return `${waited} so far`
  const ran = milliseconds(Math.min(end, edge()) - start - wait)
  if (end > edge()) return `${waited}, has run ${ran}`
  return `${waited}, ran ${ran}, ${outcome ?? 'end unknown'} ${status ?? ''}`
}

/** What the pictures show, in words. */
function tell() {
  const now = edge()
  untold = untold.filter(([told]) => told >= now - WINDOW)
  const more = untold.reduce((sum, [, some]) => sum + some, 0)
  write(
    find('#untold'),
    more === 0 ? '' : `${count(more)} more in these 30 seconds, too many to draw.`,
  )
  for (const { route, lane, canvas } of views.values()) {
    const { bars, height } = lane
    const open = bars.filter(({ end }) => end > now).length
    const text = `${route}: ${bars.length} in the last 30 seconds, ${open} in progress, at most ${height === MOST_ROWS ? `${height} or more` : height} at once`
    if (canvas.getAttribute('aria-label') !== text) canvas.setAttribute('aria-label', text)
  }
}

function showTable() {
  fill(
    find('tbody', last),
    table.map(({ route, start, wait, run, outcome, status, reason }) => [
      route,
      time(start),
      milliseconds(wait),
      milliseconds(run),
      [outcome === 'aborted' ? 'client left' : outcome, status, reason && words(reason)]
        .filter((part) => part !== undefined)
        .join(', '),
    ]),
  )
}

function drawAnew() {
  for (const view of views.values()) {
    view.blank = false
    view.drawn = undefined
  }
}

onColours(drawAnew)
addEventListener('resize', drawAnew)
last.addEventListener('toggle', showTable)
setInterval(draw, FRAME)
setInterval(tell, 1000)
