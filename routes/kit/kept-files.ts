/**
 * The files of one folder, kept in memory with what each is when compressed: sending one opens no file
 * and compresses nothing. One that has changed is read anew.
 */
import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isExhausted, isSystemError } from './faults.js'
import { NoFileError, readRegular } from './regular-file.js'

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}
const COMPRESS = { br: promisify(brotliCompress), gzip: promisify(gzip) }
type Encoding = keyof typeof COMPRESS
/** The best one first. */
const ENCODINGS = Object.keys(COMPRESS) as Encoding[]
/** Bytes below which compressing saves no packet. */
const WORTH_IT = 1024

interface KeptFile {
  readonly version: string
  readonly type: string
  readonly etag: string
  readonly contents: Buffer
  readonly compressed: Partial<Record<Encoding, Promise<Buffer>>>
}

export class KeptFiles {
  readonly #folder: string
  readonly #kept = new Map<string, KeptFile>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Reads them all, so that they come when no file can be opened any more. */
  async load(): Promise<void> {
    for (const name of await readdir(this.#folder)) await this.#find(name)
  }

  /** Answers with the file, with 304 to those who have it, or 404. */
  async send(
    name: string,
    { headers }: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    if (name.split(/[/\\]/).includes('..')) {
      throw Object.assign(new Error('Forbidden'), { statusCode: 403 })
    }
    const file = /^[^./\\\0][^/\\\0]*$/.test(name) ? await this.#find(name) : undefined
    if (file === undefined) {
      reply.callNotFound()
      return reply
    }
    reply.headers({
      etag: file.etag,
      vary: 'accept-encoding',
      'cache-control': 'public, max-age=0',
    })
    if (hasIt(headers['if-none-match'], file.etag)) return reply.code(304).send()
    const encoding = encodingFor(headers['accept-encoding'])
    const isSmall = file.contents.length < WORTH_IT
    const packed = encoding === undefined || isSmall ? undefined : await compress(file, encoding)
    if (packed !== undefined) reply.header('content-encoding', encoding)
    return reply.type(file.type).send(packed ?? file.contents)
  }

  /** As it is now; as it was, when the machine lacks what it takes to look. */
  async #find(name: string): Promise<KeptFile | undefined> {
    const kept = this.#kept.get(name)
    try {
      const path = join(this.#folder, name)
      const { ino, size, mtimeMs } = await stat(path)
      const version = `${ino} ${size} ${mtimeMs}`
      if (kept?.version === version) return kept
      const contents = await readRegular(path, this.#folder)
      const meanwhile = this.#kept.get(name)
      if (meanwhile?.version === version) return meanwhile
      const hash = createHash('sha256').update(contents).digest('base64url').slice(0, 27)
      const type = TYPES[extname(name)] ?? 'application/octet-stream'
      // Weak: it is the same whatever the encoding.
      const file = { version, type, etag: `W/"${hash}"`, contents, compressed: {} }
      this.#kept.set(name, file)
      return file
    } catch (error) {
      if (isExhausted(error)) {
        if (kept !== undefined) return kept
        throw error
      }
      this.#kept.delete(name)
      if (error instanceof NoFileError || isSystemError(error)) return undefined
      throw error
    }
  }
}

/** Once a file and encoding; undefined where that fails. */
async function compress({ compressed, contents }: KeptFile, encoding: Encoding) {
  compressed[encoding] ??= COMPRESS[encoding](contents)
  try {
    return await compressed[encoding]
  } catch {
    delete compressed[encoding]
    return undefined
  }
}

function hasIt(ifNoneMatch: string | undefined, etag: string): boolean {
  const opaque = etag.replace('W/', '')
  return (ifNoneMatch ?? '').split(',').some((given) => {
    const tag = given.trim()
    return tag === '*' || tag.replace('W/', '') === opaque
  })
}

/** Of those that the client takes, the one that it likes best; of equals ours. */
function encodingFor(accept = ''): Encoding | undefined {
  const quality = new Map<string, number>()
  for (const part of accept.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim())
    const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
    quality.set(name, q === undefined ? 1 : Number(q) || 0)
  }
  const of = (encoding: Encoding): number => quality.get(encoding) ?? quality.get('*') ?? 0
  const best = ENCODINGS.reduce((one, other) => (of(other) > of(one) ? other : one))
  return of(best) > 0 ? best : undefined
}
