/** A file in a form, as browsers send it. */
import type { Upload } from './open-loop.js'

const BOUNDARY = 'a-boundary-of-the-load-tests'
const SIZE = 100_000

/** @param size bytes of the file */
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
