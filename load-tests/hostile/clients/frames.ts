/** Frames of HTTP/2 (RFC 9113) by hand, right and wrong ones, as a raw socket sends them. */

export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  promise: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const

export const FLAG = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const

/** @param length in place of the payload's own */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(length % 2 ** 24, 0, 3)
  head[3] = type & 0xff
  head[4] = flags & 0xff
  head.writeUInt32BE(stream >>> 0, 5)
  return Buffer.concat([head, payload])
}

export function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6)
  for (const [at, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(id, at * 6)
    payload.writeUInt32BE(value >>> 0, at * 6 + 2)
  }
  return frame(TYPE.settings, 0, 0, payload)
}

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

/** A header block of literals without index or Huffman (RFC 7541, 6.2.2). */
export function block(headers: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    headers.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]),
  )
}

/** Its length has a prefix of 7 bits (RFC 7541, 5.1). */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  const length: number[] = []
  let rest = bytes.length
  if (rest < 127) length.push(rest)
  else {
    length.push(127)
    for (rest -= 127; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128)
    length.push(rest)
  }
  return Buffer.concat([Buffer.from(length), bytes])
}

export function pseudo(method: string, path: string): [string, string][] {
  return [
    [':method', method],
    [':scheme', 'http'],
    [':authority', 'x'],
    [':path', path],
  ]
}

/** A request without a body. */
export function get(stream: number, path: string): Buffer {
  const flags = FLAG.endStream | FLAG.endHeaders
  return frame(TYPE.headers, flags, stream, block(pseudo('GET', path)))
}

/** The beginning of one with a body. */
export function post(stream: number, headers: readonly (readonly [string, string])[] = []): Buffer {
  const json: [string, string] = ['content-type', 'application/json']
  const fields = block([...pseudo('POST', '/upload'), json, ...headers])
  return frame(TYPE.headers, FLAG.endHeaders, stream, fields)
}
