/**
 * What all charts share. Places across are per cent of the width and those down are pixels, so that
 * a chart fits any screen and its text keeps its size.
 */
import { escapeMarkup } from './markup.js'
import type { Scale } from './scale.js'

/** Room above the rows for the values of the axis. */
export const TOP = 24
/** Of a row: its label, and its marks below. */
export const ROW = 42

export interface Entry {
  /** The class that gives its colour. */
  readonly style: string
  readonly text: string
}

export function figure(title: string, height: number, body: string, legend: readonly Entry[]) {
  const name = escapeMarkup(title)
  const items = legend.map(
    ({ style, text }) => `<li><i class="swatch ${style}"></i>${escapeMarkup(text)}</li>`,
  )
  const list = items.length === 0 ? '' : `<ul class="key">${items.join('')}</ul>`
  return `<figure><figcaption>${name}</figcaption>${list}<svg width="100%" height="${height}" role="img" aria-label="${name}">${body}</svg></figure>`
}

/** Vertical lines with their values above. */
export function columns(x: Scale, height: number, text: (value: number) => string): string {
  return x.ticks
    .map((value, index) => {
      const at = per(x.place(value))
      const line = `<line class="rule" x1="${at}" x2="${at}" y1="${TOP}" y2="${height}"/>`
      return `${line}<text class="tick ${anchor(index, x)}" x="${at}" y="${TOP - 8}">${text(value)}</text>`
    })
    .join('')
}

/** The first and the last value stay inside the chart. */
export function anchor(index: number, { ticks }: Scale): string {
  if (index === 0) return 'start'
  return index === ticks.length - 1 ? 'end' : 'middle'
}

export function label(text: string, row: number): string {
  return `<text class="label" x="0" y="${TOP + row * ROW + 17}">${escapeMarkup(text)}</text>`
}

/** Where the marks of a row are, from above. */
export function middle(row: number): number {
  return TOP + row * ROW + 29
}

export function per(share: number): string {
  return `${share.toFixed(2)}%`
}
