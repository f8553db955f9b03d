/**
 * The same measures for OpenTelemetry, in an app that has registered a meter provider before it gets
 * ready: named by the HTTP semantic conventions, counts read when the provider collects, durations
 * recorded at each request's end, since the API takes no histogram that is counted already. In an
 * app without a provider this is one import that finds none. For one registration a process: what a
 * second one measures would have the same names and attributes.
 */
import type {
  Attributes,
  BatchObservableResult,
  Meter,
  MetricOptions,
  Observable,
} from '@opentelemetry/api'
import { Histogram } from '../core/histogram.js'
import type { Family, Labels } from '../metrics/family.js'
import { UNMATCHED } from './routes/route-name.js'
import type { RequestSpan } from './types.js'

export interface TelemetrySource {
  readonly families: readonly Family[]
  readonly active: { observe(observer: (span: RequestSpan) => void): () => void }
  readonly scheme: 'http' | 'https'
}

type Kind = 'Counter' | 'Gauge' | 'UpDownCounter'

/** What is read off each family. Durations and waits are recorded; aborts are among the durations. */
const INSTRUMENTS = new Map<string, readonly [name: string, kind: Kind, unit: string]>([
  ['http_server_active_requests', ['http.server.active_requests', 'UpDownCounter', '{request}']],
  ['http_server_active_requests_peak', ['http.server.active_requests.peak', 'Gauge', '{request}']],
  ['concurrency_limit', ['concurrency.limit', 'UpDownCounter', '{request}']],
  ['concurrency_in_flight', ['concurrency.in_flight', 'UpDownCounter', '{request}']],
  ['concurrency_queued', ['concurrency.queued', 'UpDownCounter', '{request}']],
  ['concurrency_admitted_total', ['concurrency.admitted', 'Counter', '{request}']],
  ['concurrency_rejected_total', ['concurrency.rejected', 'Counter', '{request}']],
  ['nodejs_eventloop_utilization', ['nodejs.eventloop.utilization', 'Gauge', '1']],
  ['nodejs_eventloop_delay_p50_seconds', ['nodejs.eventloop.delay.p50', 'Gauge', 's']],
  ['nodejs_eventloop_delay_p99_seconds', ['nodejs.eventloop.delay.p99', 'Gauge', 's']],
])

const IN_SECONDS: MetricOptions = {
  unit: 's',
  advice: { explicitBucketBoundaries: Histogram.bounds.map((bound) => bound / 1000) },
}

/** Resolves with what ends it. */
export async function startTelemetry(source: TelemetrySource): Promise<() => void> {
  const meter = await findMeter()
  if (meter === undefined) return () => {}
  const endReading = readFamilies(meter, source)
  const endRecording = source.active.observe(createRecorder(meter, source))
  return () => {
    endReading()
    endRecording()
  }
}

/** Undefined where nobody collects what it would measure. */
async function findMeter(): Promise<Meter | undefined> {
  try {
    const { createNoopMeter, metrics } = await import('@opentelemetry/api')
    const meter = metrics.getMeter('fastify-sluice')
    return meter === createNoopMeter() ? undefined : meter
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}

function readFamilies(meter: Meter, { families, scheme }: TelemetrySource): () => void {
  const read: [Family, Observable][] = []
  for (const family of families) {
    const instrument = INSTRUMENTS.get(family.name)
    if (instrument === undefined) continue
    const [name, kind, unit] = instrument
    const options = { unit, description: family.help }
    read.push([family, meter[`createObservable${kind}`](name, options)])
  }
  const observables = read.map(([, observable]) => observable)
  const callback = (result: BatchObservableResult): void => {
    for (const [family, observable] of read) {
      for (const { labels, value } of family.read()) {
        if (typeof value === 'number') {
          result.observe(observable, value, attributesOf(labels, scheme))
        }
      }
    }
  }
  meter.addBatchObservableCallback(callback, observables)
  return () => meter.removeBatchObservableCallback(callback, observables)
}

function createRecorder(meter: Meter, { scheme }: TelemetrySource): (span: RequestSpan) => void {
  const durations = meter.createHistogram('http.server.request.duration', {
    ...IN_SECONDS,
    description: 'Time from the first hook to the end of the response.',
  })
  const waits = meter.createHistogram('concurrency.queue.wait', {
    ...IN_SECONDS,
    description: 'How long answered requests waited in queues.',
  })
  return (span) => {
    const { outcome, status, waitMs, runMs } = span
    const request = attributesOf({ method: span.method, route: span.route }, scheme)
    const error = errorOf(span)
    durations.record((waitMs + runMs) / 1000, {
      ...request,
      ...(status !== undefined && { 'http.response.status_code': status }),
      ...(error !== undefined && { 'error.type': error }),
    })
    if (outcome === 'answered') waits.record(waitMs / 1000, request)
  }
}

/** Why it was shed or cut, that its client left, or a status that is the server's fault. */
function errorOf({ outcome, reason, status }: RequestSpan): string | undefined {
  if (outcome === 'aborted') return 'aborted'
  return reason ?? (status !== undefined && status >= 500 ? String(status) : undefined)
}

function attributesOf({ method, route, limiter, reason }: Labels, scheme: string): Attributes {
  return {
    ...(method !== undefined && { 'http.request.method': method, 'url.scheme': scheme }),
    // The conventions want none where no route matched.
    ...(route !== undefined && route !== UNMATCHED && { 'http.route': route }),
    ...(limiter !== undefined && { 'concurrency.limiter': limiter }),
    ...(reason !== undefined && { 'concurrency.reason': reason }),
  }
}
