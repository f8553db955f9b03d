/** What a run found, and on which machine: one object, for the table, `--json` and `--html`. */
import { cpus } from 'node:os'
import type { Check, Row, Series, Table } from '../figures/outcome.js'

export interface Result {
  readonly name: string
  readonly question: string
  readonly ok: boolean
  readonly seconds: number
  readonly rows: readonly Row[]
  readonly checks: readonly Check[]
  readonly tables: readonly Table[]
  readonly series: readonly Series[]
  readonly raw?: unknown
}

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

/** Nothing vanished: a request was answered, or its client left. */
export function isBalanced({ sent, answered, aborted = 0 }: Row): boolean {
  return sent === answered + aborted
}

/** What has to be known to compare the figures with others. */
export function remarks({ machine, pinning, quick }: Report): string[] {
  const { cpu, cores, platform, node } = machine
  return [
    `${cpu}, ${cores} cores, ${platform}, Node ${node}; ${pinning}`,
    ...(quick ? ['--quick: too short to be quoted'] : []),
  ]
}

/** Whose figures say little about the server. */
export function bottlenecks({ scenarios }: Report): string[] {
  return scenarios
    .flatMap(({ rows }) => rows.filter(isClientBound))
    .map(({ label }) => `The client was the bottleneck of ${label}: the server can do more.`)
}

export function verdict({ scenarios, ok }: Report): string {
  const failed = scenarios.filter((result) => !result.ok).map(({ name }) => name)
  if (ok) return 'Every threshold held.'
  if (failed.length === 0) return 'Interrupted.'
  return `A threshold failed in ${failed.join(', ')}.`
}
