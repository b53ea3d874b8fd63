/** A customer that was deleted at Stripe while no event told so. */
import type { StripeEnvironment } from '../../types/api.ts'
import { isApiError } from '../core/errors.ts'
import { describeError } from '../core/log.ts'
import { knownObjects, projectStripeObjects } from '../core/sql.ts'
import type { StripeApi } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'
import { firstKnown, isUnknownObject } from '../sync/account.ts'

/** Whether Stripe refused a request because it does not know its customer. */
function namesUnknownCustomer(error: unknown): boolean {
  const cause = isApiError(error) ? (error.cause as { code?: string; param?: string } | undefined) : undefined
  return cause?.code === 'resource_missing' && cause.param === 'customer'
}

/**
 * Marks the customer of a refused request as deleted, if that is why Stripe refused it. Never throws, because the
 * caller has Stripe's error to show.
 *
 * @returns whether the customer is marked now, so that the request may be made once more
 */
export async function markGoneCustomer(
  error: unknown,
  { environment, customer }: { environment: StripeEnvironment; customer: string | undefined },
  stripe: StripeApi,
  { database, log }: Deps,
): Promise<boolean> {
  if (customer === undefined || !namesUnknownCustomer(error)) return false
  try {
    const found = await lookUp(customer, stripe)
    if (found !== null && !(found.object as { deleted?: boolean }).deleted) return false
    if (found === null) {
      // A key of another account knows no customer of ours either.
      const others = (await knownObjects(database, { environment })).filter(({ id }) => id !== customer)
      if ((await firstKnown(others, stripe.retrieve)) === null) return false
    }
    await projectStripeObjects(database, {
      environment,
      objects: [{ id: customer, object: 'customer', deleted: true } as { id: string; object: string }],
      snapshotAt: found?.snapshotAt ?? new Date().toISOString(),
    })
    log.info('gone_customer_marked', { environment, customer })
    return true
  } catch (cause) {
    log.error('gone_customer_not_marked', { environment, customer, cause: describeError(cause) })
    return false
  }
}

/** The customer at Stripe; null if Stripe does not know it. Of a deleted one Stripe shows {id, deleted: true}. */
async function lookUp(id: string, stripe: StripeApi) {
  return stripe.retrieve({ object: 'customer', id }).catch((error) => {
    if (isUnknownObject(error)) return null
    throw error
  })
}
