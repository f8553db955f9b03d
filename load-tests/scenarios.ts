/** The menu, in its order. */
import type { Scenario } from './scenario.js'
import aborts from './scenarios/aborts.js'
import counter from './scenarios/counter.js'
import drain from './scenarios/drain.js'
import fast from './scenarios/fast.js'
import file from './scenarios/file.js'
import limited from './scenarios/limited.js'
import overload from './scenarios/overload.js'
import replicas from './scenarios/replicas.js'
import services from './scenarios/services.js'
import slowFast from './scenarios/slow-fast.js'
import step from './scenarios/step.js'
import versus from './scenarios/versus.js'

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
