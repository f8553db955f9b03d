/**
 * How late the event loop runs and how busy it is, ten times a second, for as long as anybody asks:
 * a timer that is due every ten milliseconds tells how long whatever is due has to wait. At rest it
 * has no timer. Cost: a hundred short timers a second while there is work.
 */
import { performance } from 'node:perf_hooks'
import type { LoopReading } from '../core/loop/loop-room.js'
import { processStops } from '../core/loop/stops.js'

/** Milliseconds. */
const EVERY = 10
const READING = 100
/** Milliseconds without a question. */
const REST_AFTER = 1000
/** Milliseconds: nobody computes that long, so that the process, or its machine, was stopped. */
const STOPPED = 2000
/** The weight of the last reading in the lateness. */
const SMOOTHING = 0.5

class LoopGauge {
  readonly #listeners = new Set<(reading: LoopReading) => void>()
  #lateness = 0
  #timer: NodeJS.Timeout | undefined
  #askedAt = 0
  #due = 0
  #late = 0
  #ticks = 0
  #began = performance.eventLoopUtilization()

  /** Calls back with each reading. @returns what ends that */
  listen(tell: (reading: LoopReading) => void): () => void {
    this.#listeners.add(tell)
    return () => {
      this.#listeners.delete(tell)
    }
  }

  /** Milliseconds that whatever is due has to wait, on average; 0 at rest. */
  get lateness(): number {
    this.ask()
    return this.#lateness
  }

  /** Somebody wants to know, now and for a second. */
  ask(now: number = performance.now()): void {
    this.#askedAt = now
    if (this.#timer !== undefined) return
    this.#began = performance.eventLoopUtilization()
    this.#late = this.#ticks = 0
    processStops.beat(this.#askedAt)
    this.#schedule(this.#askedAt)
  }

  #schedule(now: number): void {
    this.#due = now + EVERY
    this.#timer = setTimeout(this.#tick, EVERY).unref()
  }

  readonly #tick = (): void => {
    const now = performance.now()
    const late = Math.max(0, now - this.#due)
    processStops.beat(now)
    if (late > STOPPED) {
      this.#askedAt = now
      this.#began = performance.eventLoopUtilization()
      this.#late = this.#ticks = 0
    } else {
      this.#late += late
      this.#ticks++
      this.#read()
    }
    if (now - this.#askedAt > REST_AFTER) {
      this.#timer = undefined
      this.#lateness = 0
      processStops.rest()
    } else this.#schedule(now)
  }

  #read(): void {
    const { idle, active } = performance.eventLoopUtilization()
    const passed = idle - this.#began.idle + active - this.#began.active
    if (passed < READING) return
    const lateness = this.#late / this.#ticks
    this.#lateness += (lateness - this.#lateness) * SMOOTHING
    const busy = active - this.#began.active
    for (const tell of this.#listeners) tell({ lateness, busy, passed })
    this.#began = { idle, active, utilization: 0 }
    this.#late = this.#ticks = 0
  }
}

/** There is one loop in a process. */
export const loopGauge: LoopGauge = new LoopGauge()
