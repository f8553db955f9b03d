/** When lines that cannot be written are a failure, of which whoever asked is told. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LogOutput } from '../../src/server/log-output.js'

const LINE = `${'x'.repeat(65_535)}\n`
let folder: string
let pipe: number
let output: LogOutput
let told: string[]

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  folder = mkdtempSync(join(tmpdir(), 'sluice-output-'))
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  output = new LogOutput(openSync(path, constants.O_RDWR | constants.O_NONBLOCK), () => 'gap\n')
  told = []
})

afterEach(() => {
  vi.useRealTimers()
  closeSync(pipe)
  rmSync(folder, { recursive: true })
})

/** Until one is dropped. */
function fill(): void {
  const { dropped } = output
  for (let lines = 0; lines < 100 && output.dropped === dropped; lines++) output.write(LINE)
}

/** @returns how many lines' worth of bytes were taken out of the pipe */
function readSome(): number {
  try {
    return readSync(pipe, Buffer.alloc(LINE.length)) / LINE.length
  } catch {
    // Empty for now.
    return 0
  }
}

test('a buffer that is full for a second is a failure, told once even where it is logged in turn', () => {
  output.whenFailed((why) => {
    told.push(String(why))
    output.write(LINE)
  })
  fill()
  vi.advanceTimersByTime(999)
  output.write(LINE)
  expect(told).toEqual([])
  vi.advanceTimersByTime(1)
  output.write(LINE)
  output.write(LINE)
  expect(told).toEqual(['nobody takes it, and its buffer is full'])
  expect(output.dropped).toBe(5)
})

test('who asks later is told as well', () => {
  fill()
  vi.advanceTimersByTime(1000)
  output.write(LINE)
  output.whenFailed((why) => told.push(String(why)))
  expect(told).toHaveLength(1)
})

test('a burst is none: a line that is taken again begins anew', async () => {
  output.whenFailed((why) => told.push(String(why)))
  fill()
  vi.advanceTimersByTime(999)
  const { dropped } = output
  let taken = 0
  for (let look = 0; look < 400 && taken < 4; look++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    taken += readSome()
  }
  output.write('short\n')
  expect(output.dropped).toBe(dropped)
  fill()
  vi.advanceTimersByTime(999)
  output.write(LINE)
  expect(told).toEqual([])
})
