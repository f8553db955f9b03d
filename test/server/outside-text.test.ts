/** What comes in does not go back as it came: bounded, on one line, and to be seen. */
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { buildApp } from '../../src/app.js'
import { shown, visible, visibleJson } from '../../src/server/outside-text.js'
import { checkInteger, show } from '../../src/sluice/core/check.js'
import { units } from '../support/units.js'

let app: FastifyInstance | undefined

afterEach(() => app?.close())

const ESCAPE = '\u001b'
const C1 = '\u009b'
const OVERRIDE = '\u202e'
const most = fc.integer({ min: 1, max: 30 })
const throwing = (): never => {
  throw new Error('not to be looked at')
}

describe('text as it is shown', () => {
  test.each([
    ['plain, \u00fcber, \u65e5\u672c, \u{1f600}', 'plain, \u00fcber, \u65e5\u672c, \u{1f600}'],
    [`a\nb\rc\td${ESCAPE}[2J`, 'a\\u000ab\\u000dc\\u0009d\\u001b[2J'],
    [`${C1}31m\u007f\u0085`, '\\u009b31m\\u007f\\u0085'],
    [`${OVERRIDE}txt.exe\u2028\u2029\ufeff`, '\\u202etxt.exe\\u2028\\u2029\\ufeff'],
    ['half \ud83d of a pair', 'half \\ud83d of a pair'],
    ['\u{e0041}', '\\udb40\\udc41'],
  ])('%j', (text, expected) => {
    expect(visible(text)).toBe(expected)
  })

  test('is bounded before it is written out', () => {
    expect(shown('x'.repeat(100))).toBe('x'.repeat(100))
    expect(shown('x'.repeat(101))).toBe(`${'x'.repeat(100)}...`)
    expect(shown('\n'.repeat(1_000_000)).length).toBe(603)
  })

  test.each([
    [
      'a pair before the cut is whole',
      `${'x'.repeat(98)}\u{1f600}!`,
      `${'x'.repeat(98)}\u{1f600}...`,
    ],
    ['a pair at the cut is left out', `${'x'.repeat(99)}\u{1f600}`, `${'x'.repeat(99)}...`],
    ['a first half is left out', `${'x'.repeat(99)}\ud83dy`, `${'x'.repeat(99)}...`],
    ['a second half is written out', `${'x'.repeat(99)}\ude00y`, `${'x'.repeat(99)}\\ude00...`],
    ['a half before the end, too', `${'x'.repeat(98)}\ud83d`, `${'x'.repeat(98)}\\ud83d`],
  ])('at the cut: %s', (_, text, expected) => {
    expect(shown(text)).toBe(expected)
  })

  test('whatever it is, at any cut: well-formed, bounded, and nothing unseen', () => {
    fc.assert(
      fc.property(units, most, (units, most) => {
        const result = shown(units.join(''), most)
        expect(Buffer.from(result).toString()).toBe(result)
        expect(result.length).toBeLessThanOrEqual(6 * most + 3)
        expect(result).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      }),
    )
  })

  test('in JSON means what it meant', () => {
    const value = { [`k${C1}`]: `${C1}31m${OVERRIDE}\u2028\u{1f600}\u{e0041}\u0600\n\ud83d` }
    const line = visibleJson(`${JSON.stringify(value)}\n`)
    expect(line).toBe(
      '{"k\\u009b":"\\u009b31m\\u202e\\u2028\u{1f600}\\udb40\\udc41\\u0600\\n\\ud83d"}\n',
    )
    expect(JSON.parse(line)).toEqual(value)
  })

  test.each<[string, unknown, string]>([
    ['short', 'short', '"short"'],
    ['a direction', OVERRIDE, '"\\u202e"'],
    ['a text', 'x'.repeat(1_000_000), `"${'x'.repeat(99)}...`],
    ['an object', { a: OVERRIDE.repeat(1000) }, `{"a":"${'\\u202e'.repeat(94)}...`],
    ['no JSON', { toJSON: () => undefined }, 'an object that is no JSON'],
    [
      'one that throws',
      Object.defineProperty({}, 'constructor', { get: throwing }),
      'an object that is no JSON',
    ],
    ['a symbol', Symbol(`a\n${'x'.repeat(1000)}`), `Symbol(a\\u000a${'x'.repeat(91)}...`],
    ['a number', 10n ** 1000n, `1${'0'.repeat(99)}...`],
    ['a class', new { [`A${ESCAPE}`]: class {} }[`A${ESCAPE}`](), 'A\\u001b'],
    ['what says to be one', { constructor: { name: [ESCAPE] } }, '\\u001b'],
    ['a function', { [`f${C1}`]() {} }[`f${C1}`], 'function f\\u009b'],
  ])('so are the values of options in errors: %s', (_, value, expected) => {
    expect(show(value)).toBe(expected)
    expect(() => checkInteger('permits', value, 1, 2)).toThrow(`permits: got ${expected}, takes`)
  })
})

