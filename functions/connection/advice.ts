/** The next step for a webhook endpoint that we cannot set up. */
import type { StripeEnvironment } from '../../types/api.ts'

/** A clause without a capital and a full stop: how to make an endpoint by hand. */
export const endpointByHand = (environment: StripeEnvironment): string =>
  `make an endpoint in the Stripe Dashboard that delivers to /api/webhooks/stripe/${environment} of this deployment, and set STRIPE_${environment.toUpperCase()}_WEBHOOK_SECRET to its signing secret`
