/** Those that are known by a name. */

export const CONTENDERS = ['unprotected', 'under-pressure', 'fixed', 'default', 'auto'] as const
/** By name, with nothing else. */
export const ALGORITHMS = ['gradient2', 'vegas', 'aimd'] as const
export type ContenderName = (typeof CONTENDERS | typeof ALGORITHMS)[number]

/** @throws RangeError for none of them */
export function contenderNamed(name: string): ContenderName {
  const known = [...CONTENDERS, ...ALGORITHMS].find((one) => one === name)
  if (known === undefined) throw new RangeError(`no contender ${name}`)
  return known
}
