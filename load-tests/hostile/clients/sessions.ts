/** Sessions of HTTP/2 that a hostile client opens: what it sends, and now and then a right one. */
import type { Dice } from './dice.js'
import { block, FLAG, frame, get, number, PREFACE, post, pseudo, settings, TYPE } from './frames.js'
import { mutated } from './mutated.js'

const PATHS = ['/fast', '/slow', '/big', '/stream', '/no', '/health/live', '/concurrency']
const ODD_HEADERS: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':unknown', 'x'],
  ['Upper', 'x'],
  ['connection', 'close'],
  ['transfer-encoding', 'chunked'],
  ['te', 'gzip'],
  ['content-length', '-1'],
  ['content-length', '99999999999'],
  ['x', '\0'],
  ['x\0', 'y'],
  ['', 'empty'],
  ['host', 'other'],
  ['expect', '100-continue'],
  ['cookie', 'a=b; '.repeat(300)],
  ['x-long', 'x'.repeat(9000)],
  ['upgrade', 'websocket'],
]
const ODD_SETTINGS: readonly (readonly [number, number])[] = [
  [1, 0],
  [1, 2 ** 32 - 1],
  [2, 7],
  [3, 0],
  [4, 0],
  [4, 1],
  [4, 2 ** 31],
  [5, 0],
  [5, 2 ** 24 - 1],
  [6, 0],
  [8, 2],
  [99, 5],
]

const ODD_STARTS = [
  Buffer.from('GET /fast HTTP/1.1\r\nHost: x\r\n\r\n'),
  PREFACE.subarray(0, 9),
  Buffer.alloc(0),
]

/** Every one but the first takes the next streams of the session. */
type Act = (dice: Dice, next: () => number) => Buffer

/** Named by what they are about. */
export const acts: Readonly<Record<string, Act>> = {
  requests: (dice, next) => Buffer.concat(dice.some(20, () => get(next(), dice.one(PATHS)))),
  'rapid resets': (dice, next) =>
    Buffer.concat(
      dice.some(300, () => {
        const stream = next()
        const reset = frame(TYPE.reset, 0, stream, number(dice.below(16)))
        return Buffer.concat([get(stream, dice.one(PATHS)), reset])
      }),
    ),
  'odd settings': (dice) => settings(...dice.some(10, () => dice.one(ODD_SETTINGS))),
  'floods of settings': (dice) =>
    Buffer.concat(dice.some(1000, () => settings(dice.one(ODD_SETTINGS)))),
  'floods of pings': (dice) =>
    Buffer.concat(dice.some(1000, () => frame(TYPE.ping, 0, 0, dice.bytes(8)))),
  'empty data': (dice, next) => {
    const stream = next()
    const empty = frame(TYPE.data, 0, stream)
    return Buffer.concat([post(stream), ...dice.some(500, () => empty)])
  },
  'odd headers': (dice, next) => {
    const odd = dice.some(5, () => dice.one(ODD_HEADERS))
    const fields = dice.once(4)
      ? odd
      : [
          ...pseudo(
            dice.one(['GET', 'POST', 'CONNECT', '']),
            dice.one([...PATHS, '', '*', '/%zz']),
          ),
          ...odd,
        ]
    return frame(TYPE.headers, dice.one([4, 5, 5, 1, 12, 36]), next(), block(fields))
  },
  continuations: (dice, next) => {
    const stream = next()
    const piece = block(dice.some(20, () => ['x', 'y'.repeat(dice.below(200))] as const))
    const more = dice.some(300, () => frame(TYPE.continuation, 0, stream, piece))
    const end = dice.once(2) ? [frame(TYPE.continuation, FLAG.endHeaders, stream)] : []
    return Buffer.concat([
      frame(TYPE.headers, FLAG.endStream, stream, block(pseudo('GET', '/fast'))),
      ...more,
      ...end,
    ])
  },
  'header bombs': (dice, next) => {
    // One entry of the table, and then nothing but its index.
    const name = Buffer.from([0x40, 1, 0x78, 127, ...[0x81, 0x1e], ...Buffer.alloc(4000, 'y')])
    const bomb = Buffer.concat([
      block(pseudo('GET', '/fast')),
      name,
      Buffer.alloc(dice.below(8000), 0xbe),
    ])
    return frame(TYPE.headers, 5, next(), bomb.subarray(0, 16_384))
  },
  'half uploads': (dice, next) =>
    Buffer.concat(
      dice.some(30, () => {
        const stream = next()
        return Buffer.concat([
          post(stream),
          frame(TYPE.data, 0, stream, dice.bytes(dice.below(100))),
        ])
      }),
    ),
  'windows that stay shut': (dice, next) =>
    Buffer.concat([
      settings([4, dice.below(3)]),
      ...dice.some(30, () => get(next(), dice.one(['/big', '/stream', '/fast']))),
    ]),
  'windows that burst': (dice, next) => {
    const stream = next()
    const more = dice.one([0, 1, 2 ** 31 - 1, 2 ** 31])
    const updates = dice.some(20, () => frame(TYPE.window, 0, dice.one([0, stream]), number(more)))
    return Buffer.concat([get(stream, '/big'), ...updates])
  },
  priorities: (dice, next) =>
    Buffer.concat(
      dice.some(300, () =>
        frame(
          TYPE.priority,
          0,
          dice.one([next(), 0]),
          Buffer.concat([number(dice.below(2000)), dice.bytes(1)]),
        ),
      ),
    ),
  'unknown frames': (dice) =>
    Buffer.concat(
      dice.some(50, () =>
        frame(10 + dice.below(245), dice.below(256), dice.below(9), dice.bytes(dice.below(60))),
      ),
    ),
  'frames out of place': (dice, next) =>
    Buffer.concat(
      dice.some(5, () =>
        frame(
          dice.below(10),
          dice.below(256),
          dice.one([0, 1, 2, next(), 2 ** 31 - 1]),
          dice.bytes(dice.below(40)),
        ),
      ),
    ),
  'false lengths': (dice, next) =>
    frame(
      dice.below(10),
      dice.below(256),
      next(),
      dice.bytes(dice.below(30)),
      dice.one([0, 1, 3, 20_000, 2 ** 24 - 1]),
    ),
  goodbyes: (dice, next) =>
    Buffer.concat([
      frame(TYPE.goaway, 0, 0, Buffer.concat([number(dice.below(9)), number(dice.below(14))])),
      get(next(), '/fast'),
    ]),
}
const ACTS = Object.keys(acts)
/** Those that break no rule. */
const FAIR = [
  'requests',
  'rapid resets',
  'floods of pings',
  'empty data',
  'half uploads',
  'windows that stay shut',
  'unknown frames',
]
/**
 * Below 24 Node itself does not stand what breaks a rule: frames behind an error end the process of a
 * plain `node:http2` server (seen within 1,300 sessions: 20.20.2 and 22.23.3), and a session that had
 * one keeps its socket, and its streams, when its client is gone. 24.21.0 and 26.10.0 stood 3,700.
 */
