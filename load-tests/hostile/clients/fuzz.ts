/**
 * Sends what a generator makes, each on a connection of its own that is then ended in one of many ways,
 * and looks at what comes back. A case is made of the seed and its number alone, so that it can be made
 * again.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress } from '../../report/progress.js'
import { Dice } from './dice.js'

export interface Case {
  readonly bytes: Buffer
  /** What is wrong with the answer to it, if anything; not called where nobody waited for one. */
  readonly judge?: (answer: string, closed: boolean) => string | undefined
  /** Waits until this has come, and not only for what comes at once. */
  readonly until?: (answer: string) => boolean
}

export interface Fuzzing {
  readonly port: number
  readonly seed: number
  readonly seconds: number
  readonly label: string
  readonly make: (dice: Dice) => Case
  readonly signal: AbortSignal
  readonly progress: Progress
}

export interface Found {
  readonly cases: number
  readonly bytes: number
  /** With what it was, to be looked at. */
  readonly problems: readonly string[]
}

const AT_ONCE = 16
/** Milliseconds that an answer may take where one is due, and that is waited for any otherwise. */
const DUE_WITHIN = 10_000
const CURIOUS = 30
/** Enough to look at. */
const PROBLEMS = 20
const SHOWN = 300
/** Of an answer. */
const KEPT = 200_000

export async function fuzz(fuzzing: Fuzzing): Promise<Found> {
  const { seed, seconds, label, make, signal, progress } = fuzzing
  const startedAt = performance.now()
  const problems: string[] = []
  let cases = 0
  let bytes = 0
  const elapsed = (): number => Math.min(seconds, (performance.now() - startedAt) / 1000)
  const end = progress.start(label, seconds, () => Math.floor(elapsed()))
  const worker = async (): Promise<void> => {
    while (elapsed() < seconds && problems.length < PROBLEMS) {
      signal.throwIfAborted()
      const number = cases++
      const dice = new Dice(Math.imul(seed, 1_000_003) + number)
      const made = make(dice)
      bytes += made.bytes.length
      const problem = await send(fuzzing.port, made, dice)
      if (problem === undefined) continue
      problems.push(`case ${number} of seed ${seed}: ${problem}: ${show(made.bytes)}`)
    }
  }
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  } finally {
    end()
  }
  return { cases, bytes, problems }
}

async function send(port: number, made: Case, dice: Dice): Promise<string | undefined> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  let answer = ''
  let failure: NodeJS.ErrnoException | undefined
  socket.setEncoding('latin1').on('data', (text) => {
    if (answer.length < KEPT) answer += text
  })
  socket.on('error', (error) => {
    failure = error
  })
  socket.on('end', () => socket.end())
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  for (const piece of pieces(made.bytes, dice)) {
    socket.write(piece)
    if (dice.once(3)) await sleep(dice.below(4))
  }
  const { until, judge } = made
  if (until === undefined) {
    if (dice.once(3)) end(socket, dice)
    await Promise.race([closed, sleep(CURIOUS)])
  } else {
    const deadline = performance.now() + DUE_WITHIN
    while (!(until(answer) || socket.closed) && performance.now() < deadline) await sleep(1)
  }
  // Only a process that is gone refuses one.
  const problem =
    failure?.code === 'ECONNREFUSED' ? 'connection refused' : judge?.(answer, socket.closed)
  if (dice.once(2)) end(socket, dice)
  socket.destroy()
  await closed
  return problem
}

function end(socket: Socket, dice: Dice): void {
  dice.one([() => socket.resetAndDestroy(), () => socket.destroy(), () => socket.end()])()
}

/** One, mostly, or a few; now and then all but byte by byte. */
function pieces(bytes: Buffer, dice: Dice): Buffer[] {
  const size = dice.once(3) ? 1 + dice.below(Math.max(1, bytes.length)) : bytes.length
  const least = Math.ceil(bytes.length / 30)
  const each = Math.max(size, least, 1)
  return Array.from({ length: Math.ceil(bytes.length / each) }, (_, at) =>
    bytes.subarray(at * each, (at + 1) * each),
  )
}

function show(bytes: Buffer): string {
  const text = JSON.stringify(bytes.subarray(0, SHOWN).toString('latin1'))
  return bytes.length > SHOWN ? `${text} and ${bytes.length - SHOWN} more` : text
}
