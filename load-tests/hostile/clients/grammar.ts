/**
 * Requests of HTTP/1.1 as its grammar makes them, and as it does not: each part is mostly right and
 * now and then wrong in one of the ways that parsers have fallen for.
 */
import type { Dice } from './dice.js'
import { mutated } from './mutated.js'
import {
  BODIES,
  CODINGS,
  ENDS,
  LENGTHS,
  METHODS,
  ODD_HEADERS,
  ODD_METHODS,
  ODD_TARGETS,
  PATHS,
  RIGHT,
  VERSIONS,
} from './words.js'

/** Bytes to be sent, one or more requests in a row. */
export function requests(dice: Dice): Buffer {
  const count = dice.once(4) ? 1 + dice.below(dice.once(20) ? 300 : 12) : 1
  let text = Array.from({ length: count }, () => request(dice)).join('')
  // Broken off anywhere.
  if (dice.once(6)) text = text.slice(0, dice.below(text.length))
  const bytes = Buffer.from(text, 'latin1')
  return dice.once(5) ? mutated(dice, bytes) : bytes
}

/** One that has to be answered as it should. */
export function rightRequest(dice: Dice): Buffer {
  const known = ['Accept: */*', 'Accept-Encoding: br, gzip', 'User-Agent: x', 'Cookie: a=b']
  const headers = dice.some(4, () => `${dice.one(known)}\r\n`).join('')
  return Buffer.from(`GET ${dice.one(RIGHT)} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)
}

function request(dice: Dice): string {
  const method = dice.once(10) ? dice.one(ODD_METHODS) : dice.one(METHODS)
  const target = dice.once(4) ? dice.one(ODD_TARGETS) : dice.one(PATHS)
  const version = dice.once(15) ? dice.one(VERSIONS) : 'HTTP/1.1'
  const space = (): string => (dice.once(40) ? dice.one(['  ', '\t', '', '\xa0']) : ' ')
  const end = (): string => (dice.once(60) ? dice.one(ENDS) : '\r\n')
  const { headers: ofBody, bytes } = dice.once(3) ? body(dice) : { headers: [], bytes: '' }
  const headers = [
    ...(dice.once(12) ? [] : ['Host: x']),
    ...ofBody,
    ...(dice.once(2) ? dice.some(4, () => dice.one(ODD_HEADERS)) : []),
    ...(dice.once(60) ? Array.from({ length: 3000 }, (_, n) => `X-${n}: ${n}`) : []),
  ]
  const lines = headers.map((line) => line + end()).join('')
  return `${method}${space()}${target}${space()}${version}${end()}${lines}${end()}${bytes}`
}

/** Of the length that is announced, or not. */
function body(dice: Dice): { headers: string[]; bytes: string } {
  const text = dice.one(BODIES)
  const type = `Content-Type: ${dice.one(['application/json', 'text/plain', 'x', 'application/json;'])}`
  if (dice.once(2)) {
    const length = dice.once(5)
      ? dice.one(LENGTHS)
      : String(Math.max(0, text.length + (dice.once(4) ? dice.below(20) - 10 : 0)))
    const twice = dice.once(20) ? [`Content-Length: ${length}1`] : []
    return { headers: [type, `Content-Length: ${length}`, ...twice], bytes: text }
  }
  const coding = dice.once(4) ? dice.one(CODINGS) : 'chunked'
  const both = dice.once(6) ? [`Content-Length: ${text.length}`] : []
  return { headers: [type, `Transfer-Encoding: ${coding}`, ...both], bytes: chunks(dice, text) }
}

function chunks(dice: Dice, text: string): string {
  const parts = text.match(/[\s\S]{1,700}/g) ?? []
  const extension = (): string =>
    dice.once(5)
      ? dice.one([
          ';',
          ';a',
          ';a=b',
          ';a="b;\\""',
          `;${'x'.repeat(9000)}`,
          ';\xff=\0',
          ' ;a',
          ';a=\r',
        ])
      : ''
  const size = (length: number): string =>
    dice.once(15)
      ? dice.one(['-1', '0x10', 'fffffffffffffffff', 'g', '', ' 5', '5 ', '00000000000000005'])
      : length.toString(16)
  const trailer = dice.once(5)
    ? `${dice.one(['X: y', 'Host: z', 'Content-Length: 5', ...ODD_HEADERS])}\r\n`
    : ''
  const sent = parts.map((part) => `${size(part.length)}${extension()}\r\n${part}\r\n`).join('')
  return dice.once(8) ? sent : `${sent}0${extension()}\r\n${trailer}\r\n`
}
