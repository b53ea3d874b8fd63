/** Subscriptions, transactions and customers as schemas: filters, and what answers hold. */
import { z } from 'zod'
import { catalogPrice, catalogProduct } from '../catalog/schemas.ts'
import {
  answer,
  component,
  count,
  environmentParams,
  errorText,
  id,
  instant,
  nullable,
  nullableInstant,
  oneOf,
  page,
  pageOf,
  range,
  strings,
  subjectFilter,
  wholeNumberText,
  wholeSubject,
  wordOfStripe,
  yesOrNo,
} from '../core/schema-parts.ts'
import { environmentSchema, named, text } from '../core/validation.ts'
import { ledgerEvent } from '../events/schemas.ts'

const subscriptionStatus = named(
  'StripeSubscriptionStatus',
  wordOfStripe(
    'incomplete',
    'incomplete_expired',
    'trialing',
    'active',
    'past_due',
    'canceled',
    'unpaid',
    'paused',
  ),
  'Give no access for a status that you do not know.',
)
const transactionStatus = named(
  'PaymentTransactionStatus',
  z.enum(['succeeded', 'failed', 'pending', 'refunded', 'partially_refunded']),
)
const transactionType = named(
  'PaymentTransactionType',
  z.enum(['one_time_payment', 'subscription_invoice', 'refund', 'failed_payment']),
)

export const subscriptionsQuery = wholeSubject(
  z.strictObject({
    ...subjectFilter,
    customerId: id.optional(),
    status: text(1, 100)
      .describe(subscriptionStatus.description ?? '')
      .optional(),
    isOpen: yesOrNo.describe('Whether it is `active`, `trialing` or `past_due`.').optional(),
    cancelAtPeriodEnd: yesOrNo.optional(),
    priceId: id.optional(),
    productId: id.optional(),
    search: id.describe('A subscription id, a customer id, or the id of a billing subject.').optional(),
    ...range('Updated'),
    ...page,
  }),
)
const transactionFilters = {
  ...subjectFilter,
  customerId: id.optional(),
  status: oneOf(transactionStatus).optional(),
  type: oneOf(transactionType).optional(),
  currency: z
    .string('must be a currency of three letters')
    .regex(/^[a-zA-Z]{3}$/, 'must be a currency of three letters')
    .transform((value) => value.toLowerCase())
    .optional(),
  amountFrom: wholeNumberText.optional(),
  amountTo: wholeNumberText.optional(),
  isDisputed: yesOrNo.optional(),
  objectId: id.describe('Any id of Stripe that the payment or the refund has.').optional(),
  ...range('Created at Stripe'),
}

/** Amounts of different currencies cannot be compared. */
const withCurrency = <
  Schema extends z.ZodType<{ currency?: string; amountFrom?: string; amountTo?: string }>,
>(
  schema: Schema,
) =>
  schema.refine(
    ({ currency, amountFrom, amountTo }) =>
      currency !== undefined || (amountFrom === undefined && amountTo === undefined),
    { path: ['currency'], message: 'is required with amountFrom and amountTo' },
  )
export const transactionsQuery = withCurrency(
  wholeSubject(z.strictObject({ ...transactionFilters, ...page })),
)
export const exportQuery = withCurrency(wholeSubject(z.strictObject(transactionFilters)))
export const customersQuery = wholeSubject(
  z.strictObject({
    ...subjectFilter,
    customerId: id.optional(),
    email: text(1, 512).optional(),
    search: id
      .describe(
        'The beginning of an e-mail address, a customer id or the id of a billing subject; at most 100 of each.',
      )
      .optional(),
    status: oneOf(z.enum(['active', 'deleted']))
      .describe('Both if omitted.')
      .optional(),
    ...range('Created at Stripe'),
    ...page,
  }),
)

const subscriptionItem = component('StripeSubscriptionItem', {
  environment: environmentSchema,
  subscriptionItemId: z.string(),
  subscriptionId: z.string(),
  productId: nullable,
  priceId: nullable,
  quantity: z.number().nullable().describe('Null for metered prices.'),
  currentPeriodStart: nullableInstant,
  currentPeriodEnd: nullableInstant.describe("End of the item's own period; items may differ."),
  metadata: strings,
  createdAt: instant,
  updatedAt: instant,
})

