/** The process: how it starts, and guarantee 7: how it ends. */
import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { hasBoth, twoAddresses } from '../support/localhost.js'
import { type ServerProcess, spawnServer, startServer } from '../support/server-process.js'
import { get, open, send, until } from '../support/wire.js'

const running: ServerProcess[] = []

async function start(...args: Parameters<typeof startServer>): Promise<ServerProcess> {
  const server = await startServer(...args)
  running.push(server)
  return server
}

afterEach(async () => {
  for (const { child, exit } of running.splice(0)) {
    child.kill('SIGKILL')
    await exit
  }
})

const active = async (port: number): Promise<number> => {
  const response = await fetch(`http://127.0.0.1:${port}/concurrency`)
  // Itself not counted.
  return ((await response.json()) as { requests: { active: number } }).requests.active - 1
}

const untilActive = async (port: number, count: number): Promise<void> => {
  for (let look = 0; look < 400; look++) {
    if ((await active(port)) === count) return
  }
  throw new Error(`never ${count} active`)
}

describe('start', () => {
  test('says where it listens and where its metrics are, one JSON object a line when piped', async () => {
    const { log, port } = await start()
    expect(log[0]?.msg).toBe(
      `Sluice listens on http://127.0.0.1:${port}, metrics on http://127.0.0.1:${port}/metrics`,
    )
  })

  test('guarantee 8: every bad value is named with what it takes, and the exit code is 1', async () => {
    const { exit, stderr } = spawnServer({ PORT: '70000', TIME_SCALE: 'fast', LOG_LEVEL: 'loud' })
    expect(await exit).toBe(1)
    expect(stderr().trim().split('\n').sort()).toEqual([
      'LOG_LEVEL: got "loud", takes fatal, error, warn, info, debug, trace or silent',
      'PORT: got "70000", takes an integer from 0 to 65535 (0: any free port)',
      'TIME_SCALE: got "fast", takes a number from 0 to 10',
    ])
  })

  test('a port that is taken is said to be taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as { port: number }
    const { exit, stderr } = spawnServer({ PORT: String(port), LOG_LEVEL: 'silent' })
    expect(await exit).toBe(1)
    expect(stderr()).toBe(`PORT: port ${port} is taken by another process\n`)
    other.close()
  })

  test.each([
    [{ PORT: '80' }, 80, 'PORT: port 80 takes a right that this process has not (EACCES)\n'],
    [
      { ADMIN_PORT: '81' },
      81,
      'ADMIN_PORT: port 81 takes a right that this process has not (EACCES)\n',
    ],
  ])('a port that is not allowed is named by its variable: %j', async (env, port, said) => {
    // Root may use any, so that here the system says no.
    const refuse = `data:text/javascript,import net from 'node:net';
      net.Server.prototype.listen = function () {
        const error = Object.assign(new Error('listen EACCES'), { code: 'EACCES', syscall: 'listen', port: ${port} });
        process.nextTick(() => this.emit('error', error));
        return this
      }`
    const { exit, stderr } = spawnServer({ LOG_LEVEL: 'silent', ...env }, ['--import', refuse])
    expect(await exit).toBe(1)
    expect(stderr()).toBe(said)
  })

  test('an unhandled rejection is logged and the exit code is 1', async () => {
    const { child, exit, log } = await start({}, [
      '--import',
      'data:text/javascript,process.on("SIGWINCH", () => Promise.reject(new Error("nobody caught me")))',
    ])
    child.kill('SIGWINCH')
    expect(await exit).toBe(1)
    expect(
      log.some(({ level, err }) => level === 60 && JSON.stringify(err).includes('nobody')),
    ).toBe(true)
  })
})

