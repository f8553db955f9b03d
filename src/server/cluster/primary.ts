/**
 * The process of a server with `WORKERS`: it takes no request, but has the workers that do, hands them
 * connections in turn, and keeps what they share.
 */
import cluster from 'node:cluster'
import { serveClusterStore } from 'fastify-sluice'
import type { Config } from '../../config.js'
import { type Log, onEndSignals } from '../process.js'
import { Crew } from './crew.js'
import type { Member } from './member.js'
import type { FromWorker, Listening, Question } from './messages.js'
import { Survey } from './survey.js'

/** Milliseconds that the last lines may take. */
const LAST_LINES = 1000

/** Resolves with the exit code. */
export async function runPrimary(
  size: number,
  { logger, output }: Log,
  config: Config,
): Promise<number> {
  // By Node's other policy a crowd that comes at once goes to one worker.
  cluster.schedulingPolicy = cluster.SCHED_RR
  serveClusterStore(cluster)
  /** As they were set while the server ran: for workers that come later. */
  const limits = new Map<string, number>()
  let where: Listening | undefined

  const crew = new Crew({
    ...{ size, logger, drainTimeout: config.DRAIN_TIMEOUT_MS },
    onMessage: hear,
    onExit: ({ id }) => survey.ended(id),
  })
  const survey = new Survey(
    () => [...crew.members].filter(({ isListening }) => isListening),
    () => where?.aggregators ?? {},
  )
  onEndSignals(
    (signal) => {
      logger.info({ signal, workers: crew.members.size }, 'draining')
      crew.drain()
    },
    (signal) => {
      logger.error({ signal }, 'second signal, exiting at once')
      crew.kill()
      process.exit(1)
    },
  )
  process.on('SIGHUP', () => {
    logger.info({ signal: 'SIGHUP', workers: crew.members.size }, 'replacing the workers in turn')
    crew.roll()
  })

  if ((await crew.start()) && where !== undefined) {
    const { url, operators } = where
    logger.info(`Sluice listens on ${url}, metrics on ${operators}/metrics, with ${size} workers`)
  }
  const code = await crew.ended
  if (code === 0) logger.info('closed, every request answered')
  await output.flush(LAST_LINES)
  return code

  function hear(member: Member, message: FromWorker): void {
    switch (message.type) {
      case 'listening':
        where = message
        for (const [limiter, limit] of limits) {
          member.send({ type: 'question', call: 0, question: { about: 'limit', limiter, limit } })
        }
        member.setListening()
        break
      case 'answer':
        survey.answered(member.id, message.call, message.value)
        break
      case 'ask': {
        const { call } = message
        answer(message.question, message.maxAge).then(
          (value) => member.send({ type: 'answer', call, value }),
          (error) => member.send({ type: 'failure', call, message: String(error) }),
        )
        break
      }
      case 'leaving':
        survey.ended(member.id, message.account)
        member.send({ type: 'leave' })
        break
      case 'end':
        process.stderr.write(`${message.why}\n`)
        crew.drain()
    }
  }

  function answer(question: Question, maxAge: number): Promise<unknown> {
    if (question.about === 'metrics') return survey.metrics()
    if (question.about === 'snapshot') return survey.snapshot(maxAge)
    limits.set(question.limiter, question.limit)
    return survey.setLimit(question.limiter, question.limit)
  }
}
