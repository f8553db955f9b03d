/** Whatever may be awaited: promises of other libraries, query builders, and what only looks so. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}
