import { afterEach, describe, expect, test } from 'vitest'
import { Child, type Launch } from '../../../load-tests/subjects/process/launch.js'

const children: Child[] = []

function launch(script: string, more: Partial<Launch> = {}): Child {
  const child = new Child({
    name: 'it',
    command: [process.execPath, '-e', script],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    ...more,
  })
  children.push(child)
  return child
}

const LIVES = 'process.on("message", (m) => process.send(m + 1)); process.send("ready")'

afterEach(async () => {
  for (const child of children.splice(0)) await child.stop()
})

describe('whoever waits for a process that ends is told how, and what it said last', () => {
  const DIES = 'console.error("no luck"); setTimeout(process.exit, 200, 3)'

  test('for its answer', async () => {
    await expect(launch(DIES).answer()).rejects.toThrow('it ended with 3')
  })

  test('until it is ready, whoever else is', async () => {
    const child = launch(DIES)
    const isReady = async (): Promise<boolean> => child.end !== undefined
    const { signal } = new AbortController()
    await expect(child.ready(isReady, 10_000, signal)).rejects.toThrow('it ended with 3\nno luck')
  })

  test('at once, if there is no such program', async () => {
    const child = launch('', { command: ['/no/such/program'] })
    await expect(child.answer()).rejects.toThrow('ENOENT')
    expect(await child.stop()).toBe('never started')
  })
})

test('a process that is not ready in time is an error', async () => {
  const { signal } = new AbortController()
  await expect(launch(LIVES).ready(async () => false, 50, signal)).rejects.toThrow(
    'it was not ready in 50 ms',
  )
})

test('it answers what it is asked, and stopping it tells how it ended, as often as one asks', async () => {
  const child = launch(LIVES)
  expect(await child.answer()).toBe('ready')
  expect(await child.ask(1)).toBe(2)
  expect(child.end).toBe(undefined)
  expect(await child.stop('SIGTERM')).toBe('SIGTERM')
  expect(await child.stop()).toBe('SIGTERM')
})

test('it gets the environment that it is given, and no other', async () => {
  process.env.OF_THE_PARENT = 'x'
  const child = launch('process.send(Object.keys(process.env).join())')
  delete process.env.OF_THE_PARENT
  expect(await child.answer()).not.toContain('OF_THE_PARENT')
})
