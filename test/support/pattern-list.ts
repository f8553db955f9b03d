/** The patterns in the order of their index, as their routes define them. */
import patterns from '../../routes/patterns/index.js'
import { type ListedPattern, listed } from '../../routes/patterns/list.js'
import { createApp, PUBLIC_FOLDER } from '../../src/app.js'
import sluice from '../../src/sluice/index.js'

export interface DefinedPattern extends ListedPattern {
  /** The rows that it has in the table of the article's examples: example and endpoint. */
  readonly rows: readonly (readonly [string, string])[]
}

/** Every route below `/patterns`. @throws Error that names one which says nothing of itself. */
export async function definedPatterns(): Promise<DefinedPattern[]> {
  const app = createApp()
  const defined: DefinedPattern[] = []
  app.addHook('onRoute', ({ method, url, config }) => {
    if (method === 'HEAD' || url === '/patterns') return
    if (config?.pattern === undefined) throw new Error(`${url} has no config.pattern`)
    const { article = {} } = config.pattern
    const rows = Object.entries(article).map(
      ([example, query]) => [example, `${method} ${url}${query}`] as const,
    )
    defined.push({ ...listed(String(method), url, config.pattern), rows })
  })
  await app.register(sluice)
  await app.register(patterns, { timeScale: 0, folder: PUBLIC_FOLDER })
  await app.close()
  return defined
}
