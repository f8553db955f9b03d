/**
 * Collects all that is dead; twice, for what weak references left. The flag is set only here: a
 * process that starts with it cannot use the compiled code that Node brings, and is no longer what it
 * is in use.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export function collectAll(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
}
