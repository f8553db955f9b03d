/**
 * Argument checks shared by the core: a wrong type is a TypeError, a wrong value a RangeError. Either
 * has what it says in parts as well, for whoever says it otherwise.
 */
import { shown } from './shown.js'

/** What is wrong with an argument: its name, and the rest in words. */
export interface Complaint {
  readonly option: string
  readonly got: string
  readonly takes: string
}

export function wrongType(option: string, got: string, takes: string): TypeError & Complaint {
  return complain(TypeError, { option, got, takes })
}

export function wrongValue(option: string, got: string, takes: string): RangeError & Complaint {
  return complain(RangeError, { option, got, takes })
}

/** Whether it is one of the two, and not an error of somebody else's code. */
export function isComplaint(error: unknown): error is Error & Complaint {
  if (!(error instanceof Error)) return false
  return error.message === say(error as Error & Complaint)
}

/** What `create` gives; where its arguments are inside another, it complains of them as that one's. */
export function within<T>(prefix: string, create: () => T): T {
  try {
    return create()
  } catch (error) {
    if (!isComplaint(error)) throw error
    const wrong = error instanceof TypeError ? wrongType : wrongValue
    throw wrong(`${prefix}${error.option}`, error.got, error.takes)
  }
}

export function checkInteger(name: string, value: unknown, min: number, max: number): void {
  checkType(name, value, 'number')
  if (!(Number.isInteger(value) && (value as number) >= min && (value as number) <= max)) {
    throw wrongValue(name, String(value), `an integer in ${min}..${max}`)
  }
}

/** A wait in milliseconds: 0 or more, fractional; Infinity means without bound. */
export function checkTimeout(name: string, value: unknown): void {
  checkType(name, value, 'number')
  if (!((value as number) >= 0)) {
    throw wrongValue(name, String(value), 'milliseconds >= 0')
  }
}

export function checkNumber(name: string, value: unknown): void {
  checkType(name, value, 'number')
  if (Number.isNaN(value)) throw wrongValue(name, 'NaN', 'a number')
}

/** @param takes what `fits` says, in words. */
export function checkNumberIn(
  name: string,
  value: unknown,
  takes: string,
  fits: (value: number) => boolean,
): void {
  checkType(name, value, 'number')
  if (!fits(value as number)) throw wrongValue(name, String(value), takes)
}

export function checkSignal(value: unknown): void {
  if (!(value instanceof AbortSignal)) {
    throw wrongType('signal', show(value), 'an AbortSignal')
  }
}

/** Options that are read by their names: what a Map, an array or a class has inside is none of them. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // Another realm's `Object.prototype` does as well.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

export function checkObject(name: string, value: unknown): void {
  if (!isPlainObject(value)) {
    throw wrongType(name, show(value), 'a plain object')
  }
}

/** A name that nobody reads is a mistake of whoever wrote it. */
export function checkNames(options: object, known: readonly string[], prefix = ''): void {
  for (const name in options) {
    if (known.includes(name) || !Object.hasOwn(options, name)) continue
    const got = show((options as Record<string, unknown>)[name])
    throw wrongType(`${prefix}${name}`, got, `no such name; ${known.join(', ')}`)
  }
}

/** How a wrong value is named in a message, bounded and written out. */
export function show(value: unknown): string {
  try {
    return shown(describe(value))
  } catch {
    return 'an object that is no JSON'
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  const name = value.constructor?.name ?? 'an object'
  return name === 'Object' ? JSON.stringify(value) : String(name)
}

function checkType(name: string, value: unknown, type: 'number'): void {
  if (typeof value !== type) throw wrongType(name, show(value), `a ${type}`)
}

function complain<E extends Error>(Kind: new (message: string) => E, complaint: Complaint) {
  const error = new Kind(say(complaint))
  // Not enumerable, as the message is not: whoever prints the error reads it once.
  for (const [part, value] of Object.entries(complaint)) {
    Object.defineProperty(error, part, { value })
  }
  return error as E & Complaint
}

function say({ option, got, takes }: Complaint): string {
  return `${option}: got ${got}, takes ${takes}`
}
