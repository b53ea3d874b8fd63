/** Every route of the API, and the search for the route of a request. */
import type { Engine } from './core/engine.ts'
import { StripeFailure } from './core/errors.ts'
import { expandAnswer } from './core/expand.ts'
import { encodeForm } from './core/params.ts'
import type { Method, Route } from './core/route.ts'
import type { Json } from './core/types.ts'
import { PINNED_VERSION } from './core/versions.ts'
import { accountRoutes } from './resources/account.ts'
import { priceRoutes, productRoutes } from './resources/catalog.ts'
import { checkoutSessionRoutes } from './resources/checkout-sessions.ts'
import { couponRoutes } from './resources/coupons.ts'
import { creditNoteRoutes } from './resources/credit-notes.ts'
import { customerRoutes } from './resources/customers.ts'
import { disputeRoutes } from './resources/disputes.ts'
import { eventRoutes } from './resources/events.ts'
import { invoicePreviewRoutes } from './resources/invoice-preview.ts'
import { invoiceRoutes } from './resources/invoices.ts'
import { paymentIntentRoutes } from './resources/payment-intents.ts'
import { paymentMethodConfigurationRoutes } from './resources/payment-method-configurations.ts'
import { paymentMethodRoutes } from './resources/payment-methods.ts'
import { portalRoutes } from './resources/portal.ts'
import { refundRoutes } from './resources/refunds.ts'
import { scheduleRoutes } from './resources/schedules.ts'
import { searchRoutes } from './resources/search.ts'
import { setupIntentRoutes } from './resources/setup-intents.ts'
import { shippingRateRoutes } from './resources/shipping.ts'
import { subscriptionRoutes } from './resources/subscriptions.ts'
import { testClockRoutes } from './resources/test-clocks.ts'
import { webhookEndpointRoutes } from './resources/webhook-endpoints.ts'

export const routes: Route[] = [
  ...searchRoutes,
  ...invoicePreviewRoutes,
  ...accountRoutes,
  ...checkoutSessionRoutes,
  ...couponRoutes,
  ...creditNoteRoutes,
  ...customerRoutes,
  ...disputeRoutes,
  ...eventRoutes,
  ...invoiceRoutes,
  ...paymentIntentRoutes,
  ...paymentMethodConfigurationRoutes,
  ...paymentMethodRoutes,
  ...portalRoutes,
  ...priceRoutes,
  ...productRoutes,
  ...refundRoutes,
  ...scheduleRoutes,
  ...setupIntentRoutes,
  ...shippingRateRoutes,
  ...subscriptionRoutes,
  ...testClockRoutes,
  ...webhookEndpointRoutes,
]

/** A route with the ids in the path. */
export interface Found {
  route: Route
  id: string
  secondId: string
}

/** @throws Stripe's 404 when no route has this method and path */
export function findRoute(method: string, path: string): Found {
  for (const route of routes) {
    const match = route.method === method ? route.pattern.exec(path) : null
    if (match)
      return { route, id: decodeURIComponent(match[1] ?? ''), secondId: decodeURIComponent(match[2] ?? '') }
  }
  throw new StripeFailure(404, {
    type: 'invalid_request_error',
    message: `Unrecognized request URL (${method}: ${path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`,
  })
}

/**
 * Runs a request without HTTP: the same checks, operation and response.
 * @param params plain values, as the SDK's methods take them
 * @throws StripeFailure with the status and body of Stripe's response
 */
export function call(engine: Engine, method: Method, path: string, params: object = {}): Json {
  const { route, id, secondId } = findRoute(method, path)
  const { params: checked, expand, ignored } = route.read(encodeForm(params))
  engine.warnings.note(method, route.path, ignored)
  const answer = route.run({ engine, params: checked as never, id, secondId, path, version: PINNED_VERSION })
  return expandAnswer(engine, answer, expand) as Json
}
