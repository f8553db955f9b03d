/** The menu, in its order. */
import aborts from './aborts.js'
import counter from './counter.js'
import drain from './drain.js'
import fast from './fast.js'
import file from './file.js'
import limited from './limited.js'
import overload from './overload.js'
import replicas from './replicas.js'
import type { Scenario } from './scenario.js'
import services from './services.js'
import slowFast from './slow-fast.js'
import step from './step.js'
import versus from './versus.js'

export const scenarios: readonly Scenario[] = [
  fast,
  slowFast,
  counter,
  limited,
  file,
  aborts,
  drain,
  overload,
  step,
  services,
  versus,
  replicas,
]
