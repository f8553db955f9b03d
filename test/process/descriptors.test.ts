/** The server with no file descriptor left: it answers or refuses, lives, and is well again after it. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { get, open, until, type Wire } from '../support/wire.js'

const FILES = 80
/** The threads last, as one that fails while it starts is the most that can go wrong. */
const REQUESTS = [
  ['GET', '/fast'],
  ['GET', '/file'],
  ['GET', '/public/data.txt'],
  ['GET', '/public/how-it-works.svg'],
  ['GET', '/dashboard'],
  ['GET', '/dashboard/main.js'],
  ['GET', '/dashboard/uplot/uPlot.iife.min.js'],
  ['GET', '/metrics'],
  ['GET', '/concurrency'],
  ['GET', '/patterns'],
  ['GET', '/patterns/files/read'],
  ['POST', '/patterns/files/write'],
  ['POST', '/patterns/files/append'],
  ['GET', '/patterns/polling?for=100'],
  ['GET', '/patterns/fan-out?delay=1'],
  ['GET', '/patterns/threads/memory?n=2&tasks=10'],
  ['GET', '/patterns/threads?n=1000'],
  ['GET', '/patterns/threads/hello'],
  ['GET', '/patterns/threads/tasks?delay=1'],
] as const
/** Nothing that they need is opened when they are asked for. */
const ALWAYS = /^\/(fast|metrics|concurrency|patterns|dashboard.*)$/

let server: ServerProcess
afterEach(async () => {
  server.child.kill('SIGKILL')
  await server.exit
})

const used = () => readdirSync(`/proc/${server.child.pid}/fd`).length

/** The status and body of the next answer on a connection that stays. */
async function ask(
  wire: Wire,
  method: string,
  path: string,
): Promise<[status: number, body: string]> {
  const from = wire.text().length
  const request = get(path, 'Content-Length: 0\r\n').replace('GET', method)
  wire.socket.write(request)
  const rest = () => wire.text().slice(from)
  await until(
    () => {
      const [head = '', body] = rest().split(/\r\n\r\n(.*)/s)
      const length = /^content-length: (\d+)/im.exec(head)?.[1]
      return body !== undefined && body.length >= Number(length ?? Number.POSITIVE_INFINITY)
    },
    () => `${method} ${path}: ${rest()}`,
  )
  return [Number(/^HTTP\/1.1 (\d+)/.exec(rest())?.[1]), rest().split('\r\n\r\n')[1] ?? '']
}

/** Connections that take all descriptors but so many. */
async function crowd(free: number): Promise<Wire[]> {
  const wires: Wire[] = []
  // At the last ones the server can only hang up.
  for (let n = 0; n < FILES && used() < FILES - 1; n++) {
    const before = used()
    wires.push(await open(server.port))
    await until(() => used() > before || used() >= FILES - 1)
  }
  for (const { socket } of wires.splice(0, free)) socket.destroy()
  await until(() => used() <= FILES - 1 - free)
  return wires
}

/** Of util-linux; a shell's `ulimit` would be there while the server reads its modules, too. */
const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0

describe.skipIf(!hasPrlimit)('with 80 file descriptors', () => {
  test.each([0, 1, 4, 7, 12])('and all but %d in use', { timeout: 60_000 }, async (free) => {
    server = await startServer({ TIME_SCALE: '0.1' })
    execFileSync('prlimit', [`--pid=${server.child.pid}`, `--nofile=${FILES}:${FILES}`])
    const { child, port, exit, log } = server
    const wire = await open(port)
    await ask(wire, 'GET', '/fast')
    const others = await crowd(free)
    for (const [method, path] of REQUESTS) {
      const [status, body] = await ask(wire, method, path)
      const right = ALWAYS.test(path) ? [200] : [200, 404, 503]
      expect(right, `${path}: ${status} ${body}`).toContain(status)
      if (status !== 200) expect(body).not.toMatch(/EMFILE|127\.0\.0\.1|\/\w+\/\w+/)
    }
    // Who cannot be taken in is no end either.
    const late = await Promise.all(
      Array.from({ length: 20 }, () => open(port).catch(() => undefined)),
    )
    expect((await ask(wire, 'GET', '/fast'))[0]).toBe(200)
    for (const one of [...others, ...late]) one?.socket.destroy()
    await until(() => used() < FILES / 2 + 20)

    for (const [method, path] of REQUESTS) {
      const [status, body] = await ask(wire, method, path)
      expect([path, status], body).toEqual([path, 200])
    }
    expect((await fetch(`http://127.0.0.1:${port}/fast`)).status).toBe(200)
    expect(log.filter(({ level }) => level === 60)).toEqual([])
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
  })
})
