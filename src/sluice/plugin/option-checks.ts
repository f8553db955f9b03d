/** Refuses an option: by name, with what it got and what it takes. */
import { checkNames, isComplaint, show } from '../core/check.js'
import { OptionsError } from '../core/errors.js'

/** The longest a timer of Node's takes. */
const LONGEST = 2 ** 31 - 1

/** @throws SLUICE_OPTIONS */
export function refuse(name: string, got: unknown, takes: string): never {
  throw new OptionsError(name, show(got), takes)
}

/**
 * @param foreign the option whose own code may throw what is no complaint of ours.
 * @throws SLUICE_OPTIONS in place of what `create` throws, which becomes its cause.
 */
export function translate<T>(where: string, create: () => T, foreign = 'options'): T {
  try {
    return create()
  } catch (cause) {
    const { option, got, takes } = isComplaint(cause)
      ? cause
      : { option: foreign, got: `one that throws ${thrown(cause)}`, takes: 'one that does not' }
    throw Object.assign(new OptionsError(`${where}${option}`, got, takes), { cause })
  }
}

export function checkOptionNames(where: string, options: object, known: readonly string[]): void {
  translate(where, () => checkNames(options, known))
}

export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') refuse(name, value, 'a function')
}

export function checkTimeout(name: string, value: unknown): void {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return
  if (!(typeof value === 'number' && value > 0 && value <= LONGEST)) {
    refuse(name, value, `milliseconds > 0, at most ${LONGEST}, or Infinity`)
  }
}

export function checkOneOf(name: string, value: unknown, choices: readonly string[]): void {
  if (value !== undefined && !choices.includes(value as string)) {
    refuse(name, value, choices.map((choice) => `'${choice}'`).join(' or '))
  }
}

function thrown(cause: unknown): string {
  return cause instanceof Error ? String(cause) : show(cause)
}
