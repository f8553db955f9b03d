/**
 * The counts as a prom-client registry, computed when scraped and never before. It may hold other
 * metrics too, be merged into another registry, or be aggregated over processes.
 */
import { type Metric, Registry, type RegistryContentType } from 'prom-client'
import { Histogram } from '../core/histogram.js'
import { canonical, expose } from './exposition.js'
import type { Family, Labels, Series } from './family.js'

/** What prom-client has of each metric, and does not say in its types. */
interface ReadableMetric {
  readonly name: string
  readonly type: string
  get(): Promise<Reading>
  /** Histograms only: without exemplars, as text wants them. */
  getForPromString?(): Promise<Reading>
}

interface Reading {
  readonly name: string
  readonly type: string
  readonly values: readonly { readonly labels?: Labels }[]
}

/** The method that `metrics()` calls for each, in the prototype and not in the types. */
const textOf = (Registry.prototype as unknown as { getMetricsAsString: TextOf }).getMetricsAsString
type TextOf = (this: Registry<RegistryContentType>, metric: unknown) => Promise<string>

export class ConcurrencyRegistry<
  T extends RegistryContentType = typeof Registry.PROMETHEUS_CONTENT_TYPE,
> extends Registry<T> {
  #defaults: Labels = {}

  override setDefaultLabels(labels: Labels): void {
    super.setDefaultLabels(labels)
    this.#defaults = labels
  }

  /**
   * The metrics that this registry holds now, in OpenMetrics' format: a registry beside this one,
   * because prom-client renames the counters of one whose content type is changed.
   */
  openMetrics(): Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE> {
    const open = new ConcurrencyRegistry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    open.setDefaultLabels(this.#defaults)
    for (const metric of this.getMetricsAsArray() as unknown as ReadableMetric[]) {
      const view = metric instanceof FamilyMetric ? new FamilyMetric(metric.family) : viewOf(metric)
      open.registerMetric(view as unknown as Metric)
    }
    return open
  }

  /** @internal */
  protected async getMetricsAsString(metric: unknown): Promise<string> {
    if (!(metric instanceof FamilyMetric)) return textOf.call(this, metric)
    const open = this.contentType === Registry.OPENMETRICS_CONTENT_TYPE
    return expose(metric.family, open, this.#defaults)
  }
}

export function createRegistry(families: readonly Family[]): ConcurrencyRegistry {
  const registry = new ConcurrencyRegistry()
  addFamilies(registry, families)
  return registry
}

export function addFamilies(registry: Registry, families: readonly Family[]): void {
  for (const family of families) {
    registry.registerMetric(new FamilyMetric(family) as unknown as Metric)
  }
}

/** As other registries, and cluster workers, read it. */
class FamilyMetric implements ReadableMetric {
  readonly family: Family
  readonly name: string
  readonly type: string
  readonly help: string
  readonly aggregator: string

  constructor(family: Family) {
    const { name, type, help, aggregator = 'sum' } = family
    this.family = family
    this.name = name
    this.type = type
    this.help = help
    this.aggregator = aggregator
  }

  async get() {
    const { name, type, help, aggregator } = this
    const values = this.family.read().flatMap((series) => samplesOf(this.family.name, series))
    return { name, type, help, aggregator, values }
  }

  /** Counts of requests are not a registry's to reset. */
  reset(): void {}
}

interface Sample {
  readonly value: number
  readonly labels: Labels
  readonly metricName?: string
}

function samplesOf(name: string, { labels, value }: Series): Sample[] {
  if (typeof value === 'number') return [{ value, labels }]
  const { buckets, count, sum } = value
  let cumulative = 0
  const below = Histogram.bounds.map((bound, index) => {
    cumulative += buckets[index] as number
    return { le: bound / 1000, value: cumulative }
  })
  return [
    ...[...below, { le: '+Inf', value: count }].map(({ le, value }) => ({
      metricName: `${name}_bucket`,
      value,
      labels: { ...labels, le },
    })),
    { metricName: `${name}_sum`, value: sum / 1000, labels },
    { metricName: `${name}_count`, value: count, labels },
  ]
}

function viewOf(metric: ReadableMetric): Pick<ReadableMetric, 'name' | 'type' | 'get'> {
  const get = async (): Promise<Reading> => {
    const reading = await (metric.getForPromString?.() ?? metric.get())
    const name = reading.type === 'counter' ? reading.name.replace(/_total$/, '') : reading.name
    const values = reading.values.map((value) => ({ ...value, labels: openLabels(value.labels) }))
    return { ...reading, name, values }
  }
  return { name: metric.name, type: metric.type, get }
}

/** Bounds of buckets and quantiles are numbers in labels. */
function openLabels(labels: Labels = {}): Labels {
  for (const name of ['le', 'quantile']) {
    const value = labels[name]
    if (typeof value === 'number') return { ...labels, [name]: canonical(value) }
  }
  return labels
}
