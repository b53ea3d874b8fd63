/** What a buyer is told when Stripe refuses the key of the shop: nothing that looks like a sign-in that has ended. */
import { apiError, isApiError } from '../core/errors.ts'

/**
 * Rejects with 500 in place of Stripe's 401 or 403 about the key of the shop. To an app these would say that the buyer
 * is signed out. The cause, which the log has, says what the deployer does about it.
 */
export async function forBuyers<Result>(work: Promise<Result>): Promise<Result> {
  return work.catch((error) => {
    const isRefused =
      isApiError(error) &&
      error.code === 'PAYMENT_CONFIG_INVALID' &&
      (error.status === 401 || error.status === 403)
    if (!isRefused) throw error
    throw apiError(
      500,
      'PAYMENT_CONFIG_INVALID',
      'This shop cannot take payments just now: Stripe refuses its key.',
      {
        nextActions:
          'Try again later. If the shop is yours, run `pg-payments doctor`; the log of the handlers says what is wrong with the key.',
        cause: error,
      },
    )
  })
}
