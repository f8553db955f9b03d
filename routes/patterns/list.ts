/** The index of the patterns, made of what each says of itself where it is defined. */

/** What a pattern shows, in its route's `config.pattern`. */
export interface Shown {
  title: string
  /** The query of its curl line; none by default. */
  query?: string
  /** What curl takes beside the address; for a POST `-X POST` by default, else nothing. */
  curl?: string
  /** The examples of the article that it stands for, as the README names them, each with its query. */
  article?: Readonly<Record<string, string>>
}

declare module 'fastify' {
  interface FastifyContextConfig {
    pattern?: Shown
  }
}

export interface ListedPattern {
  readonly method: string
  readonly path: string
  /** The path with the query of the curl line. */
  readonly href: string
  readonly title: string
  /** For a server on 127.0.0.1:3000. */
  readonly curl: string
}

/** Where the curl lines of the list go. */
export const LISTED_ORIGIN = 'http://127.0.0.1:3000'

export function listed(method: string, path: string, shown: Shown): ListedPattern {
  const { title, query = '', curl = method === 'POST' ? '-X POST' : '' } = shown
  const href = path + query
  const words = ['curl', curl, quoted(LISTED_ORIGIN + href)]
  return { method, path, href, title, curl: words.filter(Boolean).join(' ') }
}

/** Shells take ? and & for something else. */
function quoted(url: string): string {
  return /[?&]/.test(url) ? `'${url}'` : url
}
