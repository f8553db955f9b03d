/** A load that some trouble befalls, in parts: before, its beginning, the rest of it, and after it. */
import { type Look, mainOf } from '../../clients/looks.js'
import type { Ended } from '../../clients/open-loop.js'
import { type Figures, figuresOf } from './figures.js'

export interface Window extends Figures {
  readonly name: string
  /** Answers in time, a second. */
  readonly goodput: number
  /** The limit's course. */
  readonly limits: readonly number[]
}

/** Milliseconds after its beginning and its end that are looked at apart. */
const FIRST = 2000

/** Milliseconds since the load began. */
export interface Times {
  readonly start: number
  readonly begin: number
  readonly end: number
  readonly stop: number
}

/** The trouble is the second third of what counts. */
export function timesOf(warmUp: number, seconds: number): Times {
  const start = warmUp * 1000
  const third = (seconds * 1000) / 3
  return { start, begin: start + third, end: start + 2 * third, stop: start + 3 * third }
}

export function windowsOf(
  name: string,
  { start, begin, end, stop }: Times,
  ended: readonly Ended[],
  looks: readonly Look[],
): Window[] {
  const main = mainOf(looks)
  const parts: [string, number, number][] = [
    ['before', start, begin],
    [`${name}: at first`, begin, Math.min(begin + FIRST, end)],
    [`${name}: then`, begin + FIRST, end],
    ['after it: at first', end, Math.min(end + FIRST, stop)],
    ['after it: then', end + FIRST, stop],
  ]
  return parts
    .filter(([, from, to]) => to > from)
    .map(([part, from, to]) => {
      const figures = figuresOf(ended.filter(({ due }) => due >= from && due < to))
      return {
        name: part,
        ...figures,
        goodput: (figures.counts.answered / (to - from)) * 1000,
        limits: main.filter(({ at }) => at >= from && at < to).map(({ limit }) => limit),
      }
    })
}
