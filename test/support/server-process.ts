/** The built server as a process of its own, stopped by its own process id. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const entry = createRequire(import.meta.url).resolve('../../dist/src/server.js')

export interface ServerProcess {
  child: ChildProcess
  port: number
  /** Every line of stdout, parsed. */
  log: Record<string, unknown>[]
  stderr(): string
  exit: Promise<number | NodeJS.Signals>
}

export function spawnServer(env: Record<string, string> = {}, nodeArgs: string[] = []) {
  const child = spawn(process.execPath, [...nodeArgs, entry], {
    env: { PATH: process.env.PATH, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log: Record<string, unknown>[] = []
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  const lines = createInterface(child.stdout)
  lines.on('line', (line) => log.push(JSON.parse(line) as Record<string, unknown>))
  const exit = once(child, 'close').then(
    ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
  )
  return { child, log, lines, exit, stderr: () => stderr }
}

/** Resolves once it listens. */
export async function startServer(
  env?: Record<string, string>,
  nodeArgs?: string[],
): Promise<ServerProcess> {
  const { lines, ...server } = spawnServer(env, nodeArgs)
  await Promise.race([
    once(lines, 'line'),
    server.exit.then((code) => {
      throw new Error(`exited with ${code}: ${server.stderr()}`)
    }),
  ])
  const port = Number(/:(\d+),/.exec(String(server.log[0]?.msg))?.[1])
  return { ...server, port }
}
