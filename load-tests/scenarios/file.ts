/** What does a file cost, read anew by a handler and sent by the static file server? */
import { readFile } from 'node:fs/promises'
import { allAnswered, noErrors } from '../checks.js'
import type { Scenario } from '../scenario.js'

const FILE = new URL('../../public/data.txt', import.meta.url)

const file: Scenario = {
  name: 'file',
  question: 'What does a file cost: read anew by a handler, and as a static file?',
  async run({ quick, start, measure }) {
    const load = { connections: 20, seconds: quick ? 0.5 : 4, body: await readFile(FILE, 'utf8') }
    const server = await start()
    const rows = [
      await measure(server, { ...load, path: '/file' }),
      await measure(server, { ...load, path: '/public/data.txt', route: '/public/*' }),
    ]
    return { rows, checks: [noErrors(...rows), allAnswered(...rows)] }
  },
}
export default file
