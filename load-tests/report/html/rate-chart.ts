/** Throughput: a bar a row. */
import type { Row } from '../../figures/outcome.js'
import { count } from '../format.js'
import { columns, figure, label, middle, per, ROW, TOP } from './figure.js'
import { linear } from './scale.js'

const THICK = 12

export function rateChart(rows: readonly Row[]): string {
  const most = Math.max(...rows.map(({ rate }) => rate))
  if (!(most > 0)) return ''
  const x = linear(most, 0, 100)
  const height = TOP + rows.length * ROW
  const body = rows.map(({ label: text, rate }, index) => {
    const y = middle(index)
    const bar = `<rect class="bar" x="0" y="${y - THICK / 2}" width="${per(x.place(rate))}" height="${THICK}" rx="2"/>`
    const value = `<text class="value end" x="100%" y="${y - 12}">${count(Math.round(rate))}/s</text>`
    return label(text, index) + value + bar
  })
  return figure(
    'Throughput, answers a second',
    height,
    columns(x, height, (value) => count(value)) + body.join(''),
    [],
  )
}
