/** What the buttons of the page fire at, in this order. */

/** @type {readonly { path: string, tells: string }[]} */
export const ENDPOINTS = [
  { path: 'limited', tells: 'two run, the others wait in order' },
  { path: 'slow', tells: 'sleeps longest' },
  { path: 'fast', tells: 'answers at once' },
  { path: 'counter', tells: 'sleeps, and counts who is in' },
  { path: 'delay', tells: 'sleeps' },
  { path: 'async', tells: 'answers at once' },
  { path: 'hello', tells: 'answers at once' },
  { path: 'file', tells: 'reads a file' },
  { path: 'patterns/composition/sequential', tells: 'awaits one after the other' },
  { path: 'patterns/composition/concurrent', tells: 'awaits side by side' },
  { path: 'patterns/race', tells: 'the first wins, the other is stopped' },
  { path: 'patterns/timeout', tells: '3 s of work, 1 s allowed: 504' },
  { path: 'patterns/fan-out', tells: 'eight upstreams asked, three at a time' },
]
