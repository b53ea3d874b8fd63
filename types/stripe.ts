/** The few shapes of Stripe's API that travel between the database and the handlers. Types only. */
import type { Stripe } from 'stripe'

export type CheckoutSessionParams = Stripe.Checkout.SessionCreateParams
export type PortalSessionParams = Stripe.BillingPortal.SessionCreateParams
export type WebhookEndpointParams = Stripe.WebhookEndpointCreateParams & Stripe.WebhookEndpointUpdateParams

/** Parameters of a list at Stripe. */
export type ListParams = {
  limit: number
  starting_after?: string
  ending_before?: string
  [name: string]: unknown
}

/** A reference to a Stripe object, for example `{ object: 'subscription', id: 'sub_…' }`. */
export type StripeObjectRef = { object: string; id: string }

/** Any object of Stripe's API. */
export type StripeObject = { object: string; id?: string }

/** An object of Stripe's API, with an instant at which it was certainly true. */
export type Snapshot<T> = {
  object: T
  /** ISO-8601; Stripe's `Date` header, less the time the request took, less one second. */
  snapshotAt: string
}
