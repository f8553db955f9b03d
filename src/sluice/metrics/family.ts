/** What a metric is, before any format: its name, and how it is read off the counts when somebody asks. */
import type { Histogram } from '../core/histogram.js'

export type Labels = Readonly<Record<string, string | number>>

export interface Series {
  readonly labels: Labels
  readonly value: number | Histogram
}

export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** How the values of several processes become one. */
  readonly aggregator?: 'sum' | 'min' | 'max' | 'average'
  read(): Series[]
}
