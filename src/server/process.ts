/**
 * Runs an app as a process: logger, listening, and an end that loses no request. SIGTERM and SIGINT
 * drain, or whoever else gives orders; a second signal exits at once. Unhandled rejections are logged
 * and exit 1.
 */
import { isatty } from 'node:tty'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { type Logger, pino } from 'pino'
import type { Config } from '../config.js'
import { LogOutput } from './log-output.js'
import { visibleJson, visibleValue } from './outside-text.js'

const STDOUT = 1
/** Milliseconds that the last lines may take. */
const LAST_LINES = 1000

export interface Log {
  readonly logger: Logger
  readonly output: LogOutput
}

/** People at a terminal get readable lines, machines one JSON object a line. */
export async function createLogger({ LOG_LEVEL: level }: Config): Promise<Log> {
  // Nobody reads them; what cannot be written there is no reason to end, either.
  process.stderr.on('error', () => {})
  const format = isatty(STDOUT) ? await prettyFormat() : visibleJson
  const gapLine = (missing: number): string => {
    const time = Date.now()
    return `${JSON.stringify({ level: 40, time, msg: `${missing} log lines were dropped` })}\n`
  }
  const output = new LogOutput(STDOUT, (missing) => format(gapLine(missing)))
  const logger = pino({ level }, { write: (line) => output.write(format(line)) })
  return { logger, output }
}

export async function prettyFormat(): Promise<(line: string) => string> {
  const { prettyFactory } = await import('pino-pretty')
  const pretty = prettyFactory({
    colorize: true,
    singleLine: true,
    ignore: 'pid,hostname',
    translateTime: 'HH:MM:ss.l',
  })
  return (line) => pretty(visibleValue(line))
}

/** What tells a process to end, and what it tells in turn. */
export interface Orders {
  /** @param drain begins to, once @param settings `DRAIN_DELAY_MS` */
  attach(
    app: FastifyInstance,
    settings: { readonly delay: number },
    drain: (delay: number) => void,
  ): void
  /** The service cannot go on. */
  end?(why: string): void
  /** All is answered and closed: the last before the exit. */
  closed?(): Promise<void>
}

/** @param listen opens the app's ports and says where. */
export async function run(
  app: FastifyInstance,
  log: Log,
  config: Config,
  listen: () => Promise<void>,
  orders: Orders = signals(log.logger),
): Promise<void> {
  closeOnOrders(app, log, config, orders)
  try {
    await listen()
  } catch (error) {
    const { code, port, syscall, prefix } = error as ListenError
    // A worker's primary binds for it.
    if (!['listen', 'bind', 'getaddrinfo'].includes(syscall ?? '')) throw error
    const ofPort = PORT_PROBLEMS[code ?? '']
    const variable = prefix === undefined ? '' : `${prefix}${ofPort ? 'PORT' : 'HOST'}: `
    const problem = ofPort
      ? `port ${port} ${ofPort}`
      : `cannot listen on ${config[`${prefix ?? ''}HOST`]}:${port ?? config[`${prefix ?? ''}PORT`]} (${code})`
    // Not by the logger, which may be silent.
    process.stderr.write(`${variable}${problem}\n`)
    process.exit(1)
  }
}

/** What is wrong with a port, by what the system says; all else is the host's. */
const PORT_PROBLEMS: Partial<Record<string, string>> = {
  EADDRINUSE: 'is taken by another process',
  EACCES: 'takes a right that this process has not (EACCES)',
}

/** Which variables the port was opened with: `PORT` and `HOST` behind this. */
type Prefix = '' | 'ADMIN_'
type ListenError = NodeJS.ErrnoException & { port?: number; prefix?: Prefix }

/** For the `catch` of whoever opens a port, so that a failure can name its variable. */
export function openedWith(prefix: Prefix): (error: ListenError) => never {
  return (error) => {
    throw Object.assign(error, { prefix })
  }
}

/**
 * npm passes a Ctrl-C on to a process that the terminal has already told, so that one press comes
 * as two signals: only one that comes later counts as a second.
 */
const SAME_PRESS = 250

/** A process of its own is told by signals. */
function signals(logger: Logger): Orders {
  return {
    attach(app, { delay }, drain) {
      onEndSignals(
        (signal) => {
          logger.info({ signal, active: app.concurrency.snapshot().requests.active }, 'draining')
          drain(delay)
        },
        (signal) => {
          logger.error({ signal }, 'second signal, exiting at once')
          process.exit(1)
        },
      )
    },
  }
}

export function onEndSignals(
  onFirst: (signal: NodeJS.Signals) => void,
  onSecond: (signal: NodeJS.Signals) => void,
): void {
  let first: number | undefined
  const onSignal = (signal: NodeJS.Signals): void => {
    if (first === undefined) {
      first = performance.now()
      onFirst(signal)
    } else if (performance.now() - first > SAME_PRESS) onSecond(signal)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

function closeOnOrders(
  app: FastifyInstance,
  { logger, output }: Log,
  { DRAIN_TIMEOUT_MS: timeout, DRAIN_DELAY_MS, LOG_FAILURE }: Config,
  orders: Orders,
): void {
  let delay = DRAIN_DELAY_MS
  const grace = closeWithGrace(
    // Never before the drain's own deadline, which cuts what is left and then closes.
    {
      delay: Math.min(timeout + 2000, 2 ** 31 - 1),
      logger,
      skip: ['SIGTERM', 'SIGINT', ...(orders.closed ? (['SIGHUP'] as const) : [])],
    },
    async ({ err }) => {
      if (err) logger.fatal({ err }, 'unhandled error, closing')
      try {
        const finished = await app.concurrency.drain({ delay: err ? 0 : delay, timeout })
        await app.close()
        if (!finished) throw new Error(`cut what was not finished after ${timeout} ms`)
        if (failure !== undefined) throw failure
        if (orders.closed === undefined) logger.info('closed, every request answered')
      } finally {
        await orders.closed?.()
        await output.flush(LAST_LINES)
      }
    },
  )
  let failure: Error | undefined
  if (LOG_FAILURE === 'exit') {
    output.whenFailed((why) => {
      failure = new Error(`the log cannot be written (${why})`)
      const said = `LOG_FAILURE: ${failure.message}, closing`
      if (orders.end) orders.end(said)
      else {
        process.stderr.write(`${said}\n`)
        grace.close()
      }
    })
  }
  let isClosing = false
  orders.attach(app, { delay }, (given) => {
    if (isClosing) return
    isClosing = true
    delay = given
    grace.close()
  })
}
