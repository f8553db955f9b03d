/** What was found, as tables and charts. */
import type { Series, Table } from '../../figures/outcome.js'
import { loadSeries } from '../../measures/series.js'
import { unsentNote } from '../../measures/unsent.js'
import { count, milliseconds } from '../../report/format.js'
import type { Found } from '../campaign.js'
import { declared } from '../measures/capacity.js'
import { DEADLINE } from '../measures/measure.js'
import type { Merged, MergedFigures } from '../measures/merge.js'

export function tablesOf(found: readonly Found[], seeds: readonly number[]): Table[] {
  return found.flatMap((one) => {
    const table = loadsOf(one, seeds)
    return one.service.trouble === undefined ? [table] : [table, windowsOf(one)]
  })
}

/** Of the highest load, with the first seed; of limiters, ours. */
export function seriesOf(found: readonly Found[]): Series[] {
  return found.flatMap(({ service, merged }) => {
    const factor = Math.max(...merged.map((one) => one.factor))
    const most = merged.filter((one) => one.factor === factor)
    return loadSeries(
      `${service.name} ${factor} ×`,
      most.map(({ contender, points: [first] }) => ({
        contender,
        course: first?.course ?? [],
        looks: contender === 'auto' ? (first?.looks ?? []) : [],
      })),
    )
  })
}

const COLUMNS = ['goodput', 'p50', 'p99', 'refused', 'hanging', 'new']

function loadsOf(
  { service, capacity, limit, swept, merged }: Found,
  seeds: readonly number[],
): Table {
  const measured = capacity === declared(service) ? 'declared' : 'measured in a closed loop'
  const found =
    swept.length === 0
      ? `${limit}, given`
      : `${limit}, of ${swept.map((one) => `${one.limit}: ${one.point.goodput.toFixed(2)}`).join(', ')}`
  const unsent = merged.map(({ contender, factor, points }) => ({
    where: `${contender} ${factor} ×`,
    unsent: points.reduce((sum, one) => sum + one.unsent, 0),
  }))
  return {
    head: [service.name, 'load', 'stream', ...COLUMNS, 'probe'],
    rows: merged.flatMap((point) =>
      point.streams.map((stream, index) => [
        point.contender,
        `${point.factor} ×`,
        stream.name,
        ...cells(stream),
        index === 0 ? milliseconds(point.probe.max) : '',
      ]),
    ),
    note: `${service.about}. Load in ratio to ${capacity.toFixed(1)} a second, ${measured}; goodput: answers in time a second, within ${count(service.deadline ?? DEADLINE)} ms; hanging: neither answered nor refused in time, new: of those on connections of their own; probe: the slowest. Best fixed limit ${found}. Medians of seeds ${seeds.join(', ')}.${unsentNote(unsent)}`,
  }
}

function windowsOf({ service, merged }: Found): Table {
  return {
    head: [`${service.name}: when`, 'contender', 'load', ...COLUMNS, 'failed', 'limit'],
    rows: merged.flatMap(({ contender, factor, windows }: Merged) =>
      windows.map((window) => [
        window.name,
        contender,
        `${factor} ×`,
        ...cells(window),
        share(window.failed),
        window.limit === undefined ? '' : window.limit.toFixed(0),
      ]),
    ),
    note: 'At first: in the first 2 s; limit: at the end of that time.',
  }
}

function cells({ goodput, p50, p99, refused, hanging, newcomersHanging }: MergedFigures): string[] {
  return [
    goodput >= 100 ? goodput.toFixed(0) : goodput.toFixed(1),
    milliseconds(p50),
    milliseconds(p99),
    ...[refused, hanging, newcomersHanging].map(share),
  ]
}

function share(value: number): string {
  return `${(value * 100).toFixed(1)} %`
}
