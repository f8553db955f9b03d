/** `npm run load`: the process around the command line. */
import { main } from './cli.js'

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
