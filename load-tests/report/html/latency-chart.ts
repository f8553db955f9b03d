/** Latency percentiles: a line a row, from its median to its worst, on a logarithmic axis. */
import type { Row } from '../../figures/outcome.js'
import { count, milliseconds } from '../format.js'
import { columns, figure, label, middle, per, ROW, TOP } from './figure.js'
import { logarithmic } from './scale.js'

const QUANTILES = ['p50', 'p90', 'p99', 'p999', 'max'] as const
const NAMES = { p50: 'p50', p90: 'p90', p99: 'p99', p999: 'p99.9', max: 'max' }

export function latencyChart(rows: readonly Row[]): string {
  const values = rows.flatMap((row) => QUANTILES.map((key) => row[key] ?? 0)).filter((ms) => ms > 0)
  if (values.length === 0) return ''
  const x = logarithmic(Math.min(...values), Math.max(...values), 0, 100)
  const height = TOP + rows.length * ROW
  const body = rows.map((row, index) => {
    const found = QUANTILES.flatMap((key) => {
      const value = row[key]
      return value === undefined || value <= 0 ? [] : [{ key, value, at: per(x.place(value)) }]
    })
    const y = middle(index)
    const span = `<line class="span" x1="${found[0]?.at ?? 0}" x2="${found.at(-1)?.at ?? 0}" y1="${y}" y2="${y}"/>`
    const marks = found.map(
      ({ key, value, at }) =>
        `<circle class="mark ${key}" cx="${at}" cy="${y}" r="5"><title>${NAMES[key]} ${milliseconds(value)}</title></circle>`,
    )
    return label(row.label, index) + span + marks.join('')
  })
  const shown = QUANTILES.filter((key) => rows.some((row) => row[key] !== undefined))
  return figure(
    'Latency of the answered, logarithmic',
    height,
    columns(x, height, axis) + body.join(''),
    shown.map((key) => ({ style: key, text: NAMES[key] })),
  )
}

function axis(value: number): string {
  return `${count(value)} ms`
}