describe('guarantee 7: a signal drains', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s in the middle of five /slow: all get their answers, exit code 0',
    async (signal) => {
      const { child, port, exit } = await start({ TIME_SCALE: '0.1' })
      const wires = await Promise.all([1, 2, 3, 4, 5].map(() => send(port, get('/slow'))))
      await untilActive(port, 5)
      child.kill(signal)
      const answers = await Promise.all(wires.map((wire) => wire.received('Slow response')))
      expect(answers.every((text) => text.toLowerCase().includes('connection: close'))).toBe(true)
      expect(await exit).toBe(0)
    },
  )

  test('ready turns 503 at once, new work is admitted for the delay and then refused', async () => {
    const { child, port, exit } = await start({ TIME_SCALE: '0.3', DRAIN_DELAY_MS: '400' })
    const slow = await send(port, get('/slow'))
    await untilActive(port, 1)
    child.kill('SIGTERM')
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).status
    for (let look = 0; (await ready()) !== 503; look++) expect(look).toBeLessThan(100)
    const live = await fetch(`http://127.0.0.1:${port}/health/live`)
    const during = await fetch(`http://127.0.0.1:${port}/fast`)
    expect([live.status, during.status, during.headers.get('connection')]).toEqual([
      200,
      200,
      'close',
    ])
    let refused = during
    for (let look = 0; refused.status === 200 && look < 4000; look++) {
      refused = await fetch(`http://127.0.0.1:${port}/fast`)
    }
    expect(refused.status).toBe(503)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(refused.headers.get('connection')).toBe('close')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await refused.json()).toMatchObject({ code: 'SLUICE_CLOSED', status: 503 })
    await slow.received('Slow response')
    expect(await exit).toBe(0)
  })

  test('what waits in a queue is refused, what was admitted finishes', async () => {
    const { child, port, exit } = await start({ TIME_SCALE: '0.1' })
    const wires = []
    for (let n = 1; n <= 3; n++) {
      wires.push(await send(port, get('/limited')))
      await untilActive(port, n)
    }
    child.kill('SIGTERM')
    await wires[2]?.received('SLUICE_CLOSED')
    await wires[0]?.received('Response from limited handler')
    await wires[1]?.received('Response from limited handler')
    expect(await exit).toBe(0)
  })

  test('idle, silent and half-sent connections hold nobody up', async () => {
    const { child, port, exit } = await start()
    const idle = await send(port, get('/fast'))
    await idle.received('Fast response')
    const silent = await open(port)
    const half = await send(port, 'GET /fast HT')
    const before = performance.now()
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    expect(performance.now() - before).toBeLessThan(5000)
    await Promise.all([idle.closed, silent.closed, half.closed])
  })

  test.skipIf(!hasBoth)(
    'the same at both addresses of localhost (skipped where there is no ::1), where what was admitted is answered',
    async () => {
      const environment = { HOST: 'localhost', TIME_SCALE: '0.1', LOG_LEVEL: 'debug' }
      const { child, port, exit, log } = await start(environment, ['--import', twoAddresses])
      // It says where it listens when the first address does.
      await until(() => log.some(({ msg }) => msg === 'ready'))
      const wires = []
      for (const host of ['127.0.0.1', '::1']) {
        wires.push(await open(port, host), await send(port, 'GET /fast HT', host))
        wires.push(await send(port, get('/slow'), host))
      }
      await untilActive(port, 2)
      const before = performance.now()
      child.kill('SIGTERM')
      expect(await exit).toBe(0)
      expect(performance.now() - before).toBeLessThan(5000)
      await Promise.all(wires.map(({ closed }) => closed))
      for (const slow of [wires[2], wires[5]]) expect(slow?.text()).toContain('Slow response')
    },
  )

  test('what still runs at the timeout is cut, delay included, and the exit code is 1', async () => {
    const { child, port, exit, log } = await start({
      DRAIN_DELAY_MS: '200',
      DRAIN_TIMEOUT_MS: '500',
    })
    const slow = await send(port, get('/slow'))
    await untilActive(port, 1)
    const before = performance.now()
    child.kill('SIGTERM')
    await slow.closed
    expect(await exit).toBe(1)
    expect(performance.now() - before).toBeLessThan(3000)
    expect(slow.text()).toBe('')
    expect(log.some(({ err }) => JSON.stringify(err)?.includes('after 500 ms'))).toBe(true)
  })

  test('two signals of one press are one; a later second one exits at once', async () => {
    const { child, port, exit, log } = await start()
    const slow = await send(port, get('/slow'))
    await untilActive(port, 1)
    child.kill('SIGINT')
    await until(() => log.some(({ msg }) => msg === 'draining'))
    child.kill('SIGINT')
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(child.exitCode).toBe(null)
    child.kill('SIGINT')
    expect(await exit).toBe(1)
    expect(slow.text()).toBe('')
  })
})
