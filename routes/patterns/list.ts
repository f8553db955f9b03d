/** Every pattern in the order of the index, with a curl line that shows it. A test compares it with the routes. */

export interface ListedPattern {
  readonly method: 'GET' | 'POST'
  readonly path: `/patterns/${string}`
  /** The path with the query of the curl line. */
  readonly href: string
  readonly title: string
  /** For a server on 127.0.0.1:3000. */
  readonly curl: string
}

/** Where the curl lines of the list go. */
export const LISTED_ORIGIN = 'http://127.0.0.1:3000'

export const PATTERNS: readonly ListedPattern[] = [
  get('futures/hello', 'an async function'),
  get('futures/value', 'a value returned'),
  get('futures/add', 'a value computed, 5 + 7', '?a=5&b=7'),
  get('futures/multiply', 'another, 4 × 6', '?a=4&b=6'),
  get('futures/states', 'one state after the other'),
  get('futures/delayed', 'a wait of 2 s that blocks nobody'),
  get('futures/method', 'an async method', '?name=Alice'),
  get('lazy', 'a lazy future beside an eager promise'),
  get('lazy/poll', 'a future polled by hand', '?pending=1'),
  get('composition/sequential', 'one after the other: the sum of their times'),
  get('composition/concurrent', 'side by side: the time of the slower', '?of=weather'),
  get('composition/loop', 'a loop of awaits', '?n=1&n=2&n=3&n=4'),
  get('composition/mixed', 'waits between synchronous steps'),
  get('race', 'the first wins, the other is stopped'),
  get('timeout', '3 s of work, 1 s allowed: 504', '?work=3000&allowed=1000'),
  get('cancellation/deadline', 'steps until a deadline, and which of them ran'),
  get('cancellation/drop', 'a task that is cancelled after 1 s'),
  get('tasks', 'ten thousand tasks, and the memory of one', '?n=10000'),
  get('tasks/hello', 'five tasks'),
  get('tasks/join', 'the results of tasks', '?value=10&value=20&value=30'),
  get('tasks/errors', 'the two layers of what can go wrong in a task', '?end=error'),
  get('threads', 'four sums on the pool of threads, or on the loop', '?on=pool'),
  get('threads/hello', 'five tasks on threads'),
  get('threads/tasks', 'ten tasks that sleep on a few threads'),
  get('threads/memory', 'the memory of a thread and of a task', '?n=10'),
  get('threads/rule', 'threads or tasks: the rule of thumb, measured'),
  get('channels', 'a bounded channel: who is too fast, waits', '?capacity=1&senders=2'),
  get('broadcast/receivers', 'one sender, many receivers', '?receivers=3'),
  {
    method: 'GET',
    path: '/patterns/broadcast',
    href: '/patterns/broadcast',
    title: 'listen to what is published, as server-sent events',
    curl: `curl -N ${LISTED_ORIGIN}/patterns/broadcast`,
  },
  {
    method: 'POST',
    path: '/patterns/broadcast',
    href: '/patterns/broadcast',
    title: 'publish to all who listen',
    curl: `curl -H content-type:application/json -d '{"message":"Hello"}' ${LISTED_ORIGIN}/patterns/broadcast`,
  },
  get('errors/divide', 'a division by zero: 400', '?a=10&b=0'),
  get('errors/propagation', 'an error through three layers, with its causes', '?user='),
  get('errors/background', 'a background task fails, the process lives'),
  get('files/read', 'a file, read without blocking'),
  post('files/write', 'a file, written without blocking', '?text=Hello'),
  post('files/append', 'writers that take turns', '?writers=5&lines=4'),
  get('polling', 'an upstream asked every 5 s, with back-off', '?failures=1'),
  get('fan-out', 'eight upstreams asked, three at a time', '?upstreams=8&limit=3'),
]

function get(name: string, title: string, query = ''): ListedPattern {
  return listed('GET', 'curl', name, title, query)
}

function post(name: string, title: string, query = ''): ListedPattern {
  return listed('POST', 'curl -X POST', name, title, query)
}

function listed(
  method: ListedPattern['method'],
  command: string,
  name: string,
  title: string,
  query: string,
): ListedPattern {
  const path = `/patterns/${name}` as const
  const href = path + query
  return { method, path, href, title, curl: `${command} ${quoted(LISTED_ORIGIN + href)}` }
}

/** Shells take ? and & for something else. */
function quoted(url: string): string {
  return /[?&]/.test(url) ? `'${url}'` : url
}
