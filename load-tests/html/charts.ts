/** Charts as SVG, drawn when the report is written: no script, nothing to load. */
import { count, milliseconds } from '../format.js'
import type { Row, Series } from '../scenario.js'
import { escapeMarkup } from './markup.js'
import { linear, logarithmic, type Scale } from './scale.js'

const WIDTH = 760
const LABELS = 210
const LINE = 26
const TOP = 24
const QUANTILES = ['p50', 'p90', 'p99', 'p999', 'max'] as const
const NAMES = { p50: 'p50', p90: 'p90', p99: 'p99', p999: 'p99.9', max: 'max' }

/** A line a row, from its median to its worst, on an axis of powers of ten. */
export function latencyChart(rows: readonly Row[]): string {
  const values = rows.flatMap((row) => QUANTILES.map((key) => row[key] ?? 0)).filter((ms) => ms > 0)
  if (values.length === 0) return ''
  const x = logarithmic(Math.min(...values), Math.max(...values), LABELS, WIDTH - 20)
  const height = TOP + rows.length * LINE + 8
  const body = rows.map((row, index) => {
    const y = TOP + (index + 0.5) * LINE
    const marks = QUANTILES.flatMap((key) => {
      const value = row[key]
      if (value === undefined || value <= 0) return []
      const at = x.place(value).toFixed(1)
      const title = `<title>${NAMES[key]} ${milliseconds(value)}</title>`
      return [`<circle class="mark ${key}" cx="${at}" cy="${y}" r="5">${title}</circle>`]
    })
    const [from, to] = [row.p50, row.max].map((value) => x.place(Math.max(value, 1e-3)).toFixed(1))
    const span = `<line class="span" x1="${from}" x2="${to}" y1="${y}" y2="${y}"/>`
    return `${label(row.label, y)}${span}${marks.join('')}`
  })
  const key = QUANTILES.filter((name) => rows.some((row) => row[name] !== undefined))
  return figure(
    'Latency of the answered, in milliseconds',
    height,
    `${columns(x, height, (value) => String(value))}${body.join('')}`,
    key.map((name) => [name, NAMES[name]] as const),
  )
}

/** A bar a row. */
export function rateChart(rows: readonly Row[]): string {
  const most = Math.max(...rows.map(({ rate }) => rate))
  if (!(most > 0)) return ''
  const x = linear(most, LABELS, WIDTH - 70)
  const height = TOP + rows.length * LINE + 8
  const body = rows.map(({ label: text, rate }, index) => {
    const y = TOP + (index + 0.5) * LINE
    const end = x.place(rate)
    const bar = `<rect class="bar" x="${LABELS}" y="${y - 8}" width="${(end - LABELS).toFixed(1)}" height="16" rx="2"/>`
    const figures = count(Math.round(rate))
    return `${label(text, y)}${bar}<text class="value" x="${(end + 6).toFixed(1)}" y="${y + 4}">${figures}</text>`
  })
  return figure(
    'Answers a second',
    height,
    `${columns(x, height, (value) => count(value))}${body.join('')}`,
    [],
  )
}

/** Steps over time; all series have the same unit. */
export function timeChart(unit: string, all: readonly Series[]): string {
  const points = all.flatMap((series) => series.points)
  if (points.length === 0) return ''
  const height = 220
  const most = Math.max(...points.map(([, value]) => value), 1)
  const y = linear(most, height - 28, TOP)
  const x = linear(Math.max(...points.map(([at]) => at), 1) / 1000, 56, WIDTH - 20)
  const rows = y.ticks.map((value) => {
    const at = y.place(value).toFixed(1)
    return `<line class="rule" x1="56" x2="${WIDTH - 20}" y1="${at}" y2="${at}"/><text class="tick end" x="48" y="${Number(at) + 4}">${count(value)}</text>`
  })
  const seconds = x.ticks.map(
    (value) =>
      `<text class="tick middle" x="${x.place(value).toFixed(1)}" y="${height - 8}">${round(value)} s</text>`,
  )
  const lines = all.map(({ points: steps, name }, index) => {
    const path = steps.map(([at, value], step) => {
      const [px, py] = [x.place(at / 1000).toFixed(1), y.place(value).toFixed(1)]
      return step === 0 ? `M${px} ${py}` : `H${px}V${py}`
    })
    return `<path class="line s${index % 6}" d="${path.join('')}"><title>${escapeMarkup(name)}</title></path>`
  })
  return figure(
    `${unit}, over time`,
    height,
    [...rows, ...seconds, ...lines].join(''),
    all.map(({ name }, index) => [`s${index % 6}`, name] as const),
  )
}

/** Vertical lines with their values above. */
function columns(x: Scale, height: number, text: (value: number) => string): string {
  return x.ticks
    .map((value) => {
      const at = x.place(value).toFixed(1)
      return `<line class="rule" x1="${at}" x2="${at}" y1="${TOP}" y2="${height}"/><text class="tick middle" x="${at}" y="${TOP - 8}">${text(value)}</text>`
    })
    .join('')
}

function label(text: string, y: number): string {
  const short = text.length > 32 ? `${text.slice(0, 31)}…` : text
  return `<text class="label end" x="${LABELS - 12}" y="${y + 4}">${escapeMarkup(short)}<title>${escapeMarkup(text)}</title></text>`
}

function figure(
  title: string,
  height: number,
  body: string,
  key: readonly (readonly [string, string])[],
): string {
  const name = escapeMarkup(title)
  const items = key.map(
    ([style, text]) => `<li><i class="swatch ${style}"></i>${escapeMarkup(text)}</li>`,
  )
  const legend = items.length === 0 ? '' : `<ul class="key">${items.join('')}</ul>`
  return `<figure><figcaption>${name}</figcaption>${legend}<div class="wide"><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${name}">${body}</svg></div></figure>`
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
