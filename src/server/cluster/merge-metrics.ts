/**
 * The metrics of several processes as those of one, in Prometheus' text. By text and not by
 * prom-client's `AggregatorRegistry`, since a scrape blocks the event loop and that one builds an object
 * for each line of each process.
 */

/** How values become one. What adds up does, in buckets, too. */
export type Aggregator = 'sum' | 'min' | 'max' | 'average' | 'first' | 'omit'

/** Of each family by its name, from whatever registry has them; what it has not is a sum. */
export function aggregatorsOf(metrics: readonly object[]): Record<string, Aggregator> {
  return Object.fromEntries(
    (metrics as { name: string; aggregator?: Aggregator }[]).map((metric) => [
      metric.name,
      metric.aggregator ?? 'sum',
    ]),
  )
}

interface Family {
  readonly header: string[]
  readonly name: string
  /** The values of each series, by its name and labels. */
  readonly series: Map<string, number[]>
}

/** @param texts in Prometheus' format, of processes with the same metrics */
export function mergeMetrics(
  texts: readonly string[],
  aggregators: Readonly<Record<string, Aggregator>>,
): string {
  let merged = ''
  for (const { header, name, series } of familiesOf(texts).values()) {
    const aggregator = aggregators[name] ?? 'sum'
    if (aggregator === 'omit') continue
    merged += `${header.join('\n')}\n`
    for (const [key, values] of series) merged += `${key} ${AGGREGATE[aggregator](values)}\n`
    merged += '\n'
  }
  return `${merged.trimEnd()}\n`
}

/** What only grows: it is not to go down when its process ends. */
export function countsOf(text: string): string {
  let keeps = false
  const kept = text.split('\n').filter((line) => {
    if (line.startsWith('# HELP')) return false
    if (line.startsWith('# TYPE')) keeps = / (counter|histogram)$/.test(line)
    return keeps
  })
  return kept.join('\n')
}

/** The same in OpenMetrics' format. */
export function toOpenMetrics(text: string): string {
  const open = text
    // The family of a counter has no suffix there, its samples have.
    .replaceAll(
      /^# HELP (\w+)_total (.*)\n# TYPE \1_total counter$/gm,
      '# HELP $1 $2\n# TYPE $1 counter',
    )
    .replaceAll(/\b(le|quantile)="(-?\d+)"/g, '$1="$2.0"')
    .replaceAll(/\n\n+/g, '\n')
  return `${open.trimEnd()}\n# EOF\n`
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)

const AGGREGATE: Record<Aggregator, (values: readonly number[]) => number> = {
  sum,
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
  average: (values) => sum(values) / values.length,
  first: ([value]) => value as number,
  omit: ([value]) => value as number,
}

function familiesOf(texts: readonly string[]): Map<string, Family> {
  const families = new Map<string, Family>()
  for (const text of texts) {
    let family: Family | undefined
    for (const line of text.split('\n')) {
      if (line === '') continue
      const [, kind, name] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? []
      if (name !== undefined) {
        family = families.get(name) ?? { header: [], name, series: new Map() }
        families.set(name, family)
        if (!family.header.some((known) => known.startsWith(`# ${kind}`))) family.header.push(line)
        continue
      }
      const gap = line.lastIndexOf(' ')
      const [key, value] = [line.slice(0, gap), Number(line.slice(gap + 1))]
      const values = family?.series.get(key)
      if (values === undefined) family?.series.set(key, [value])
      else values.push(value)
    }
  }
  return families
}
