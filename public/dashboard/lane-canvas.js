/**
 * Draws a lane: a bar a request, its wait and its run in two colours, and a mark where one was
 * rejected or its client left. Time goes to the left.
 */
import { colours } from './colours.js'

/**
 * @typedef {import('./lanes.js').Lane} Lane
 *
 * @typedef {object} Drawing
 * @property {Lane} lane
 * @property {HTMLCanvasElement} canvas
 * @property {{ column: number, rows: number } | undefined} drawn what is in the canvas; undefined where it is not to be relied upon
 */

/** Milliseconds from the left edge to the right one. */
export const WINDOW = 30_000

/** The row at a height. @param {Lane} lane @param {number} y */
export function rowAt(lane, y) {
  return Math.floor((y - 3) / sizesOf(Math.max(lane.height, 2)).pitch)
}

/** Pixels from the top of one row to the next, and of its bar. @param {number} rows */
function sizesOf(rows) {
  if (rows <= 6) return { pitch: 14, bar: 11 }
  return rows <= 10 ? { pitch: 11, bar: 9 } : { pitch: 8, bar: 6 }
}

/**
 * What was drawn is moved to the left, and only what is new is drawn: at a few hundred requests a
 * second all of it would be most of what the page costs.
 * @param {Drawing} drawing
 * @param {number} right the moment at the right edge
 * @param {number} toldTo the moment to which all is known
 */
export function drawLane(drawing, right, toldTo) {
  const { lane, canvas } = drawing
  const rows = Math.max(lane.height, 2)
  const { pitch, bar: thickness } = sizesOf(rows)
  const scale = devicePixelRatio
  const width = Math.round(canvas.clientWidth * scale)
  const height = Math.round((rows * pitch + 6) * scale)
  const pen = canvas.getContext('2d')
  if (pen === null || width === 0) return
  if (canvas.width !== width || canvas.height !== height) {
    canvas.style.height = `${height / scale}px`
    canvas.width = width
    canvas.height = height
    drawing.drawn = undefined
  }
  // Whole pixels: edges are sharp, what ends meets what begins, and what is moved stays where it is.
  const perPixel = WINDOW / width
  const column = Math.floor(right / perPixel)
  const x = (/** @type {number} */ at) => Math.round(at / perPixel) - column + width
  const y = (/** @type {number} */ at) => Math.round(at * scale)
  const before = drawing.drawn?.rows === rows ? drawing.drawn.column : Number.NEGATIVE_INFINITY
  // An end is marked on both sides of it.
  const mark = Math.max(Math.round(3 * scale), 2)
  const fresh = before > column ? width : Math.min(column - before + mark, width)
  pen.save()
  if (fresh < width) {
    pen.globalCompositeOperation = 'copy'
    pen.drawImage(canvas, before - column, 0)
    pen.globalCompositeOperation = 'source-over'
    pen.beginPath()
    pen.rect(width - fresh, 0, fresh, height)
    pen.clip()
  }
  pen.clearRect(width - fresh, 0, fresh, height)
  const since = right - (fresh + mark) * perPixel
  let isGuess = right > toldTo
  for (const { row, start, wait, waiting, end, outcome } of lane.bars) {
    if (start > right || end < since) continue
    const isOver = end <= right
    const isCut = outcome === undefined && Number.isFinite(end)
    isGuess ||= isCut
    const [top, tall] = [y(4 + row * pitch), y(thickness)]
    const [from, to] = [x(start), x(Math.min(end, right))]
    const admitted = waiting ? to : x(Math.min(start + wait, right))
    // Pale: how it ended was not told.
    pen.globalAlpha = isCut ? 0.4 : 1
    pen.fillStyle = colours.wait
    if (waiting || wait > 0) pen.fillRect(from, top, admitted - from, tall)
    if (waiting) continue
    pen.fillStyle = colours.run
    if (outcome !== 'rejected' || to - admitted > mark) {
      pen.fillRect(admitted, top, Math.max(to - admitted, y(2)), tall)
    }
    if (!isOver || outcome === undefined || outcome === 'answered') continue
    pen.fillStyle = outcome === 'rejected' ? colours.shed : colours.gone
    pen.fillRect(Math.max(to - (mark >> 1), 0), top - y(1.5), mark, tall + y(3))
  }
  pen.restore()
  // What may have to be corrected is drawn once more.
  drawing.drawn = isGuess ? undefined : { column, rows }
}
