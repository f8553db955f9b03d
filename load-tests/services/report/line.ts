/** A point in one line. */
import { mainOf } from '../../clients/looks.js'
import { share } from '../measures/figures.js'
import type { Point, StreamFigures } from '../measures/measure.js'
import type { Window } from '../measures/windows.js'

export function line(point: Point, contender: string): string {
  const { service, factor, seed, capacity, streams, windows, looks, goodput, cpu, waited, behind } =
    point
  const limits = mainOf(looks).map(({ limit }) => limit)
  return [
    `${service} ${contender} x${factor} of ${capacity.toFixed(1)}/s seed ${seed}: goodput ${goodput.toFixed(3)}`,
    ...streams.map(stream),
    ...windows.map(window),
    `limit ${course(limits)}`,
    `cpu ${percent(cpu)} waited ${percent(waited)} behind ${milliseconds(behind)}`,
  ].join(' | ')
}

function stream(figures: StreamFigures): string {
  const { name, due, goodput, newcomersHanging, p50, p99, max, counts } = figures
  const failed = counts.failed === 0 ? '' : ` failed ${percent(share(figures, 'failed'))}`
  const latencies =
    name === 'probe'
      ? `p99 ${milliseconds(p99)} max ${milliseconds(max)}`
      : `p50 ${milliseconds(p50)} p99 ${milliseconds(p99)}`
  return `${name} ${due} due ${goodput.toFixed(1)}/s refused ${percent(share(figures, 'refused'))} hanging ${percent(share(figures, 'hanging'))} (new ${percent(newcomersHanging)})${failed} ${latencies}`
}

function window(figures: Window): string {
  const { name, goodput, p99, limits, counts } = figures
  const failed = counts.failed === 0 ? '' : ` failed ${percent(share(figures, 'failed'))}`
  return `${name}: ${goodput.toFixed(1)}/s refused ${percent(share(figures, 'refused'))} hanging ${percent(share(figures, 'hanging'))}${failed} p99 ${milliseconds(p99)} limit ${course(limits)}`
}

/** First, least to most, last. */
function course(limits: readonly number[]): string {
  if (limits.length === 0) return 'none'
  const [least, most] = [Math.min(...limits), Math.max(...limits)]
  return `${round(limits.at(-1))} (${round(least)} to ${round(most)})`
}

function round(value = 0): string {
  return String(Math.round(value * 10) / 10)
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)}%`
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '-' : `${value.toFixed(value < 10 ? 1 : 0)}ms`
}
