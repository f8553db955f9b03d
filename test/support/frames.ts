/** Frames of HTTP/2 (RFC 9113) by hand: Node's client ends an upload before it resets its stream. */

const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const WINDOW_UPDATE = 8
export const END_STREAM = 1
const END_HEADERS = 4
const INITIAL_WINDOW_SIZE = 4
const WIDEST = 2 ** 31 - 1

/** What a client says first. */
export const preface: Buffer = greeting(Buffer.alloc(0))

/** The same from one that lets the server send without end. */
export const widePreface: Buffer = Buffer.concat([
  greeting(Buffer.concat([Buffer.of(0, INITIAL_WINDOW_SIZE), number(WIDEST)])),
  frame(WINDOW_UPDATE, 0, 0, number(WIDEST - 65_535)),
])

export function get(stream: number, path: string): Buffer {
  return headers(stream, END_STREAM, [
    [':method', 'GET'],
    [':path', path],
  ])
}

/** A request on that stream (odd numbers) whose body is still to come. */
export function post(stream: number, path: string): Buffer {
  const type = ['content-type', 'application/json'] as const
  return headers(stream, 0, [[':method', 'POST'], [':path', path], type])
}

export function data(stream: number, body: string, flags = 0): Buffer {
  return frame(DATA, flags, stream, Buffer.from(body))
}

export function reset(stream: number, code: number): Buffer {
  return frame(RST_STREAM, 0, stream, number(code))
}

function greeting(settings: Buffer): Buffer {
  const magic = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  return Buffer.concat([magic, frame(SETTINGS, 0, 0, settings)])
}

function headers(
  stream: number,
  flags: number,
  own: (readonly [name: string, value: string])[],
): Buffer {
  const fields = [[':scheme', 'http'] as const, [':authority', 'x'] as const, ...own]
  const block = fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)])
  return frame(HEADERS, END_HEADERS | flags, stream, Buffer.concat(block))
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Shorter than 127 bytes, as HPACK has it without Huffman's code. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.of(value.length), Buffer.from(value)])
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
