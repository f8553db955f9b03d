/** A monotonic clock: milliseconds, fractional, from any fixed origin. */
export type Clock = () => number

export const systemClock: Clock = () => performance.now()
