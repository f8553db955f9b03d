/** Turns of the event loop, stepped by hand: `setImmediate` is faked for each test, and timers are. */
import { afterEach, beforeEach, vi } from 'vitest'

export interface Turns {
  /** What waits for the turn's end. */
  readonly immediates: (() => void)[]
  /** The turn's immediates, and the ticks and microtasks behind them. */
  endTurn(): Promise<void>
}

/** To be called once in a file. */
export function stepTurns(): Turns {
  const immediates: (() => void)[] = []
  beforeEach(() => {
    immediates.length = 0
    vi.stubGlobal('setImmediate', (callback: () => void) => immediates.push(callback))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })
  return {
    immediates,
    async endTurn() {
      for (const callback of immediates.splice(0)) callback()
      for (let i = 0; i < 60; i++) await tick()
    },
  }
}

export function tick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}
