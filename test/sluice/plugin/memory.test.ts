/** Guarantee 10: memory follows what is in progress; what is over keeps nothing, and is kept by nothing. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'

const MEGABYTE = 2 ** 20
const script = fileURLToPath(new URL('../../support/beside-one.ts', import.meta.url))

async function grown(hanging: string): Promise<number> {
  const execArgv = ['--expose-gc', '--import', 'tsx']
  const child = fork(script, [hanging, '20000'], { execArgv })
  try {
    const [bytes] = await once(child, 'message', { signal: AbortSignal.timeout(60_000) })
    return bytes
  } finally {
    child.kill('SIGKILL')
  }
}

let control: number

beforeAll(async () => {
  control = await grown('nothing')
}, 60_000)

test.each([
  ['a handler', 'handler'],
  ['a handler whose client has left', 'handler:left'],
  ['a callback that never comes, whose client has left', 'callback:left'],
  ['a hook whose client has left', 'hook:left'],
  ['a hijacked response', 'hijacked'],
])(
  '%s that hangs keeps none of the 20,000 requests that came after it',
  async (_name, hanging) => {
    expect((await grown(hanging)) - control).toBeLessThan(MEGABYTE)
  },
  60_000,
)
