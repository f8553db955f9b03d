/** Server-sent events as bytes: each is formatted once, and all its readers get the same. */

/** Milliseconds after which a browser connects again; a field of the event that comes next. */
export const RETRY = Buffer.from('retry: 2000\n')

/** @param value what JSON can tell @param event its name, without one `message` */
export function message(value: object, event?: string): Buffer {
  const name = event === undefined ? '' : `event: ${event}\n`
  return Buffer.from(`${name}data: ${JSON.stringify(value)}\n\n`)
}

/** A message for whoever comes, formatted when it is first asked for. */
export class Kept {
  readonly #format: () => Buffer
  #bytes: Buffer | undefined

  constructor(format: () => Buffer) {
    this.#format = format
  }

  get bytes(): Buffer {
    this.#bytes ??= this.#format()
    return this.#bytes
  }

  /** It says something else by now. */
  outdate(): void {
    this.#bytes = undefined
  }
}
