/** The account of a limiter whose limit is shared: it has one more reason to shed. */
import { LimiterAccount, type RejectReason } from '../core/limiter/limiter-account.js'

export type SharedRejectReason = RejectReason | 'store'

export class SharedAccount extends LimiterAccount {
  override readonly rejected: Record<SharedRejectReason, number> = {
    ...new LimiterAccount().rejected,
    store: 0,
  }

  override reject(reason: SharedRejectReason, error: unknown): Promise<never> {
    this.rejected[reason]++
    return Promise.reject(error)
  }
}
