/** Argument checks shared by the core: a wrong type is a TypeError, a wrong value a RangeError. */

export function checkInteger(name: string, value: unknown, min: number, max: number): void {
  checkType(name, value, 'number')
  if (!(Number.isInteger(value) && (value as number) >= min && (value as number) <= max)) {
    throw new RangeError(`${name}: got ${value}, takes an integer in ${min}..${max}`)
  }
}

/** A wait in milliseconds: 0 or more, fractional; Infinity means without bound. */
export function checkTimeout(name: string, value: unknown): void {
  checkType(name, value, 'number')
  if (!((value as number) >= 0)) {
    throw new RangeError(`${name}: got ${value}, takes milliseconds >= 0`)
  }
}

export function checkNumber(name: string, value: unknown): void {
  checkType(name, value, 'number')
  if (Number.isNaN(value)) throw new RangeError(`${name}: got NaN, takes a number`)
}

/** @param takes what `fits` says, in words. */
export function checkNumberIn(
  name: string,
  value: unknown,
  takes: string,
  fits: (value: number) => boolean,
): void {
  checkType(name, value, 'number')
  if (!fits(value as number)) throw new RangeError(`${name}: got ${value}, takes ${takes}`)
}

export function checkSignal(value: unknown): void {
  if (!(value instanceof AbortSignal)) {
    throw new TypeError(`signal: got ${show(value)}, takes an AbortSignal`)
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
    throw new TypeError(`${name}: got ${show(value)}, takes a plain object`)
  }
}

/** A name that nobody reads is a mistake of whoever wrote it. */
export function checkNames(options: object, known: readonly string[], prefix = ''): void {
  for (const name in options) {
    if (known.includes(name) || !Object.hasOwn(options, name)) continue
    const got = show((options as Record<string, unknown>)[name])
    throw new TypeError(`${prefix}${name}: got ${got}, takes no such name; ${known.join(', ')}`)
  }
}

/** How a wrong value is named in a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  const name = value.constructor?.name ?? 'an object'
  if (name !== 'Object') return name
  try {
    return JSON.stringify(value)
  } catch {
    return 'an object that is no JSON'
  }
}

function checkType(name: string, value: unknown, type: 'number'): void {
  if (typeof value !== type) throw new TypeError(`${name}: got ${show(value)}, takes a ${type}`)
}
