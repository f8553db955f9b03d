/** Numbers as people read them. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const clock = new Intl.DateTimeFormat('en', { timeStyle: 'medium', hourCycle: 'h23' })

/** @param {number} value */
export const count = (value) => whole.format(value)

/** @param {number | null} limit none is null in JSON */
export const bound = (limit) => (limit === null ? '∞' : count(limit))

/** @param {number} value */
export const rate = (value) => (value > 0 && value < 10 ? value.toFixed(1) : whole.format(value))

/** @param {number} value in [0, 1] */
export const percent = (value) => `${whole.format(value * 100)} %`

/** @param {number} value */
export function milliseconds(value) {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`
  if (value >= 100) return `${value.toFixed(0)} ms`
  if (value === 0) return '0 ms'
  return `${value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`
}

/** @param {number} seconds */
export function duration(seconds) {
  const minutes = Math.floor(seconds / 60)
  if (minutes < 1) return `${Math.floor(seconds)} s`
  if (minutes < 60) return `${minutes} min`
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  return `${Math.floor(minutes / 1440)} days`
}

/** @param {number} epoch milliseconds */
export const time = (epoch) => clock.format(epoch)

/** @param {string} reason */
export const words = (reason) => reason.replaceAll('_', ' ')
