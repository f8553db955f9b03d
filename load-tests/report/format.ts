/** Figures as people read them. */

export function count(value: number): string {
  return value.toLocaleString('en')
}

/** Three digits of what may be microseconds or minutes; empty where there is none. */
export function milliseconds(value: number | undefined): string {
  if (value === undefined) return ''
  return `${value >= 100 ? count(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2)} ms`
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
