/** The most memory that a process ever had, where the system tells: Linux. */
import { readFileSync } from 'node:fs'

export function peakMegabytes(pid: number | undefined): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Math.round(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024)
  } catch {
    return undefined
  }
}
