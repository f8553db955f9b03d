/** What a client is told of an error, and what only the log is. */
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { Fault, isExhausted, Unavailable } from '../../routes/kit/faults.js'
import { createApp } from '../../src/app.js'
import sluice from '../../src/sluice/index.js'

const SECRET = '/srv/secret/data.txt'

function system(code: string, status: { statusCode?: number; status?: number } = {}): Error {
  return Object.assign(new Error(`${code}: failed, open '${SECRET}'`), {
    code,
    syscall: 'open',
    path: SECRET,
    ...status,
  })
}

async function answer(error: unknown, code?: number) {
  const log: { level: number; msg?: string; err?: { message: string } }[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log.push(JSON.parse(String(chunk)))
      done()
    },
  })
  const app = createApp(pino({ level: 'info' }, stream))
  await app.register(sluice)
  app.get('/', async (_request, reply) => {
    if (code !== undefined) reply.code(code)
    throw error
  })
  const { statusCode, headers, body } = await app.inject('/')
  await app.close()
  const { message } = JSON.parse(body)
  return { said: [statusCode, message, headers['retry-after']], body, log }
}

test.each([
  ['a system error', system('EACCES'), undefined],
  [
    'one with the status of a library',
    system('ELOOP', { statusCode: 500, status: 500 }),
    undefined,
  ],
  ['one with the status of another', system('ENAMETOOLONG', { statusCode: 404 }), undefined],
  ['a mistake', new TypeError(`Cannot find module '${SECRET}'`), undefined],
  ['a mistake behind a good status', new Error(SECRET), 200],
  ['a mistake behind a bad one', new Error(SECRET), 500],
  ['no error at all', undefined, undefined],
  ['a text', SECRET, undefined],
])('%s is 500 and no more, and whole in the log', async (_name, error, code) => {
  const { said, body, log } = await answer(error, code)
  expect(said).toEqual([500, 'Internal Server Error', undefined])
  expect(body).not.toContain('secret')
  expect(log).toHaveLength(1)
  expect(log[0]?.level).toBe(50)
  if (error instanceof Error) expect(log[0]?.err?.message).toBe(error.message)
})

test.each(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EAGAIN'])(
  '%s is 503 with Retry-After, also as the cause of another',
  async (code) => {
    for (const error of [system(code), new Error('read', { cause: system(code) })]) {
      const { said, body, log } = await answer(error)
      expect(said).toEqual([503, 'Out of resources', '1'])
      expect(body).not.toContain('secret')
      expect(log[0]?.err?.message).toContain(SECRET)
    }
  },
)

test.each([
  [
    'with a status of its own',
    Object.assign(new Error('said'), { statusCode: 400 }),
    undefined,
    400,
  ],
  ['behind the status that the handler set', new Error('said'), 404, 404],
  ['as a fault', new Fault('said', { cause: system('ENOSPC') }), undefined, 500],
])('%s an error says what it means to say', async (_name, error, code, status) => {
  const { said, body } = await answer(error, code)
  expect(said).toEqual([status, 'said', undefined])
  expect(body).not.toContain('secret')
})

test('unavailable is 503 with Retry-After and its own words', async () => {
  const { said, log } = await answer(new Unavailable('No thread', { cause: system('EIO') }))
  expect(said).toEqual([503, 'No thread', '1'])
  expect(log[0]?.err?.message).toContain(SECRET)
})

test('causes that go in a circle are looked through once', () => {
  const one = new Error('one')
  one.cause = new Error('two', { cause: one })
  expect(isExhausted(one)).toBe(false)
})
