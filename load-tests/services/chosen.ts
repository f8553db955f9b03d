/** What of the scenario may be chosen on its command line. */
import type { Chosen } from '../scenarios/scenario.js'
import { type ContenderName, contenderNamed } from './subjects/contender-names.js'
import { kinds, serviceOf } from './subjects/menu.js'
import type { Parameters } from './subjects/service.js'

export const OPTIONS = {
  service: 'NAME      only this one; each may be given several times',
  contender: 'NAME    only this one',
  factor: 'N          only this load, in ratio to what the service can do',
  seed: 'N            of arrivals; default 1, 2 and 3',
  seconds: 'N         that count of each load; default 8, and more for some services',
  set: 'NAME.KEY=N    a parameter of a service',
}

export interface Choice {
  readonly services: readonly string[]
  /** Undefined: all, and what else the service has. */
  readonly contenders: readonly ContenderName[] | undefined
  /** Undefined: the service's own. */
  readonly factors: readonly number[] | undefined
  readonly seeds: readonly number[]
  /** Undefined: the service's own. */
  readonly seconds: number | undefined
  readonly parameters: Readonly<Record<string, Parameters>>
}

/** @throws RangeError for what does not exist or is no number > 0 */
export function choiceOf({ service, contender, factor, seed, seconds, set }: Chosen): Choice {
  const parameters: Record<string, Record<string, number>> = {}
  for (const one of set ?? []) {
    const [, name, key, value] = /^([^=]+)\.(\w+)=(.*)$/.exec(one) ?? []
    if (name === undefined || key === undefined) throw new RangeError(`--set ${one}: NAME.KEY=N`)
    parameters[name] = { ...parameters[name], [key]: numberOf('set', value, 0) }
  }
  const services = service ?? kinds.map(({ name }) => name)
  for (const name of [...services, ...Object.keys(parameters)]) serviceOf(name, parameters[name])
  return {
    services,
    contenders: contender?.map(contenderNamed),
    factors: factor?.map((one) => numberOf('factor', one, 0)),
    seeds: (seed ?? ['1', '2', '3']).map((one) => numberOf('seed', one, 0)),
    seconds: seconds?.map((one) => numberOf('seconds', one, 0.1)).at(-1),
    parameters,
  }
}

function numberOf(option: string, text: string | undefined, least: number): number {
  const value = Number(text || Number.NaN)
  if (!(value >= least && value < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`--${option} ${text}: a number >= ${least}`)
  }
  return value
}
