/** How far a run is: a bar for a person at a terminal, otherwise one line a phase. */
import { SingleBar } from 'cli-progress'

export class Progress {
  readonly #stream: NodeJS.WriteStream

  #last: string | undefined

  /** @param stream standard error, so that standard output is the report alone */
  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream
  }

  /** Stays above the bar. Never called while one is shown. */
  say(line: string): void {
    this.#stream.write(`${line}\n`)
  }

  /** @returns what ends it */
  start(label: string, total: number, done: () => number): () => void {
    if (!this.#stream.isTTY) {
      if (label !== this.#last) this.say(`  ${label}`)
      this.#last = label
      return () => {}
    }
    const bar = new SingleBar({
      stream: this.#stream,
      format: '  {label} {bar} {percentage} % of {requests}',
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      // It would exit on signals before the servers are stopped.
      gracefulExit: false,
    })
    bar.start(total, 0, { label, requests: total.toLocaleString('en') })
    const timer = setInterval(() => bar.update(done()), 100)
    return () => {
      clearInterval(timer)
      bar.stop()
    }
  }
}
