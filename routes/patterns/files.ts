/** Files, read and written without blocking; writers take turns, so that their lines stay whole. */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyPluginAsync } from 'fastify'
import { Semaphore } from 'fastify-sluice'
import { Fault, isExhausted, isSystemError } from '../kit/faults.js'
import { NoFileError, openRegular, readRegular } from '../kit/regular-file.js'
import { flag, integer, oneOf, text } from './kit/input.js'
import { Failure, type PatternOptions, pattern } from './kit/pattern.js'
import type { Run } from './kit/run.js'

/** The most files that are open at once, beside the one that is written. */
const OPEN_FILES = 10
const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND } = constants

const filePatterns: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  const folder = join(tmpdir(), `sluice-patterns-${randomUUID()}`)
  /** In the folder, which is made when asked for, and anew if somebody has cleaned it away. */
  async function writable(name: string): Promise<string> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return join(folder, name)
  }
  app.addHook('onClose', () => rm(folder, { recursive: true, force: true }))
  const turn = new Semaphore(1)
  const files = new Semaphore(OPEN_FILES)

  pattern(app, options, {
    url: '/patterns/files/read',
    title: 'a file, read without blocking',
    article: { 'file read': '' },
    takes: { file: oneOf('data.txt', ['data.txt', 'log.txt']) },
    work: async (run, { file }) => {
      using _permit = await files.acquire({ signal: run.signal })
      run.note(`Reading ${file}...`)
      const root = file === 'data.txt' ? options.folder : folder
      try {
        return String(await readRegular(join(root, file), root, run.signal))
      } catch (error) {
        run.signal.throwIfAborted()
        if (isExhausted(error)) throw error
        throw new Failure(404, 'File not found')
      }
    },
  })

  pattern(app, options, {
    method: 'POST',
    url: '/patterns/files/write',
    title: 'a file, written without blocking',
    query: '?text=Hello',
    article: { 'file written': '' },
    takes: { text: text('async write successful') },
    work: async (run, { text: line }) => {
      using _turn = await turn.acquire({ signal: run.signal })
      run.note('Writing log.txt...')
      // No signal: once begun, it is written whole.
      await nameless(async () => {
        const path = await writable('log.txt')
        await using file = await openRegular(path, folder, O_WRONLY | O_CREAT | O_TRUNC)
        await file.handle.writeFile(`Log entry: ${line}\n`)
      })
      return 'Data written to log.txt'
    },
  })

  let appended = 0
  pattern(app, options, {
    method: 'POST',
    url: '/patterns/files/append',
    title: 'writers that take turns',
    query: '?writers=5&lines=4',
    takes: { writers: integer(5, 1, 20), lines: integer(4, 1, 20), turns: flag(true) },
    work: async (run, { writers, lines, turns }) => {
      using _permit = await files.acquire({ signal: run.signal })
      const written = await nameless(async () => {
        const path = await writable(`append-${++appended}.txt`)
        try {
          {
            await using file = await openRegular(path, folder, O_WRONLY | O_CREAT | O_APPEND)
            await append(file.handle, run, writers, lines, turns ? new Semaphore(1) : undefined)
          }
          return String(await readRegular(path, folder))
        } finally {
          await rm(path, { force: true })
        }
      })
      const whole = written.split('\n').filter((line) => WHOLE.test(line)).length
      return { lines: writers * lines, whole }
    },
  })
}
export default filePatterns

const WHOLE = /^writer \d+ begins, ends$/

/** Each line is written in two steps, and others come in between unless they have to take turns. */
async function append(
  file: FileHandle,
  run: Run,
  writers: number,
  lines: number,
  turn: Semaphore | undefined,
): Promise<void> {
  const write = async (writer: number): Promise<void> => {
    for (let line = 1; line <= lines; line++) {
      using _turn = await turn?.acquire({ signal: run.signal })
      run.signal.throwIfAborted()
      await file.appendFile(`writer ${writer} begins`)
      await file.appendFile(', ends\n')
    }
    run.note(`Writer ${writer} is through`)
  }
  const all = await Promise.allSettled(Array.from({ length: writers }, (_, at) => write(at + 1)))
  for (const one of all) if (one.status === 'rejected') throw one.reason
}

/** Where the machine keeps its files is for the log, not for the answer. */
async function nameless<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isExhausted(error)) throw error
    const cause = error instanceof NoFileError && error.cause !== undefined ? error.cause : error
    if (isSystemError(cause)) throw new Fault(`Cannot write: ${cause.code}`, { cause })
    if (cause instanceof NoFileError) throw new Fault('Cannot write: no regular file', { cause })
    throw error
  }
}
