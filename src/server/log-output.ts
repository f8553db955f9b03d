/**
 * Where the log goes. Logging never holds up the service and never ends it: lines wait in a bounded
 * buffer while nobody takes them, and are dropped and counted beyond it, or where they cannot be
 * written at all. The first line behind a gap says how many are missing.
 *
 * A pipe or a terminal is written to by the event loop, as a socket is: with a thread of the pool for
 * each write, one reader that stops would hold a thread for ever, and the exit with it. A file, or
 * what looks like one, is written to on the pool.
 */
import { fstatSync, write } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { WriteStream } from 'node:tty'
import { Counter, type Registry } from 'prom-client'

/** Bytes that may wait. */
const BUFFER = 1024 * 1024
/** Milliseconds between two looks whether all is written. */
const POLL = 10
/** Milliseconds that the buffer may be full. */
const FULL = 1000
/** Milliseconds until what failed is tried again. */
const AGAIN = 250

/** What takes lines. */
interface Sink {
  /** Bytes that it has not written. */
  readonly waiting: number
  write(line: string): void
}

export class LogOutput {
  /** Lines that nobody will read. */
  dropped = 0
  readonly #sink: Sink
  readonly #gapLine: (missing: number) => string
  /** Dropped since the last line that was taken. */
  #missing = 0
  #fullSince: number | undefined
  /** The first. */
  #failure: string | undefined
  #onFailure: ((why: string) => void) | undefined

  /** @param fd an open file descriptor @param gapLine says how many lines are missing */
  constructor(fd: number, gapLine: (missing: number) => string) {
    this.#gapLine = gapLine
    this.#sink = openSink(fd, (error) => this.#fail(error.message))
  }

  write(line: string): void {
    if (this.#sink.waiting + line.length > BUFFER) {
      this.dropped++
      this.#missing++
      this.#countFull()
      return
    }
    this.#fullSince = undefined
    if (this.#missing > 0) {
      this.#sink.write(this.#gapLine(this.#missing))
      this.#missing = 0
    }
    this.#sink.write(line)
  }

  /** Resolves when all is written, or after so many milliseconds. */
  async flush(timeout: number): Promise<void> {
    const deadline = performance.now() + timeout
    while (this.#sink.waiting > 0 && performance.now() < deadline) await sleep(POLL)
  }

  /** Calls back once, now or later, when lines cannot be written. */
  whenFailed(callback: (why: string) => void): void {
    this.#onFailure = callback
    if (this.#failure !== undefined) callback(this.#failure)
  }

  /** A burst is none; that nobody reads is. */
  #countFull(): void {
    const now = performance.now()
    this.#fullSince ??= now
    if (now - this.#fullSince >= FULL) this.#fail('nobody takes it, and its buffer is full')
  }

  /** Whoever is told may log, and fail, in its turn. */
  #fail(why: string): void {
    if (this.#failure !== undefined) return
    this.#failure = why
    this.#onFailure?.(why)
  }
}

function openSink(fd: number, onError: (error: Error) => void): Sink {
  const stat = fstatSync(fd)
  if (stat.isFIFO() || stat.isSocket()) {
    return streamSink(new Socket({ fd, readable: false, writable: true }), onError)
  }
  const terminal = terminalAt(fd)
  return terminal === undefined ? fileSink(fd, onError) : streamSink(terminal, onError)
}

function terminalAt(fd: number): WriteStream | undefined {
  try {
    const terminal = new WriteStream(fd)
    // Node makes terminals block, so that nothing is lost at the exit; here that is waited for.
    const { _handle: handle } = terminal as WriteStream & {
      _handle?: { setBlocking(blocking: boolean): void }
    }
    handle?.setBlocking(false)
    return terminal
  } catch {
    return undefined
  }
}

/** A reader that has gone takes nothing any more; what waits then never leaves. */
function streamSink(stream: Socket, onError: (error: Error) => void): Sink {
  let gone = false
  stream.on('error', (error) => {
    gone = true
    onError(error)
  })
  // The log alone keeps no process alive.
  stream.unref()
  return {
    get waiting() {
      return gone ? Number.POSITIVE_INFINITY : stream.writableLength
    },
    write: (line) => {
      stream.write(line)
    },
  }
}

/** A full disk has room again some day: what it did not take is tried again, in order. */
function fileSink(fd: number, onError: (error: Error) => void): Sink {
  const lines: Buffer[] = []
  let waiting = 0
  let busy = false

  function writeNext(): void {
    const next = lines[0]
    busy = next !== undefined
    if (next !== undefined) write(fd, next, written)
  }

  function written(error: NodeJS.ErrnoException | null, bytes: number): void {
    if (error !== null) {
      onError(error)
      setTimeout(writeNext, AGAIN).unref()
      return
    }
    waiting -= bytes
    const rest = lines[0]?.subarray(bytes)
    if (rest === undefined || rest.length === 0) lines.shift()
    else lines[0] = rest
    writeNext()
  }

  return {
    get waiting() {
      return waiting
    },
    write: (line) => {
      const bytes = Buffer.from(line)
      waiting += bytes.length
      lines.push(bytes)
      if (!busy) writeNext()
    },
  }
}

/** What is not in the log is in the metrics. */
export function countDropped(registry: Registry, output: LogOutput): void {
  new Counter({
    name: 'log_lines_dropped_total',
    help: 'Lines of the log that were not written.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(output.dropped)
    },
  })
}
