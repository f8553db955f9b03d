/**
 * The examples answer as the article's hyper programs do: always compared with what those answered
 * when recorded (fixtures/hyper), and with the programs themselves when HYPER_ORIGINALS names the
 * folder of their binaries.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildExamples, type ExampleName, type Examples } from '../../src/server/examples.js'
import {
  type Answer,
  ask,
  type Case,
  fileVariantCases,
  fileVariants,
  matrix,
  ports as originalPorts,
  serverNames,
} from '../fixtures/hyper/matrix.js'
import { start, stop, workingDirectory } from '../fixtures/hyper/originals.js'
import { loadRecording } from '../fixtures/hyper/recording.js'

const recording = loadRecording()
const originals = process.env.HYPER_ORIGINALS
const [text] = fileVariants

let examples: Examples
let ports: Record<ExampleName, number>
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-examples-'))
  await text?.setup(folder)
  examples = await buildExamples({ timeScale: 0.01, folder })
  ports = await examples.listen('any')
})

afterAll(async () => {
  await examples.app.close()
  await rm(folder, { recursive: true })
})

const PLAIN = 'text/plain; charset=utf-8'

/** What has to be the same. hyper sends no content type, and no length for the HEAD of nothing. */
function essence({ status, body, encoding, headers }: Answer) {
  return { status, body, encoding, length: headers['content-length'] ?? '0' }
}

async function answersOf(port: number, cases: readonly Case[], type?: string) {
  const types = new Set<string | undefined>()
  const answers: Record<string, ReturnType<typeof essence>> = {}
  for (let from = 0; from < cases.length; from += 20) {
    await Promise.all(
      cases.slice(from, from + 20).map(async ({ name, request }) => {
        const answer = await ask(port, request)
        types.add(answer.headers['content-type'])
        answers[name] = essence(answer)
      }),
    )
  }
  expect([...types]).toEqual([type])
  return answers
}

function recorded(answers: Readonly<Record<string, Answer>> | undefined) {
  return Object.fromEntries(Object.entries(answers ?? {}).map(([name, a]) => [name, essence(a)]))
}

describe('every method, target and body, as recorded', () => {
  test.each(serverNames)('%s', async (name) => {
    expect(await answersOf(ports[name], matrix[name], PLAIN)).toEqual(
      recorded(recording.answers[name]),
    )
  })

  test.each(fileVariants)('file: $name', async ({ name, setup }) => {
    await setup(folder)
    const answers = await answersOf(ports.file, fileVariantCases, PLAIN)
    await text?.setup(folder)
    expect(answers).toEqual(recorded(recording.fileVariants[name]))
  })
})

describe.runIf(originals)('every method, target and body, beside the running programs', () => {
  test.each(serverNames)('%s', async (name) => {
    await start(originals as string, name)
    try {
      if (name === 'file') await text?.setup(workingDirectory(name))
      const [ours, theirs] = await Promise.all([
        answersOf(ports[name], matrix[name], PLAIN),
        answersOf(originalPorts[name], matrix[name]),
      ])
      expect(ours).toEqual(theirs)
    } finally {
      await stop(name)
    }
  })
})
