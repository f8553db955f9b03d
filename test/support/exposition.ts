/**
 * Reads Prometheus' text format (0.0.4) and OpenMetrics 1.0, and accepts nothing that either forbids:
 * every line has its form and its place, every series comes once, every histogram adds up.
 */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Exposed {
  readonly type: string
  readonly help: string
  readonly samples: Sample[]
}

export type Format = 'text' | 'open'

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const METADATA = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`)
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`)
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/
const NUMBER = /^([+-]?(\d+(\.\d+)?(e[+-]?\d+)?|inf)|nan)$/i
const TYPES = ['counter', 'gauge', 'histogram', 'summary']

/** @throws Error that names the line and what is wrong with it. */
export function parseExposition(text: string, format: Format): Map<string, Exposed> {
  const families = new Map<string, Exposed>()
  const series = new Set<string>()
  let current = ''
  let help: { name: string; text: string } | undefined
  for (const line of linesOf(text, format)) {
    const fail = (problem: string): never => {
      throw new Error(`${problem}: ${line}`)
    }
    const [, kind, named = '', rest = ''] = METADATA.exec(line) ?? []
    if (kind === 'HELP') {
      if (help !== undefined) fail('help after help')
      help = { name: named, text: rest }
    } else if (kind === 'TYPE') {
      if (help?.name !== named) fail('type without its help')
      if (families.has(named)) fail('a family in two places')
      if (!TYPES.includes(rest)) fail('no such type')
      families.set(named, { type: rest, help: help?.text ?? '', samples: [] })
      current = named
      help = undefined
    } else {
      if (help !== undefined) fail('no type behind the help')
      const sample = parseSample(line, fail)
      const family = families.get(current) ?? fail('a sample before its family')
      checkSample(sample, current, family.type, format, fail)
      const key = seriesOf(sample)
      if (series.has(key)) fail('a series twice')
      series.add(key)
      family.samples.push(sample)
    }
  }
  for (const [name, { type, samples }] of families) {
    if (type === 'histogram') checkHistogram(name, samples)
  }
  return families
}

/** As one line, labels by name. */
export function seriesOf({ name, labels }: Pick<Sample, 'name' | 'labels'>): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${name}{${sorted.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join()}}`
}

function linesOf(text: string, format: Format): string[] {
  if (!text.endsWith('\n')) throw new Error('no newline at the end')
  const lines = text.slice(0, -1).split('\n')
  if (format === 'text') {
    if (lines.includes('# EOF')) throw new Error('# EOF is not of this format')
    return lines.filter((line) => line !== '')
  }
  if (lines.pop() !== '# EOF') throw new Error('no # EOF at the end')
  return lines
}

function parseSample(line: string, fail: (problem: string) => never): Sample {
  const [, name = fail('no sample'), braces = '', number = ''] = SAMPLE.exec(line) ?? []
  if (!NUMBER.test(number)) fail('no number')
  const labels: Record<string, string> = {}
  let left = braces
  while (left !== '') {
    const [all = '', label = fail('no label'), value = ''] = LABEL.exec(left) ?? []
    if (label in labels) fail('a label twice')
    labels[label] = value.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped))
    left = left.slice(all.length)
    if (left === '' && all.endsWith(',')) fail('a comma at the end')
  }
  return { name, labels, value: toNumber(number) }
}

function checkSample(
  { name, labels, value }: Sample,
  family: string,
  type: string,
  format: Format,
  fail: (problem: string) => never,
): void {
  const suffixes = {
    counter: format === 'open' ? ['_total'] : [''],
    gauge: [''],
    histogram: ['_bucket', '_sum', '_count'],
    summary: ['', '_sum', '_count'],
  }[type] as string[]
  if (!suffixes.some((suffix) => name === family + suffix)) fail(`no sample of ${type} ${family}`)
  if (type === 'counter' && format === 'text' && !family.endsWith('_total')) fail('no _total')
  if (type === 'counter' && !(value >= 0)) fail('a count below 0')
  if (name.endsWith('_bucket') !== 'le' in labels) fail('le where it is not, or not where it is')
  const bound = labels.le
  if (format === 'open' && bound !== undefined && !/^(\+Inf|\d+\.\d+(e[+-]\d+)?)$/.test(bound)) {
    fail('a bound that is not canonical')
  }
}

function checkHistogram(family: string, samples: readonly Sample[]): void {
  const groups = new Map<string, Sample[]>()
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels
    const key = seriesOf({ name: family, labels })
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  for (const [key, group] of groups) {
    const buckets = group.filter(({ name }) => name.endsWith('_bucket'))
    const bounds = buckets.map(({ labels }) => toNumber(labels.le as string))
    const rise = bounds.every((bound, index) => index === 0 || bound > Number(bounds[index - 1]))
    if (!rise || bounds.at(-1) !== Number.POSITIVE_INFINITY) {
      throw new Error(`bounds do not rise to +Inf: ${key}`)
    }
    if (buckets.some(({ value }, index) => value < (buckets[index - 1]?.value ?? 0))) {
      throw new Error(`buckets do not add up: ${key}`)
    }
    const [count, ...others] = group.filter(({ name }) => name === `${family}_count`)
    const sums = group.filter(({ name }) => name === `${family}_sum`)
    if (count?.value !== buckets.at(-1)?.value || others.length > 0 || sums.length !== 1) {
      throw new Error(`sum and count are not those of the buckets: ${key}`)
    }
  }
}

function toNumber(text: string): number {
  return Number(text.replace(/^([+-]?)inf$/i, '$1Infinity').replace(/^nan$/i, 'NaN'))
}
