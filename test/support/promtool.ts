/** Prometheus' own checker, where it is installed; tests that need it skip themselves elsewhere. */
import { spawnSync } from 'node:child_process'

export const promtool =
  spawnSync('promtool', ['--version']).status === 0
    ? (args: string[], input = ''): { status: number | null; output: string } => {
        const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' })
        return { status, output: stdout + stderr }
      }
    : undefined