const subscription = component('StripeSubscription', {
  environment: environmentSchema,
  subscriptionId: z.string(),
  customerId: nullable,
  subjectType: nullable,
  subjectId: nullable,
  status: subscriptionStatus,
  currentPeriodStart: nullableInstant,
  currentPeriodEnd: nullableInstant,
  cancelAtPeriodEnd: z.boolean(),
  cancelAt: nullableInstant,
  canceledAt: nullableInstant,
  trialStart: nullableInstant,
  trialEnd: nullableInstant,
  latestInvoiceId: nullable,
  pauseCollectionBehavior: nullable.describe(
    '`keep_as_draft`, `mark_uncollectible` or `void` while collection is paused. The status stays `active`.',
  ),
  pauseCollectionResumesAt: nullableInstant,
  metadata: strings,
  syncedAt: instant,
  createdAt: instant,
  updatedAt: instant,
  items: z.array(subscriptionItem),
  access: z
    .enum(['granted', 'at_risk', 'none'])
    .describe(
      'Whether it gives access by the rules of `sql/templates/team-entitlements.sql`; an app may decide otherwise.',
    ),
  accessReason: z.string().describe('A sentence.'),
})

const transaction = component('PaymentTransaction', {
  id: z.string(),
  environment: environmentSchema,
  provider: z.literal('stripe'),
  type: transactionType,
  status: transactionStatus,
  subjectType: nullable,
  subjectId: nullable,
  providerCustomerId: nullable,
  customerEmailSnapshot: nullable,
  providerReferenceId: nullable,
  providerReferenceType: nullable,
  amount: z.number().nullable().describe("In the currency's minor unit, like every amount."),
  amountRefunded: z.number().nullable(),
  amountDisputed: z.number().describe('Money lost in disputes that were lost; not part of `amountRefunded`.'),
  disputeStatus: nullable.describe(
    "Stripe's status of the latest dispute, for example `needs_response`, `won` or `lost`.",
  ),
  disputedAt: nullableInstant,
  disputeAmount: z.number().nullable(),
  currency: nullable,
  description: nullable,
  paidAt: nullableInstant,
  failedAt: nullableInstant,
  refundedAt: nullableInstant,
  providerCreatedAt: nullableInstant,
  createdAt: instant,
  updatedAt: instant,
  relatedObjectIds: strings.describe(
    "Stripe's ids of the same payment by kind: `checkout_session`, `payment_intent`, `invoice`, `charge`, `refund`, `subscription`, `product`, `price`.",
  ),
})

const customer = component('PaymentCustomer', {
  environment: environmentSchema,
  provider: z.literal('stripe'),
  providerCustomerId: z.string(),
  email: nullable,
  name: nullable,
  phone: nullable,
  deleted: z.boolean(),
  metadata: strings,
  providerCreatedAt: nullableInstant,
  syncedAt: instant,
  paymentsCount: count,
  lastPaymentAt: nullableInstant,
  totalSpend: count
    .nullable()
    .describe(
      'Payments less refunds and lost disputes; null, like its currency, without payments or with several currencies.',
    ),
  totalSpendCurrency: nullable,
  paymentMethodBrand: nullable,
  paymentMethodLast4: nullable,
  countryCode: nullable.describe('Two letters.'),
})

export const subscriptionsResponse = pageOf('ListStripeSubscriptionsResponse', {
  subscriptions: z.array(subscription),
})
export const transactionsResponse = pageOf('ListPaymentTransactionsResponse', {
  transactions: z.array(transaction),
})
export const customersResponse = pageOf('ListPaymentCustomersResponse', { customers: z.array(customer) })

// One of each, with all that belongs to it

/** An id of a row. Those that are derived from Stripe's ids have no version, so `z.uuid()` would refuse them. */
const uuid = (what: string) =>
  z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, `must be the id of ${what}`)

export const customerParams = environmentParams.extend({ customerId: id })
export const subscriptionParams = environmentParams.extend({ subscriptionId: id })
export const transactionParams = environmentParams.extend({
  transactionId: uuid('a transaction'),
})

const stripeUrl = nullable.describe("Its page in Stripe's own dashboard.")

export const customerResponse = answer('GetPaymentCustomerResponse', {
  customer,
  subjects: z.array(
    answer('CustomerSubject', {
      subjectType: z.string(),
      subjectId: z.string(),
      isMapped: z.boolean().describe('Whether the subject pays with this customer now.'),
      namedAt: nullableInstant.describe('When a Stripe object first named it as the owner.'),
      namedBy: nullable.describe('The Stripe object that named it.'),
    }),
  ),
  stripeUrl,
})