const STANDS_ALL = Number.parseInt(process.versions.node, 10) >= 24
const TRIED = STANDS_ALL ? ACTS : FAIR

interface Session {
  readonly bytes: Buffer
  readonly tried: readonly string[]
}

/** All that one connection sends, and what is in it. */
export function session(dice: Dice): Session {
  let stream = -1
  const next = (): number => {
    stream += 2
    return STANDS_ALL && dice.once(60) ? dice.below(9) : stream
  }
  const tried = Array.from({ length: 1 + dice.below(4) }, () => dice.one(TRIED))
  const parts = tried.map((name) => (acts[name] as Act)(dice, next))
  if (!STANDS_ALL) return { bytes: Buffer.concat([PREFACE, settings(), ...parts]), tried }
  const start = dice.once(15)
    ? [dice.one(ODD_STARTS), dice.bytes(24)]
    : [PREFACE, ...(dice.once(10) ? [] : [settings()])]
  const bytes = Buffer.concat([...start, ...parts])
  return { bytes: dice.once(5) ? mutated(dice, bytes) : bytes, tried }
}

/** A right one: so many requests, each of which has to end. */
export function rightSession(dice: Dice): { readonly bytes: Buffer; readonly streams: number } {
  const streams = 1 + dice.below(5)
  const asked = Array.from({ length: streams }, (_, at) =>
    get(1 + 2 * at, dice.one(['/fast', '/slow', '/no'])),
  )
  return { bytes: Buffer.concat([PREFACE, settings(), ...asked]), streams }
}

/** How many streams an answer has ended whole. */
export function endedIn(answer: string): number {
  const bytes = Buffer.from(answer, 'latin1')
  let ended = 0
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    const [type = 0, flags = 0] = bytes.subarray(at + 3, at + 5)
    if ((type === TYPE.data || type === TYPE.headers) && (flags & FLAG.endStream) !== 0) ended++
  }
  return ended
}
