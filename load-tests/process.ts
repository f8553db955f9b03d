/** A command line as a process: interrupted once, it ends what it started. */
import type { ExitCode } from './cli.js'

interface Streams {
  readonly signal: AbortSignal
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
}

export async function runProcess(
  main: (args: string[], streams: Streams) => Promise<ExitCode>,
): Promise<void> {
  const interrupted = new AbortController()
  // Kept for good: npm and tsx pass a Ctrl-C on to a process that the terminal has already told.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)))
  }
  const { stdout, stderr } = process
  process.exitCode = await main(process.argv.slice(2), {
    signal: interrupted.signal,
    stdout,
    stderr,
  })
}
