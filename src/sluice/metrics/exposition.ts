/**
 * A family as text, in Prometheus' format or OpenMetrics'. Written here because a scrape blocks the
 * event loop: a histogram's lines differ in two numbers only, and prom-client builds each of them
 * from objects, at twenty times the cost.
 */
import { Histogram } from '../core/histogram.js'
import type { Family, Labels } from './family.js'

/** @param labels that every series gets besides its own */
export function expose({ name, type, help, read }: Family, open: boolean, labels: Labels): string {
  // OpenMetrics names the family of a counter without the suffix that its samples have.
  const family = open && type === 'counter' ? name.replace(/_total$/, '') : name
  let text = `# HELP ${family} ${help}\n# TYPE ${family} ${type}`
  for (const series of read()) {
    const own = format({ ...labels, ...series.labels })
    text +=
      typeof series.value === 'number'
        ? `\n${name}${own && `{${own}}`} ${series.value}`
        : exposeHistogram(name, own, series.value, open ? OPEN_BOUNDS : BOUNDS)
  }
  return text
}

function exposeHistogram(
  name: string,
  labels: string,
  histogram: Histogram,
  bounds: readonly string[],
): string {
  const { buckets, count, sum } = histogram
  const bucket = `\n${name}_bucket{${labels && `${labels},`}le="`
  const braced = labels && `{${labels}}`
  let text = ''
  let cumulative = 0
  for (let index = 0; index < bounds.length; index++) {
    cumulative += buckets[index] as number
    text += bucket + bounds[index] + cumulative
  }
  return `${text}${bucket}+Inf"} ${count}\n${name}_sum${braced} ${sum / 1000}\n${name}_count${braced} ${count}`
}

const BOUNDS = Histogram.bounds.map((bound) => `${bound / 1000}"} `)
const OPEN_BOUNDS = Histogram.bounds.map((bound) => `${canonical(bound / 1000)}"} `)

/** A number as OpenMetrics wants it where it is a label, so that it reads the same everywhere. */
export function canonical(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value)
}

function format(labels: Labels): string {
  let text = ''
  for (const name in labels) {
    text += `${text && ','}${name}="${escapeValue(String(labels[name]))}"`
  }
  return text
}

function escapeValue(value: string): string {
  return /["\\\n]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
    : value
}
