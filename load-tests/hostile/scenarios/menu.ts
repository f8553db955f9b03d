/** The menu of hostile clients and sick machines, in its order. */
import type { Scenario } from '../../scenarios/scenario.js'
import type { Settings } from '../settings.js'
import { crowds } from './crowds.js'
import { exhausted } from './exhausted.js'
import { http1 } from './http1.js'
import { http2 } from './http2.js'
import { soak } from './soak.js'

export const builders: Readonly<Record<string, (settings: Settings) => Scenario>> = {
  http1,
  http2,
  crowds,
  exhausted,
  soak,
}
