/**
 * The server's events, for as long as somebody looks at the page. A lost connection is made again,
 * by the browser or, where it gives up, here; a hidden page has none, and the history that comes
 * first on every connection fills what it missed.
 */

/** Milliseconds. */
const RETRY = 2000

/**
 * @typedef {import('fastify-sluice').Snapshot} Snapshot
 * @typedef {import('fastify-sluice').Interval} Interval
 * @typedef {import('../../routes/operators/stream/history.ts').Row} Row
 * @typedef {import('../../routes/operators/stream/timeline.ts').Requests} Requests
 * @typedef {{ reasons: string[], limiters: string[], rows: Row[] }} History
 * @typedef {{ row: Row, recent: Interval | undefined, untold: number }} Second
 *
 * @param {object} handlers
 * @param {(reached: boolean) => void} handlers.lost false: nobody answered; true: who had answered is gone
 * @param {(snapshot: Snapshot) => void} handlers.snapshot
 * @param {(history: History) => void} handlers.history
 * @param {(second: Second) => void} handlers.second
 * @param {(requests: Requests) => void} handlers.requests
 */
export function follow(handlers) {
  /** @type {EventSource | undefined} */
  let source
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let again

  function open() {
    let reached = false
    source = new EventSource('concurrency/stream?detail=true')
    source.onopen = () => {
      reached = true
    }
    source.onmessage = ({ data }) => handlers.snapshot(JSON.parse(data))
    for (const name of /** @type {const} */ (['history', 'second', 'requests'])) {
      source.addEventListener(name, ({ data }) => handlers[name](JSON.parse(data)))
    }
    source.onerror = () => {
      handlers.lost(reached)
      reached = false
      if (source?.readyState === EventSource.CLOSED) again = setTimeout(open, RETRY)
    }
  }

  function look() {
    clearTimeout(again)
    source?.close()
    if (document.visibilityState === 'visible') open()
  }

  document.addEventListener('visibilitychange', look)
  look()
}
