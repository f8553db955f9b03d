/** The README, and its tables. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const root: string = resolve(import.meta.dirname, '../..')
export const readme: string = readFileSync(join(root, 'README.md'), 'utf8')

/** The cells of the table whose header row starts with this cell. */
export function table(firstHeader: string): string[][] {
  const lines = readme.split('\n')
  const start = lines.findIndex(
    (line, index) => line.startsWith(`| ${firstHeader} |`) && lines[index + 1]?.startsWith('|--'),
  )
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}
