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
  const last = Math.ceil(most / width - 1e-9)
  const ticks = Array.from({ length: last + 1 }, (_, index) => tidy(index * width))
  return { ticks, place: (value) => from + ((to - from) * value) / (last * width) }
}

/** Around both, which are > 0: powers of ten, and in a narrow range also twice and five times. */
export function logarithmic(least: number, most: number, from: number, to: number): Scale {
  const decades = Math.log10(most / least)
  const steps = decades <= 1.5 ? [1, 2, 5] : decades <= 3 ? [1, 3] : [1]
  const candidates: number[] = []
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most) + 1; power++) {
    candidates.push(...steps.map((part) => tidy(part * 10 ** power)))
  }
  const first = candidates.findLastIndex((value) => value <= least)
  const last = candidates.findIndex((value) => value >= most && value > least)
  const ticks = candidates.slice(first, last + 1)
  const [start, end] = [ticks[0] ?? least, ticks.at(-1) ?? most]
  const share = (value: number): number => Math.log(value / start) / Math.log(end / start)
  return { ticks, place: (value) => from + (to - from) * Math.min(Math.max(share(value), 0), 1) }
}

/** Without what floating point adds: 0.6000000000000001. */
function tidy(value: number): number {
  return Number(value.toPrecision(12))
}
