/** Checkout and Billing Portal sessions as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import * as s from '../core/schema-parts.ts'
import { adjustableQuantity, checkoutOptions, httpUrl, portalOptions, priceData } from './options.ts'

const RESERVED_METADATA = /^(payments|insforge)_/
const mode = ['payment', 'subscription', 'setup'] as const

export const checkoutSessionParams = z.strictObject({
  environment: s.environment,
  id: s.id.describe('The id of the row, or of Stripe (`cs_…`).'),
})

const subject = s.named(
  'BillingSubject',
  z.strictObject(
    {
      type: s.text(1, 100).describe('1 to 100 characters.'),
      id: s.text(1, 255).describe('1 to 255 characters.'),
    },
    s.requiredAs('an object with type and id'),
  ),
  "The app-owned owner of a purchase, for example `{ type: 'team', id: '42' }`.",
)

const lineItem = s.named(
  'CheckoutLineItem',
  z
    .strictObject(
      {
        priceId: s.text(1, 255).describe('A Stripe price, `price_…`.').optional(),
        lookupKey: s.text(1, 255).describe('The lookup key of a price, in place of its id.').optional(),
        priceData: priceData.optional(),
        quantity: s
          .wholeNumber(1, 999)
          .describe('1 to 999; 1 if omitted. It is not sent to Stripe for a metered price.')
          .default(1),
        adjustableQuantity: adjustableQuantity.optional(),
      },
      s.requiredAs('an object with priceId and quantity'),
    )
    .refine(({ priceId, lookupKey, priceData }) => (priceId ?? lookupKey ?? priceData) !== undefined, {
      path: ['priceId'],
      message: 'is required',
    })
    .refine(({ priceId, lookupKey }) => priceId === undefined || lookupKey === undefined, {
      path: ['lookupKey'],
      message: 'cannot be used with priceId',
    })
    .refine(
      ({ priceId, lookupKey, priceData }) => (priceId ?? lookupKey) === undefined || priceData === undefined,
      {
        path: ['priceData'],
        message: 'cannot be used with priceId or lookupKey',
      },
    ),
)

export const createCheckoutSessionBody = s
  .request('CreateCheckoutSessionRequest', {
    mode: z.enum(mode, s.requiredAs('payment, subscription or setup')),
    lineItems: z
      .array(lineItem, s.requiredAs('a list of items'))
      .max(100, 'must have 1 to 100 items')
      .describe('1 to 100 items; none when mode is setup.')
      .default([]),
    successUrl: httpUrl
      .describe(
        'Absolute http(s) address. Stripe replaces `{CHECKOUT_SESSION_ID}` in it. Required on a hosted page.',
      )
      .optional(),
    cancelUrl: httpUrl.describe('Absolute http(s) address. Required on a hosted page.').optional(),
    subject: subject.optional().describe('The owner of the purchase. A subscription must have one.'),
    customerEmail: z
      .string(s.requiredAs('an e-mail address'))
      .trim()
      .max(512, 'must have at most 512 characters')
      .pipe(z.email('must be an e-mail address'))
      .nullish(),
    // Stripe allows 50 keys, of which we write four.
    metadata: s
      .metadata({ keys: 46, reserved: RESERVED_METADATA })
      .describe('Your own keys; keys that begin with `payments_` or `insforge_` are reserved.')
      .optional(),
    idempotencyKey: s
      .text(1, 200)
      .describe(
        'A request that is repeated with the same key returns the same session. It begins a new one if that session has expired, or if its money came to nothing. Another request with this key is refused with 409, unless Stripe refused the first one. `expiresAt` is not compared; derive `trialEnd` and `billingCycleAnchor` from a fixed day.',
      )
      .optional(),
    ...checkoutOptions,
  })
  .refine(({ mode, subject }) => mode !== 'subscription' || subject !== undefined, {
    path: ['subject'],
    message: 'is required when mode is subscription',
  })
  .refine(({ mode, lineItems }) => mode === 'setup' || lineItems.length > 0, {
    path: ['lineItems'],
    message: 'must have 1 to 100 items',
  })
  .refine(({ uiMode = 'hosted', successUrl }) => uiMode !== 'hosted' || successUrl !== undefined, {
    path: ['successUrl'],
    message: 'is required',
  })
  .refine(({ uiMode = 'hosted', cancelUrl }) => uiMode !== 'hosted' || cancelUrl !== undefined, {
    path: ['cancelUrl'],
    message: 'is required',
  })

export const createCustomerPortalSessionBody = s.request('CreateCustomerPortalSessionRequest', {
  subject,
  returnUrl: httpUrl.describe('Absolute http(s) address that the portal links back to.').optional(),
  configuration: s.text(1, 255).describe('A Stripe portal configuration, `bpc_…`.').optional(),
  ...portalOptions,
})

export const checkoutSession = s.component('CheckoutSession', {
  id: z.string().describe('The id of the row in `payments.stripe_checkout_sessions`.'),
  environment: s.environment,
  mode: s.wordOfStripe(...mode),
  status: s.named('CheckoutSessionStatus', z.enum(['initialized', 'open', 'completed', 'expired', 'failed'])),
  paymentStatus: s.wordOfStripe('paid', 'unpaid', 'no_payment_required').nullable(),
  subjectType: s.nullable,
  subjectId: s.nullable,
  customerEmail: s.nullable,
  checkoutSessionId: s.nullable.describe("Stripe's id, `cs_…`."),
  customerId: s.nullable,
  paymentIntentId: s.nullable,
  subscriptionId: s.nullable,
  url: s.nullable.describe('The hosted page to send the buyer to, while the session is open; else null.'),
  clientSecret: s.nullable.describe(
    "Mounts an embedded or custom session in the app's page, while the session is open; else null.",
  ),
  lastError: s.errorText,
  ...s.timestamps,
})

export const customerPortalSession = s.component('CustomerPortalSession', {
  id: z.string().describe('The id of the row in `payments.stripe_customer_portal_sessions`.'),
  environment: s.environment,
  status: z.enum(['initialized', 'created', 'failed']),
  subjectType: z.string(),
  subjectId: z.string(),
  customerId: s.nullable,
  returnUrl: s.nullable,
  configuration: s.nullable,
  url: s.nullable.describe('The portal page, for one visit soon.'),
  lastError: s.errorText,
  ...s.timestamps,
})

export const createCheckoutSessionResponse = s.answer('CreateCheckoutSessionResponse', { checkoutSession })
export const checkoutSessionStatusResponse = s.answer('CheckoutSessionStatusResponse', {
  checkoutSession,
  fulfilled: z
    .boolean()
    .describe(
      'Whether the events that say it is paid, or that nothing is due, are processed, and fulfilment with them.',
    ),
})
export const createCustomerPortalSessionResponse = s.answer('CreateCustomerPortalSessionResponse', {
  customerPortalSession,
})
