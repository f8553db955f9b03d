/** The same point with several seeds, as the median of each figure. */
import { median, middle } from '../../figures/statistics.js'
import type { ContenderName } from '../subjects/contender-names.js'
import { share } from './figures.js'
import type { Point, StreamFigures } from './measure.js'
import type { Window } from './windows.js'

/** Shares are of what was due, in [0, 1]; latencies milliseconds, undefined where nothing was answered. */
export interface MergedFigures {
  readonly name: string
  /** Answers in time, a second. */
  readonly goodput: number
  readonly refused: number
  readonly failed: number
  readonly hanging: number
  readonly newcomersHanging: number
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly max: number | undefined
}

export interface MergedWindow extends MergedFigures {
  /** Where the limit ends. */
  readonly limit: number | undefined
}

export interface Merged {
  readonly service: string
  readonly contender: ContenderName
  readonly factor: number
  readonly capacity: number
  /** Of what could be answered. */
  readonly goodput: number
  readonly streams: readonly MergedFigures[]
  readonly probe: MergedFigures
  readonly windows: readonly MergedWindow[]
  readonly cpu: number
  /** The worst. */
  readonly waited: number
  readonly behind: number
  /** One a seed. */
  readonly points: readonly Point[]
}

export function merge(contender: ContenderName, points: readonly Point[]): Merged {
  const { service, factor, capacity } = points[0] as Point
  const streams = transpose(points.map((point) => point.streams)).map(mergeFigures)
  return {
    ...{ service, contender, factor, capacity, points },
    goodput: median(points.map(({ goodput }) => goodput)),
    streams: streams.slice(0, -1),
    probe: streams.at(-1) as MergedFigures,
    windows: transpose(points.map((point) => point.windows)).map((windows) => ({
      ...mergeFigures(windows),
      limit: middle(windows.map(({ limits }) => limits.at(-1))),
    })),
    cpu: median(points.map(({ cpu }) => cpu)),
    waited: Math.max(...points.map(({ waited }) => waited)),
    behind: Math.max(...points.map(({ behind }) => behind)),
  }
}

function mergeFigures(all: readonly (StreamFigures | Window)[]): MergedFigures {
  return {
    name: all[0]?.name ?? '',
    goodput: median(all.map(({ goodput }) => goodput)),
    refused: median(all.map((one) => share(one, 'refused'))),
    failed: median(all.map((one) => share(one, 'failed'))),
    hanging: median(all.map((one) => share(one, 'hanging'))),
    newcomersHanging: median(all.map(({ newcomersHanging }) => newcomersHanging)),
    p50: middle(all.map(({ p50 }) => p50)),
    p99: middle(all.map(({ p99 }) => p99)),
    max: middle(all.map(({ max }) => max)),
  }
}

function transpose<T>(rows: readonly (readonly T[])[]): T[][] {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] as T))
}
