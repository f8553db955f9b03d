/** Files, read and written without blocking; writers take turns, so that their lines stay whole. */
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyPluginAsync } from 'fastify'
import { Semaphore } from '../../src/index.js'
import { flag, integer, oneOf, text } from './input.js'
import { Failure, type PatternOptions, pattern } from './pattern.js'
import type { Run } from './run.js'

/** The most files that are appended to at once. */
const OPEN_FILES = 10

const filePatterns: FastifyPluginAsync<PatternOptions> = async (app, options) => {
  let folder: Promise<string> | undefined
  /** In a folder that is made when first asked for. */
  const writable = async (name: string): Promise<string> => {
    folder ??= mkdtemp(join(tmpdir(), 'sluice-patterns-'))
    return join(await folder, name)
  }
  app.addHook('onClose', async () => {
    if (folder !== undefined) await rm(await folder, { recursive: true })
  })
  const turn = new Semaphore(1)

  pattern(app, options, {
    url: '/patterns/files/read',
    takes: { file: oneOf('data.txt', ['data.txt', 'log.txt']) },
    work: async (run, { file }) => {
      const path = file === 'data.txt' ? join(options.folder, file) : await writable(file)
      try {
        return await readFile(path, { encoding: 'utf8', signal: run.signal })
      } catch {
        run.signal.throwIfAborted()
        throw new Failure(404, 'File not found')
      }
    },
  })

  pattern(app, options, {
    method: 'POST',
    url: '/patterns/files/write',
    takes: { text: text('async write successful') },
    work: async (run, { text: line }) => {
      const path = await writable('log.txt')
      const permit = await turn.acquire({ signal: run.signal })
      try {
        await writeFile(path, `Log entry: ${line}\n`, { signal: run.signal })
      } finally {
        permit.release()
      }
      return 'Data written to log.txt'
    },
  })

  let appended = 0
  const files = new Semaphore(OPEN_FILES)
  pattern(app, options, {
    method: 'POST',
    url: '/patterns/files/append',
    takes: { writers: integer(5, 1, 20), lines: integer(4, 1, 20), turns: flag(true) },
    work: async (run, { writers, lines, turns }) => {
      using _permit = await files.acquire({ signal: run.signal })
      const path = await writable(`append-${++appended}.txt`)
      try {
        await append(path, run, writers, lines, turns ? new Semaphore(1) : undefined)
        const written = (await readFile(path, 'utf8')).trimEnd().split('\n')
        const whole = written.filter((line) => /^writer \d+ begins, ends$/.test(line)).length
        return { lines: writers * lines, whole }
      } finally {
        await rm(path, { force: true })
      }
    },
  })
}
export default filePatterns

/** Each line is written in two steps, and others come in between unless they have to take turns. */
async function append(
  path: string,
  run: Run,
  writers: number,
  lines: number,
  turn: Semaphore | undefined,
): Promise<void> {
  const file = await open(path, 'a')
  const write = async (writer: number): Promise<void> => {
    for (let line = 1; line <= lines; line++) {
      const permit = await turn?.acquire({ signal: run.signal })
      try {
        run.signal.throwIfAborted()
        await file.appendFile(`writer ${writer} begins`)
        await file.appendFile(', ends\n')
      } finally {
        permit?.release()
      }
    }
    run.note(`Writer ${writer} is through`)
  }
  try {
    const all = await Promise.allSettled(Array.from({ length: writers }, (_, at) => write(at + 1)))
    for (const one of all) if (one.status === 'rejected') throw one.reason
  } finally {
    await file.close()
  }
}
