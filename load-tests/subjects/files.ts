/** The server's static files with a small one and one of 5 MB, in a folder that ends with the process. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fastify } from 'fastify'
import sluice from 'fastify-sluice'
import publicFiles from '../../routes/public.js'

export const SMALL = 'a small file\n'
export const LARGE = 'twenty-byte text, ab'.repeat(250_000)

export async function files(): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-files-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'small.txt'), SMALL)
  writeFileSync(join(folder, 'large.txt'), LARGE)
  const app = fastify()
  await app.register(sluice)
  await app.register(publicFiles, { folder })
  await app.ready()
  return app.server
}
