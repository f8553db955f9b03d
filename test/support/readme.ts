/** The pages of the project, and their tables. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const root: string = resolve(import.meta.dirname, '../..')

/** The first page, and one beside each subject. */
export const PAGES: readonly string[] = [
  'README.md',
  'src/sluice/README.md',
  'routes/README.md',
  'routes/patterns/README.md',
  'load-tests/README.md',
  'deploy/README.md',
]

/** All of them. */
export const readme: string = PAGES.map((page) => readFileSync(join(root, page), 'utf8')).join('\n')

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
