/** `POST /upload`, which takes a file in a form. */
import multipart from '@fastify/multipart'
import type { FastifyInstance } from 'fastify'

export async function takeUploads(app: FastifyInstance): Promise<void> {
  await app.register(multipart)
  app.post('/upload', async (request) => {
    const file = await request.file()
    const bytes = (await file?.toBuffer())?.length ?? 0
    return { bytes }
  })
}
