/** How something went over time: steps, since a sample holds until the next one. */
import type { Series } from '../../figures/outcome.js'
import { count } from '../format.js'
import { anchor, figure, per } from './figure.js'
import { escapeMarkup } from './markup.js'
import { linear, type Scale } from './scale.js'

const HEIGHT = 230
const TOP = 14
const BOTTOM = HEIGHT - 28
/** Per cent of the width, left for the values of the axis. */
const LEFT = 9
/** The lines' own units across, stretched to the width. */
const ACROSS = 1000
const COLOURS = 6

/** One chart a unit. */
export function timeCharts(series: readonly Series[]): string[] {
  const units = new Map<string, Series[]>()
  for (const one of series) units.set(one.unit, [...(units.get(one.unit) ?? []), one])
  return [...units].map(([unit, all]) => timeChart(unit, all))
}

function timeChart(unit: string, all: readonly Series[]): string {
  const points = all.flatMap((series) => series.points)
  if (points.length === 0) return ''
  const longest = Math.max(...points.map(([at]) => at), 1) / 1000
  const y = linear(Math.max(...points.map(([, value]) => value), 1), BOTTOM, TOP)
  const x = linear(longest, 0, 1)
  const lines = all.map(({ name, points: steps }, index) => {
    const path = steps.map(([at, value], step) => {
      const [across, down] = [(x.place(at / 1000) * ACROSS).toFixed(1), y.place(value).toFixed(1)]
      return step === 0 ? `M${across} ${down}` : `H${across}V${down}`
    })
    return `<path class="line ${colour(index)}" d="${path.join('')}"><title>${escapeMarkup(name)}</title></path>`
  })
  const plot = `<svg x="${LEFT}%" y="0" width="${100 - LEFT}%" height="${HEIGHT}" viewBox="0 0 ${ACROSS} ${HEIGHT}" preserveAspectRatio="none">${lines.join('')}</svg>`
  return figure(
    `${unit}, over time`,
    HEIGHT,
    levels(y) + seconds(x) + plot,
    all.map(({ name }, index) => ({ style: colour(index), text: name })),
  )
}

function levels(y: Scale): string {
  return y.ticks
    .map((value) => {
      const at = y.place(value)
      const line = `<line class="rule" x1="${LEFT}%" x2="100%" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}"/>`
      return `${line}<text class="tick end" x="${LEFT - 1.5}%" y="${(at + 4).toFixed(1)}">${count(value)}</text>`
    })
    .join('')
}

function seconds(x: Scale): string {
  return x.ticks
    .map((value, index) => {
      const at = per(LEFT + (100 - LEFT) * x.place(value))
      return `<text class="tick ${anchor(index, x)}" x="${at}" y="${HEIGHT - 8}">${count(value)} s</text>`
    })
    .join('')
}

function colour(index: number): string {
  return `s${index % COLOURS}`
}
