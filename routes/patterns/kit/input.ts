/** What patterns take in their query or body: each parameter with its default, and what it takes in words. */
import type { FastifySchemaValidationError } from 'fastify'
import {
  type Static,
  type TArray,
  type TBoolean,
  type TInteger,
  type TNumber,
  type TObject,
  type TProperties,
  type TSchema,
  type TString,
  Type,
} from 'typebox'
import { shown } from '../../../src/server/outside-text.js'

const DECIMAL = /^-?\d+(\.\d+)?$/

export type Input<Parameters extends TProperties> = Static<TObject<Parameters>>

export function object<Parameters extends TProperties>(
  parameters: Parameters,
): TObject<Parameters> {
  return Type.Object(parameters, { additionalProperties: false })
}

export function integer(initial: number, minimum: number, maximum: number): TInteger {
  const description = `an integer from ${minimum} to ${maximum}`
  return Type.Integer({ default: initial, minimum, maximum, description })
}

/** Milliseconds, before they are scaled. */
export function milliseconds(initial: number, minimum = 0): TInteger {
  return integer(initial, minimum, 60_000)
}

export function fraction(initial: number): TNumber {
  const description = 'a number from 0 to 1'
  return Type.Number({ default: initial, minimum: 0, maximum: 1, description })
}

export function text(initial: string): TString {
  const maxLength = 200
  const description = `text of 0 to ${maxLength} characters`
  return Type.String({ default: initial, maxLength, description })
}

/** Text that must be given. */
export function message(): TString {
  const maxLength = 10_000
  const description = `text of 1 to ${maxLength} characters`
  return Type.String({ minLength: 1, maxLength, description })
}

export function flag(initial: boolean): TBoolean {
  return Type.Boolean({ default: initial, description: 'true or false' })
}

/** Given by its name, once for each. */
export function list<Item extends TSchema>(
  item: Item,
  initial: readonly Static<Item>[],
): TArray<Item> {
  const { description } = item as { description?: string }
  return Type.Array(item, {
    default: initial,
    minItems: 1,
    maxItems: 20,
    description: `1 to 20 times ${description}`,
  })
}

export function oneOf<Choice extends string>(initial: Choice, choices: readonly Choice[]) {
  return Type.Unsafe<Choice>(
    Type.Enum([...choices], { default: initial, description: choices.join(' or ') }),
  )
}

/**
 * What Ajv would turn into its type: text like 0x10, 1e3, a blank or Infinity into a number, and any
 * number of a body into text. For what is infinite, 400 digits included, it then knows no maximum.
 */
export function misreadIn(given: unknown, schema: TObject): string | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  const misread = Object.keys(schema.properties).find((name) => {
    const { type, items } = schema.properties[name] as { type?: string; items?: { type?: string } }
    const value = (given as Record<string, unknown>)[name]
    if (value === undefined) return false
    // A list may be given as one; Ajv would take a list of one for what is none.
    const all = items === undefined ? [value] : [value].flat()
    return all.some((one) => !isWritten(one, items?.type ?? type))
  })
  return misread === undefined ? undefined : mismatch(misread, schema, given)
}

function isWritten(value: unknown, type: string | undefined): boolean {
  if (typeof value !== 'string') return false
  const isNumber = type === 'integer' || type === 'number'
  return !isNumber || (DECIMAL.test(value) && Number.isFinite(Number(value)))
}

/** What is wrong, by name, with what it got and what it takes. */
export function problemOf(
  { instancePath, keyword, params }: FastifySchemaValidationError,
  schema: TObject,
  given: unknown,
): string {
  const known = Object.keys(schema.properties).join(', ') || 'nothing'
  if (keyword === 'additionalProperties') {
    return `${shown(String(params.additionalProperty))}: unknown, takes ${known}`
  }
  const name = instancePath.split('/')[1] ?? params.missingProperty
  if (typeof name !== 'string') return `body: got ${show(given)}, takes an object of ${known}`
  return mismatch(name, schema, given)
}

function mismatch(name: string, { properties }: TObject, given: unknown): string {
  const { description } = properties[name] as { description?: string }
  return `${name}: got ${show((given as Record<string, unknown>)[name])}, takes ${description}`
}

function show(value: unknown): string {
  return shown(JSON.stringify(value) ?? 'nothing')
}
