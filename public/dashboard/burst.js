/**
 * Fires bursts at an endpoint, from this browser. Without credentials they have connections of their
 * own beside the stream's: a browser keeps six of a kind, and holds what is more than that itself.
 */
import { find, make, write } from './dom.js'
import { ENDPOINTS } from './endpoints.js'

const form = find('#burst')
const abort = /** @type {HTMLButtonElement} */ (find('#abort'))
const told = find('#fired')

/** What a browser sends at once to one server. */
const AT_ONCE = 6

/** Ends all that is on its way. */
let leaving = new AbortController()
let pending = 0

find('.endpoints', form).append(
  ...ENDPOINTS.map(({ path, tells }) => buttonFor(path, `/${path}`, tells)),
)

const patterns = find('#patterns')
patterns.addEventListener('toggle', async () => {
  const list = find('.endpoints', patterns)
  if (list.childElementCount > 0) return
  const response = await fetch('patterns').catch(() => undefined)
  // Refused or out of reach: asked again when it is opened again.
  if (!response?.ok) return
  /** @type {{ method: string, href: string, title: string }[]} */
  const listed = await response.json()
  // The stream would have no end.
  const ending = listed.filter(({ method, href }) => method === 'GET' && !/broadcast$/.test(href))
  list.replaceChildren(
    ...ending.map(({ href, title }) =>
      buttonFor(href.slice(1), href.replace('/patterns/', ''), title),
    ),
  )
})

/**
 * @param {string} path
 * @param {string} name
 * @param {string} tells
 */
function buttonFor(path, name, tells) {
  const button = make('button', '', name)
  button.type = 'button'
  button.title = tells
  button.addEventListener('click', () => fire(path))
  return button
}

form.addEventListener('reset', (event) => {
  event.preventDefault()
  leaving.abort()
  leaving = new AbortController()
})

/** @param {string} path */
async function fire(path) {
  const chosen = new FormData(/** @type {HTMLFormElement} */ (form)).get('amount')
  const amount = Number(chosen)
  const counts = { answered: 0, rejected: 0, left: 0, failed: 0 }
  const { signal } = leaving
  const startedAt = performance.now()

  function tell() {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    const done = Object.entries(counts).filter(([, count]) => count > 0)
    const open = amount - done.reduce((sum, [, count]) => sum + count, 0)
    const parts = done.map(([what, count]) => `${count} ${what}`)
    if (open > 0) parts.unshift(`${open} on their way`)
    const how = amount > AT_ONCE ? `, ${AT_ONCE} at a time as browsers do` : ''
    write(
      told,
      `${amount} × /${path}${how}: ${parts.join(', ')}${open > 0 ? '' : ` after ${seconds} s`}`,
    )
    abort.disabled = pending === 0
  }

  pending += amount
  tell()
  await Promise.all(
    Array.from({ length: amount }, async () => {
      counts[await outcome(path, signal)]++
      pending--
      tell()
    }),
  )
}

/**
 * @param {string} path
 * @param {AbortSignal} signal
 * @returns {Promise<'answered' | 'rejected' | 'left' | 'failed'>}
 */
async function outcome(path, signal) {
  try {
    const response = await fetch(path, { signal, cache: 'no-store', credentials: 'omit' })
    await response.arrayBuffer()
    // A 504 may be a handler's own answer; a rejection says of what kind it is.
    const isRejected = response.headers.get('content-type')?.startsWith('application/problem+json')
    return isRejected ? 'rejected' : 'answered'
  } catch {
    return signal.aborted ? 'left' : 'failed'
  }
}
