/** Where what is measured runs, and who is told how far it is. */
import type { Progress } from '../report/progress.js'
import type { Place } from '../subjects/process/launch.js'

export interface Stand extends Place {
  readonly progress: Progress
}
