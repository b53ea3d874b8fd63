/** Prices that have no row here, so that a checkout did not know that they are metered. */
import type { StripeEnvironment } from '../../types/api.ts'
import { isApiError } from '../core/errors.ts'
import { describeError } from '../core/log.ts'
import { projectStripeObjects, unknownPrices } from '../core/sql.ts'
import type { StripeApi } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'

/** Whether Stripe refused the values of a request, and knows every object in it. */
function refusesValues(error: unknown): boolean {
  if (!isApiError(error)) return false
  const { code, statusCode } = (error.cause ?? {}) as { code?: string; statusCode?: number }
  return statusCode === 400 && code !== 'resource_missing'
}

/**
 * Reads the prices of a refused checkout that have no row here. Never throws, because the caller has Stripe's error to
 * show.
 *
 * @returns whether there are rows of them now, so that the request may be made once more
 */
export async function readUnknownPrices(
  error: unknown,
  { environment, id }: { environment: StripeEnvironment; id: string },
  stripe: StripeApi,
  { database, log }: Deps,
): Promise<boolean> {
  if (!refusesValues(error)) return false
  try {
    const prices = await unknownPrices(database, { environment, id })
    for (const ref of prices) {
      const { object, snapshotAt } = await stripe.retrieve(ref)
      await projectStripeObjects(database, { environment, objects: [object], snapshotAt })
    }
    return prices.length > 0
  } catch (cause) {
    log.error('prices_not_read', { environment, session: id, cause: describeError(cause) })
    return false
  }
}
