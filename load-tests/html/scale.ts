/** From values to places on a chart, and the values that are worth a line on it. */

export interface Scale {
  readonly ticks: readonly number[]
  place(value: number): number
}

/** @param most the highest value, > 0; ticks are round numbers from 0 */
export function linear(most: number, from: number, to: number): Scale {
  const magnitude = 10 ** Math.floor(Math.log10(most))
  const step = [0.2, 0.5, 1, 2, 5].map((part) => part * magnitude).find((one) => most / one <= 5)
  const width = step ?? magnitude
  const top = Math.ceil(most / width - 1e-9) * width
  const ticks = Array.from({ length: Math.round(top / width) + 1 }, (_, index) => index * width)
  return { ticks, place: (value) => from + ((to - from) * value) / top }
}

/** Powers of ten around both, which are > 0. */
export function logarithmic(least: number, most: number, from: number, to: number): Scale {
  const first = Math.floor(Math.log10(least))
  const last = Math.max(Math.ceil(Math.log10(most)), first + 1)
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
  const share = (value: number): number => (Math.log10(value) - first) / (last - first)
  return { ticks, place: (value) => from + (to - from) * Math.min(Math.max(share(value), 0), 1) }
}
