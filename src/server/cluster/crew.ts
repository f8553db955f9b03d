/**
 * The workers: as many as are wanted, each in the place of one that died, all of them replaced one after
 * the other, or drained at once. Time between deaths grows, so that what cannot live costs little.
 */
import cluster from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Member } from './member.js'
import type { FromWorker } from './messages.js'

/** Milliseconds after which a death is no reason to wait before the next birth. */
const LIVED = 10_000
/** Milliseconds to the next birth after the second death in a row, doubled with each. */
const FIRST_WAIT = 100
const LONGEST_WAIT = 10_000
/** Milliseconds that a worker has, beyond its drain, to end. */
const BEYOND = 5000

export interface CrewOptions {
  readonly size: number
  readonly logger: Logger
  /** Milliseconds. */
  readonly drainTimeout: number
  readonly onMessage: (member: Member, message: FromWorker) => void
  readonly onExit: (member: Member) => void
}

export class Crew {
  readonly members = new Set<Member>()
  readonly #options: CrewOptions
  #isEnding = false
  #isRolling = false
  #deaths = 0
  #code = 0
  #setEnded: (code: number) => void = () => {}
  /** Resolves with the exit code when the last has gone that was asked to. */
  readonly ended: Promise<number> = new Promise((resolve) => {
    this.#setEnded = resolve
  })

  constructor(options: CrewOptions) {
    this.#options = options
  }

  /** Resolves with false if one cannot start: then all end with its exit code. */
  async start(): Promise<boolean> {
    // What keeps one from starting keeps all, and is said once.
    for (const count of [1, this.#options.size - 1]) {
      const born = Array.from({ length: count }, () => this.#fork(false))
      const ready = await Promise.all(born.map((member) => member.ready))
      if (this.#isEnding) return false
      for (const member of born) member.isWanted = true
      const failed = born[ready.indexOf(false)]
      if (failed !== undefined) {
        this.#code = await failed.exited
        this.drain()
        return false
      }
    }
    return true
  }

  /** All of them, at once. */
  drain(): void {
    this.#isEnding = true
    for (const member of this.members) member.drain(false, this.#options.drainTimeout + BEYOND)
    this.#endIfEmpty()
  }

  kill(): void {
    for (const member of this.members) member.kill()
  }

  /**
   * Another takes the place of each, before that stops. Asked again meanwhile, the new ones are replaced
   * as well. Where a new one cannot start, the old ones stay.
   */
  async roll(): Promise<void> {
    for (const member of this.members) member.isOld = member.isListening
    if (this.#isRolling) return
    this.#isRolling = true
    const { logger, drainTimeout } = this.#options
    for (let old = this.#oldest(); old && !this.#isEnding; old = this.#oldest()) {
      const fresh = this.#fork(false)
      old.isWanted = false
      if (await fresh.ready) {
        fresh.isWanted = true
        old.drain(true, drainTimeout + BEYOND)
        await old.exited
      } else {
        logger.error({ worker: fresh.pid }, 'a new worker cannot start: the old ones stay')
        for (const member of this.members) member.isOld = false
        if (this.members.has(old)) old.isWanted = !this.#isEnding
        else this.#replace()
      }
    }
    this.#isRolling = false
    if (!this.#isEnding) logger.info('every worker is a new one')
  }

  #oldest(): Member | undefined {
    return [...this.members].find(({ isOld, isDraining }) => isOld && !isDraining)
  }

  #fork(isWanted: boolean): Member {
    const member = new Member(cluster.fork(), isWanted)
    this.members.add(member)
    member.hear((message) => this.#options.onMessage(member, message))
    member.exited.then((code) => this.#lose(member, code))
    return member
  }

  #lose(member: Member, code: number): void {
    const { logger, onExit } = this.#options
    this.members.delete(member)
    onExit(member)
    if (this.#isEnding) {
      if (member.isListening) this.#code ||= code
      this.#endIfEmpty()
      return
    }
    const { pid: worker, signal } = member
    if (member.isDraining && code === 0) logger.debug({ worker }, 'worker drained')
    else logger.error({ worker, code, signal }, 'worker died')
    if (member.isWanted) {
      this.#deaths = performance.now() - member.bornAt < LIVED ? this.#deaths + 1 : 0
      this.#replace()
    }
  }

  async #replace(): Promise<void> {
    if (this.#deaths > 1) {
      await sleep(Math.min(FIRST_WAIT * 2 ** (this.#deaths - 2), LONGEST_WAIT))
    }
    if (!this.#isEnding) this.#fork(true)
  }

  #endIfEmpty(): void {
    if (this.members.size === 0) this.#setEnded(this.#code)
  }
}
