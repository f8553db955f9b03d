/** Why a limiter does not let somebody in, or start: the error of each reason. */
import {
  ClosedError,
  DeadlineError,
  QueueFullError,
  QueueTimeoutError,
  StoreError,
} from '../errors.js'

export const REFUSALS = {
  closed: ClosedError,
  queue_full: QueueFullError,
  queue_timeout: QueueTimeoutError,
  deadline: DeadlineError,
  store: StoreError,
} as const
