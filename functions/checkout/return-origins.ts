/** The addresses to which Stripe sends a buyer back. */
import type { Config } from '../core/config.ts'
import { apiError } from '../core/errors.ts'

/**
 * Refuses an address of another origin than those of `PAYMENTS_RETURN_ORIGINS`. Without this setting, a stranger can
 * make a payment page with your name on it that ends at a page of theirs.
 *
 * @param addresses by the name of their field
 */
export function checkReturnOrigins(
  { returnOrigins }: Config,
  addresses: Record<string, string | undefined>,
): void {
  if (returnOrigins === '*') return
  for (const [field, address] of Object.entries(addresses)) {
    if (address === undefined || returnOrigins.includes(new URL(address).origin)) continue
    throw apiError(400, 'INVALID_INPUT', `${field} must be at one of the allowed origins.`, {
      nextActions: 'Use an address of the app, or add its origin to PAYMENTS_RETURN_ORIGINS.',
    })
  }
}
