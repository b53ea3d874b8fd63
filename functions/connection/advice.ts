/** What a person does about a webhook endpoint that we cannot set up. */
import type { StripeEnvironment } from '../../types/api.ts'

/** Beginning in lower case, without a stop: the way that is always open. */
export const endpointByHand = (environment: StripeEnvironment): string =>
  `make an endpoint in the Stripe Dashboard that delivers to /api/webhooks/stripe/${environment} of this deployment, and set STRIPE_${environment.toUpperCase()}_WEBHOOK_SECRET to its signing secret`
