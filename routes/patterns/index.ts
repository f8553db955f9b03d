/** All patterns, and at `/patterns` their list: a page for browsers, JSON for all others. */
import helmet from '@fastify/helmet'
import type { FastifyPluginAsync } from 'fastify'
import { PAGE_HEADERS } from '../kit/page-headers.js'
import broadcast from './broadcast.js'
import cancellation from './cancellation.js'
import channels from './channels.js'
import composition from './composition.js'
import errors from './errors.js'
import fanOut from './fan-out.js'
import files from './files.js'
import futures from './futures.js'
import type { PatternOptions } from './kit/pattern.js'
import lazy from './lazy.js'
import { LISTED_ORIGIN, type ListedPattern, listed } from './list.js'
import polling from './polling.js'
import race from './race.js'
import tasks from './tasks.js'
import threads from './threads.js'
import timeout from './timeout.js'

const ALL = [
  futures,
  lazy,
  composition,
  race,
  timeout,
  cancellation,
  tasks,
  threads,
  channels,
  broadcast,
  errors,
  files,
  polling,
  fanOut,
]

/** A name or address that a shell takes as it is, maybe with a port; of whatever else nobody gets a copy. */
const HOST = /^[\w.:[\]-]{1,255}$/

const patterns: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  const all: ListedPattern[] = []
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.pattern === undefined || method === 'HEAD') return
    all.push(listed(String(method), url, config.pattern))
  })
  for (const pattern of ALL) await app.register(pattern, options)
  await app.register(index, { all })
}
export default patterns

/** With headers of its own. */
const index: FastifyPluginAsync<{ all: readonly ListedPattern[] }> = async (app, { all }) => {
  await app.register(helmet, PAGE_HEADERS)

  app.get('/patterns', async ({ headers, host, protocol }, reply) => {
    const origin = HOST.test(host) ? `${protocol}://${host}` : LISTED_ORIGIN
    const patterns = all.map((pattern) => ({
      ...pattern,
      curl: pattern.curl.replace(LISTED_ORIGIN, () => origin),
    }))
    reply.header('vary', 'accept')
    if (headers.accept?.includes('text/html') !== true) return patterns
    reply.type('text/html; charset=utf-8')
    return page(patterns)
  })
}

/** No script and no style of its own, so that any content security policy lets it through. */
function page(all: readonly ListedPattern[]): string {
  const families = new Map<string, ListedPattern[]>()
  for (const pattern of all) {
    const [, , family = ''] = pattern.path.split('/')
    families.set(family, [...(families.get(family) ?? []), pattern])
  }
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sluice: patterns</title>
<link rel="icon" href="/public/dashboard/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/public/patterns.css">
</head>
<body>
<header>
<h1>Patterns</h1>
<p>Each answers with its result, how long it took, and what happened when. Leave, and it stops.</p>
</header>
<main>
${[...families].map(section).join('\n')}
</main>
</body>
</html>
`
}

function section([family, members]: [string, ListedPattern[]]): string {
  const items = members.map(({ method, href, title, curl }) => {
    const name = inHtml(title)
    const shown =
      method === 'GET' ? `<a href="${inHtml(href)}">${name}</a>` : `<span>${name}</span>`
    return `<li>${shown} <code>${inHtml(curl)}</code></li>`
  })
  return `<section>
<h2>${family}</h2>
<ul>
${items.join('\n')}
</ul>
</section>`
}

function inHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