describe('the server', () => {
  async function build() {
    const lines: string[] = []
    const stream = new PassThrough().on('data', (chunk) => lines.push(String(chunk)))
    app = await buildApp({ TIME_SCALE: 0 }, pino(stream))
    return { app, lines }
  }

  test.each(["$'", '$&', '$`', '$1', 'x'])(
    'a Host of %j again and again gets no copies',
    async (one) => {
      const { app } = await build()
      const host = one.repeat(7000)
      for (const accept of ['text/html', 'application/json']) {
        const { body, statusCode } = await app.inject({
          url: '/patterns',
          headers: { host, accept },
        })
        expect(statusCode).toBe(200)
        expect(body.length).toBeLessThan(20_000)
        expect(body).toContain('http://127.0.0.1:3000/patterns/race')
      }
    },
  )

  test('a Host that is one is in the curl lines', async () => {
    const { app } = await build()
    const { body } = await app.inject({ url: '/patterns', headers: { host: 'sluice.test:8080' } })
    expect(body).toContain('http://sluice.test:8080/patterns/race')
  })

  test('the name of an unknown parameter is bounded and written out, in answer and log', async () => {
    const { app, lines } = await build()
    const forged = `x\n{"level":60,"msg":"forged"}${ESCAPE}[2J${C1}`
    const long = 'y'.repeat(500_000)
    const urls = [`/patterns/race?${encodeURIComponent(forged)}=1`]
    for (const url of urls) {
      const { json, statusCode } = await app.inject(url)
      expect(statusCode).toBe(400)
      expect(json().message).toMatch(
        /^x\\u000a\{"level":60,"msg":"forged"\}\\u001b\[2J\\u009b: unknown/,
      )
    }
    const { body } = await app.inject({
      method: 'POST',
      url: '/patterns/broadcast',
      payload: { message: 'm', [long]: 1 },
    })
    expect(body.length).toBeLessThan(1000)
    expect(lines.join('').length).toBeLessThan(10_000)
    for (const line of lines.join('').trim().split('\n'))
      expect(() => JSON.parse(line)).not.toThrow()
  })

  test.each([
    [`/%ff${'z'.repeat(5000)}`, 400],
    [`/patterns/race?delay=${'9'.repeat(5000)}x`, 400],
    [`/public/%00${'z'.repeat(5000)}`, 403],
  ])('%s: the answer is short', async (url, status) => {
    const { app } = await build()
    const { body, statusCode } = await app.inject(url)
    expect(statusCode).toBeGreaterThanOrEqual(Math.min(status, 400))
    expect(body.length).toBeLessThan(1000)
  })

  test.each([`${C1}31m`, 'two words', 'x'.repeat(129), ''])(
    'X-Request-Id %j is no id: the log has one of its own',
    async (id) => {
      const { app, lines } = await build()
      await app.inject({ url: '/fast', headers: { 'x-request-id': id } })
      const ids = lines.map((line) => (JSON.parse(line) as { reqId?: string }).reqId)
      expect(ids.at(-1)).toMatch(/^req-[0-9a-z]+$/)
    },
  )
})
