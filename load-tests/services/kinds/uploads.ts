/** A file in a form, as browsers send it, and a route that takes it. */
import multipart from '@fastify/multipart'
import type { FastifyInstance } from 'fastify'
import type { Upload } from '../../clients/open-loop.js'

const BOUNDARY = 'a-boundary-of-the-load-tests'
const SIZE = 100_000

export function uploadOf(size = SIZE): Upload {
  const head = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\ncontent-type: application/octet-stream\r\n\r\n`
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: Buffer.concat([
      Buffer.from(head),
      Buffer.alloc(size, 'x'),
      Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
    ]),
  }
}

/** `POST /upload` */
export async function takeUploads(app: FastifyInstance): Promise<void> {
  await app.register(multipart)
  app.post('/upload', async (request) => {
    const file = await request.file()
    const bytes = (await file?.toBuffer())?.length ?? 0
    return { bytes }
  })
}