export const timelineQuery = z.strictObject({
  kind: oneOf(
    z.enum(['payment', 'refund', 'subscription', 'checkout_session', 'portal_session', 'event']),
  ).optional(),
  ...page,
})
export const timelineResponse = pageOf('ListCustomerTimelineResponse', {
  entries: z.array(
    component('CustomerTimelineEntry', {
      id: z.string(),
      kind: z.enum(['payment', 'refund', 'subscription', 'checkout_session', 'portal_session', 'event']),
      happenedAt: instant,
      objectId: nullable.describe("Stripe's id."),
      title: z.string(),
      status: z.string(),
      amount: z.number().nullable(),
      currency: nullable,
      error: errorText,
    }),
  ),
})

export const subscriptionResponse = answer('GetStripeSubscriptionResponse', {
  subscription,
  customer: customer.nullable(),
  products: z.array(catalogProduct),
  prices: z.array(catalogPrice),
  transactions: z.array(transaction).describe('The newest 50.'),
  events: z.array(ledgerEvent).describe('The newest 50 about the subscription itself.'),
  stripeUrl,
})

export const transactionResponse = answer('GetPaymentTransactionResponse', {
  transaction,
  payment: transaction.nullable().describe('Of a refund: the payment.'),
  refunds: z.array(transaction).describe('Of a payment: its refunds.'),
  objects: z
    .array(
      answer('PaymentObject', {
        objectType: z.string(),
        objectId: z.string(),
        status: nullable.describe("Stripe's word; null if the object was only linked to so far."),
        state: nullable.describe('`succeeded`, `pending` or `failed`.'),
        amount: z.number().nullable(),
        amountRefunded: z.number().nullable(),
        currency: nullable,
        providerCreatedAt: nullableInstant,
      }),
    )
    .describe('Every object of Stripe that the payment consists of.'),
  events: z.array(ledgerEvent).describe('The newest 100 about these objects.'),
  stripeUrl,
})

const checkoutSession = component('CheckoutSessionRecord', {
  id: z.string(),
  environment: environmentSchema,
  mode: wordOfStripe('payment', 'subscription'),
  status: z.enum(['initialized', 'open', 'completed', 'expired', 'failed']),
  paymentStatus: wordOfStripe('paid', 'unpaid', 'no_payment_required').nullable(),
  subjectType: nullable,
  subjectId: nullable,
  customerEmail: nullable,
  checkoutSessionId: nullable,
  customerId: nullable,
  paymentIntentId: nullable,
  subscriptionId: nullable,
  lineItems: z.array(answer('CheckoutSessionLine', { priceId: nullable, quantity: z.number().nullable() })),
  successUrl: z.string(),
  cancelUrl: z.string(),
  metadata: strings,
  lastError: errorText,
  attempt: count,
  expiresAt: nullableInstant,
  createdAt: instant,
  updatedAt: instant,
})
export const checkoutSessionsQuery = wholeSubject(
  z.strictObject({
    ...subjectFilter,
    customerId: id.optional(),
    checkoutSessionId: id.optional(),
    status: oneOf(checkoutSession.shape.status).optional(),
    hasFailed: yesOrNo.describe('Whether the last attempt left an error.').optional(),
    ...range('Created'),
    ...page,
  }),
)
export const checkoutSessionsResponse = pageOf('ListCheckoutSessionsResponse', {
  checkoutSessions: z.array(checkoutSession),
})

const portalSession = component('PortalSessionRecord', {
  id: z.string(),
  environment: environmentSchema,
  status: z.enum(['initialized', 'created', 'failed']),
  subjectType: z.string(),
  subjectId: z.string(),
  customerId: nullable,
  returnUrl: nullable,
  configuration: nullable,
  lastError: errorText,
  createdAt: instant,
  updatedAt: instant,
})
export const portalSessionsQuery = wholeSubject(
  z.strictObject({
    ...subjectFilter,
    customerId: id.optional(),
    status: oneOf(portalSession.shape.status).optional(),
    ...range('Created'),
    ...page,
  }),
)
export const portalSessionsResponse = pageOf('ListPortalSessionsResponse', {
  portalSessions: z.array(portalSession),
})
