/**
 * A Redis or Valkey of the tests' own, on a free port, where one is installed; else the one at
 * `STORE_TEST_URL`. Where there is neither, tests skip themselves by name; `PACKAGES_REQUIRED=1` turns
 * that into a failure.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, connect as open, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'

const { STORE_TEST_URL, PACKAGES_REQUIRED } = process.env

const binary = ['redis-server', 'valkey-server'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
)

if (PACKAGES_REQUIRED === '1' && binary === undefined && STORE_TEST_URL === undefined) {
  throw new Error('PACKAGES_REQUIRED: neither redis-server nor valkey-server is on the PATH')
}

/** Tests can start, stop and kill stores. For `describe.skipIf(!hasServer)`. */
export const hasServer: boolean = binary !== undefined

/** There is a store at all. */
export const hasStore: boolean = hasServer || STORE_TEST_URL !== undefined

export interface RedisServer {
  readonly port: number
  readonly url: string
  readonly pid: number
  /** What one command answers, through a connection of its own. @throws an Error with the server's words */
  call(...command: (string | number)[]): Promise<string>
  /** SIGSTOP. */
  pause(): void
  /** SIGCONT. */
  resume(): void
  /** It is gone at once, with all that it had. */
  kill(): Promise<void>
  /** Another one on the same port. */
  restart(): Promise<void>
}

/** Resolves when it answers. @param args of the server, after those that keep it small and local */
export async function startRedis(...args: string[]): Promise<RedisServer> {
  if (binary === undefined) throw new Error('neither redis-server nor valkey-server is on the PATH')
  const port = await freePort()
  let child = await start(port, args)
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid as number
    },
    call: (...command) => call(port, command),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    kill: () => kill(child),
    async restart() {
      await kill(child)
      child = await start(port, args)
    },
  }
}

/** The URL of a store to which nothing bad is done, and what ends it. */
export async function anyStore(): Promise<{ url: string; end: () => Promise<void> }> {
  if (STORE_TEST_URL !== undefined) return { url: STORE_TEST_URL, end: async () => {} }
  const { url, kill } = await startRedis()
  return { url, end: kill }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function start(port: number, args: string[]): Promise<ChildProcess> {
  const own = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const child = spawn(binary as string, [...own, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = text(child.stdout as NonNullable<typeof child.stdout>)
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`${binary} ended: ${await said}`)
    // One that wants a password answers too.
    const answer = await call(port, ['PING']).catch((error: Error) => error.message)
    if (/PONG|NOAUTH|NOPERM/.test(answer)) return child
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  await kill(child)
  throw new Error(`${binary} does not answer`)
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Simple answers only: a line, or a bulk string; of others the raw text. */
async function call(port: number, command: readonly (string | number)[]): Promise<string> {
  const socket = open(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    const parts = command.map((part) => `$${Buffer.byteLength(`${part}`)}\r\n${part}\r\n`)
    socket.write(`*${command.length}\r\n${parts.join('')}`)
    return await answerOf(socket)
  } finally {
    socket.destroy()
  }
}

async function answerOf(socket: Socket): Promise<string> {
  let raw = ''
  for await (const chunk of socket) {
    raw += chunk
    const [head = '', ...rest] = raw.split('\r\n')
    if (rest.length === 0) continue
    if (head.startsWith('-')) throw new Error(head.slice(1))
    if (!head.startsWith('$') || head === '$-1') return head.startsWith('*') ? raw : head.slice(1)
    const body = raw.slice(head.length + 2)
    if (Buffer.byteLength(body) >= Number(head.slice(1)) + 2) return body.slice(0, -2)
  }
  throw new Error('the connection was closed')
}
