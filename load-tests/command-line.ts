/** What all command lines of load tests have in common: they refuse what they do not know, and list a menu. */
import { type ParseArgsConfig, parseArgs } from 'node:util'

type Options = NonNullable<ParseArgsConfig['options']>
type Parsed<O extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; options: O }>
>

/** @returns a string that says what is wrong with them */
export function parsedBy<const O extends Options>(args: string[], options: O): Parsed<O> | string {
  try {
    return parseArgs({ args, allowPositionals: true, options })
  } catch (error) {
    return (error as Error).message
  }
}

/** A line each: its name, and the question that it asks. */
export function menuText(menu: readonly { name: string; question: string }[]): string {
  const width = Math.max(...menu.map(({ name }) => name.length))
  return menu.map(({ name, question }) => `  ${name.padEnd(width)}  ${question}`).join('\n')
}
