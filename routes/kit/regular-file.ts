/**
 * Files of a folder: nothing but regular ones that lie inside it, wherever links lead. Whatever else
 * is there, a pipe, a socket, a device, a loop of links, is never waited for: the four threads that
 * Node has for files would hang in it, and the process could not end.
 */
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { dirname, sep } from 'node:path'
import { isExhausted } from './faults.js'

/** The largest file that is read into memory. */
export const MOST_BYTES: number = 1024 * 1024
/** Bytes of one read: between two of them a client that left is noticed. */
const PIECE = 64 * 1024

/** There is no such regular file in the folder; its cause says why. */
export class NoFileError extends Error {
  constructor(cause?: unknown) {
    super('no such regular file', { cause })
  }
}

interface OpenFile extends AsyncDisposable {
  readonly handle: FileHandle
  readonly stats: Stats
}

/**
 * Opens without waiting, and says what it opened.
 * @param flags of `fs.constants`
 * @throws NoFileError, or as it is what the system says when it lacks something
 */
export async function openRegular(path: string, root: string, flags: number): Promise<OpenFile> {
  try {
    // The usual one costs no look at its links: it has none.
    const isDirect = dirname(path) === root
    const handle = await openNow(isDirect ? path : await inside(path, root), flags).catch(
      async (error: NodeJS.ErrnoException) => {
        if (!isDirect || error.code !== 'ELOOP') throw error
        return openNow(await inside(path, root), flags)
      },
    )
    try {
      const stats = await handle.stat()
      if (!stats.isFile()) throw new NoFileError()
      return { handle, stats, [Symbol.asyncDispose]: () => handle.close() }
    } catch (error) {
      await handle.close()
      throw error
    }
  } catch (error) {
    if (error instanceof NoFileError || isExhausted(error)) throw error
    throw new NoFileError(error)
  }
}

/**
 * As long as it was when it was opened.
 * @throws NoFileError also when it is larger than `MOST_BYTES`; the signal's reason
 */
export async function readRegular(
  path: string,
  root: string,
  signal?: AbortSignal,
): Promise<Buffer> {
  await using file = await openRegular(path, root, constants.O_RDONLY)
  const { size } = file.stats
  if (size > MOST_BYTES) throw new NoFileError()
  const contents = Buffer.allocUnsafe(size)
  let length = 0
  while (length < size) {
    signal?.throwIfAborted()
    const piece = Math.min(PIECE, size - length)
    const { bytesRead } = await file.handle.read(contents, length, piece, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  signal?.throwIfAborted()
  return contents.subarray(0, length)
}

function openNow(path: string, flags: number): Promise<FileHandle> {
  // Windows has neither, and no pipes in its folders.
  const { O_NONBLOCK = 0, O_NOFOLLOW = 0 } = constants
  return open(path, flags | O_NONBLOCK | O_NOFOLLOW)
}

/** Where its links lead. */
async function inside(path: string, root: string): Promise<string> {
  const [target, top] = await Promise.all([realpath(path), realpath(root)])
  if (!target.startsWith(top + sep)) throw new NoFileError()
  return target
}
