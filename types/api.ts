/**
 * The HTTP API in types: what a request carries and what an answer holds. The SDK exports them, the handlers are held against
 * them, and nothing here exists at run time. Timestamps are ISO-8601 in UTC; money is an integer in the currency's minor unit.
 */

/** `test` and `live` each have their own key, webhook endpoint and rows. */
export type StripeEnvironment = 'test' | 'live'

/** The app-owned owner of a purchase, as in `{ type: 'team', id: '42' }`. */
export type BillingSubject = {
  /** 1 to 100 characters. */
  type: string
  /** 1 to 255 characters. */
  id: string
}

export type CheckoutLineItem = {
  /** A Stripe price, `price_…`. */
  priceId: string
  /** 1 to 999; 1 when left out. */
  quantity?: number
}

export type CreateCheckoutSessionRequest = {
  mode: 'payment' | 'subscription'
  /** 1 to 100 items. */
  lineItems: CheckoutLineItem[]
  /** Absolute http(s) address. Stripe replaces `{CHECKOUT_SESSION_ID}` in it. */
  successUrl: string
  /** Absolute http(s) address. */
  cancelUrl: string
  /** Who the purchase belongs to. A subscription must have one. */
  subject?: BillingSubject
  customerEmail?: string | null
  /** Own keys; those beginning `payments_` or `insforge_` are reserved. */
  metadata?: Record<string, string>
  /** The same key with the same request gives the same session; with another request it is refused with 409. */
  idempotencyKey?: string
}

export type CreateCustomerPortalSessionRequest = {
  subject: BillingSubject
  /** Absolute http(s) address the portal links back to. */
  returnUrl?: string
  /** A Stripe portal configuration, `bpc_…`. */
  configuration?: string
}

export type CheckoutSessionStatus = 'initialized' | 'open' | 'completed' | 'expired' | 'failed'

export type CheckoutSession = {
  /** The id of the row in `payments.stripe_checkout_sessions`. */
  id: string
  environment: StripeEnvironment
  mode: 'payment' | 'subscription'
  status: CheckoutSessionStatus
  paymentStatus: 'paid' | 'unpaid' | 'no_payment_required' | null
  subjectType: string | null
  subjectId: string | null
  customerEmail: string | null
  /** Stripe's id, `cs_…`. */
  checkoutSessionId: string | null
  customerId: string | null
  paymentIntentId: string | null
  subscriptionId: string | null
  /** The hosted page to send the buyer to. */
  url: string | null
  lastError: string | null
  createdAt: string
  updatedAt: string
}

export type CustomerPortalSession = {
  /** The id of the row in `payments.stripe_customer_portal_sessions`. */
  id: string
  environment: StripeEnvironment
  status: 'initialized' | 'created' | 'failed'
  subjectType: string
  subjectId: string
  customerId: string | null
  returnUrl: string | null
  configuration: string | null
  /** The portal page; it is meant for one visit, soon. */
  url: string | null
  lastError: string | null
  createdAt: string
  updatedAt: string
}

export type WebhookEventStatus = 'pending' | 'processed' | 'failed' | 'ignored'

export type StripeWebhookEvent = {
  environment: StripeEnvironment
  eventId: string
  eventType: string
  livemode: boolean
  accountId: string | null
  objectType: string | null
  objectId: string | null
  processingStatus: WebhookEventStatus
  attemptCount: number
  lastError: string | null
  receivedAt: string
  processedAt: string | null
  createdAt: string
  updatedAt: string
}

export type CreateCheckoutSessionResponse = { checkoutSession: CheckoutSession }

export type CreateCustomerPortalSessionResponse = { customerPortalSession: CustomerPortalSession }

export type WebhookResponse = {
  received: true
  /** Whether rows follow from this event: true for a processed one, also when it comes again. */
  handled: boolean
  event?: StripeWebhookEvent
}

export type HealthResponse = {
  status: 'ok'
  database: 'ok'
  version: string
}

/** The codes an answer of this API can carry. */
export type ErrorCode =
  | 'INVALID_INPUT'
  | 'PAYLOAD_TOO_LARGE'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'AUTH_UNAUTHORIZED'
  | 'AUTH_INVALID_CREDENTIALS'
  | 'AUTH_INVALID_API_KEY'
  | 'PAYMENT_CHECKOUT_ALREADY_EXISTS'
  | 'PAYMENT_CONFIG_INVALID'
  | 'PAYMENT_NOT_FOUND'
  | 'PAYMENT_METHOD_DECLINED'
  | 'RATE_LIMITED'
  | 'UPSTREAM_FAILURE'
  | 'DATABASE_DUPLICATE'
  | 'DATABASE_CONSTRAINT_VIOLATION'
  | 'DATABASE_UNAVAILABLE'
  | 'INTERNAL_ERROR'

export type ErrorBody = {
  error: ErrorCode
  /** A sentence for a person. */
  message: string
  statusCode: number
  /** The next step, when there is one to say. */
  nextActions?: string
}
