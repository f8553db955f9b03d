/** What a run found, and on which machine: one object, for the table and for `--json`. */
import { cpus } from 'node:os'
import type { Result } from './runner.js'
import type { Row } from './scenario.js'

export interface Report {
  readonly startedAt: string
  readonly machine: Machine
  /** Who ran on which core. */
  readonly pinning: string
  readonly quick: boolean
  /** Every threshold of every scenario asked for held. */
  readonly ok: boolean
  /** Those that ran to an end: fewer than asked for, if somebody interrupted. */
  readonly scenarios: readonly Result[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly platform: string
  readonly node: string
}

export function describeMachine(): Machine {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? 'unknown CPU',
    cores: all.length,
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  }
}

/** It had no time left while the server had: then the figures are the client's own. */
export function isClientBound({ cpu }: Row): boolean {
  return cpu !== undefined && cpu.client >= 0.95 && cpu.server < cpu.client
}
