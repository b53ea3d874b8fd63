/** Subscriptions, transactions and customers as schemas: filters, and what answers hold. */
import { z } from 'zod'
import {
  component,
  count,
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
  wholeSubject,
  wordOfStripe,
} from '../core/schema-parts.ts'
import { environmentSchema, named, text } from '../core/validation.ts'

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
    ...range('Updated'),
    ...page,
  }),
)
export const transactionsQuery = wholeSubject(
  z.strictObject({
    ...subjectFilter,
    customerId: id.optional(),
    status: oneOf(transactionStatus).optional(),
    type: oneOf(transactionType).optional(),
    ...range('Created at Stripe'),
    ...page,
  }),
)
export const customersQuery = wholeSubject(
  z.strictObject({
    ...subjectFilter,
    customerId: id.optional(),
    email: text(1, 512).optional(),
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

export const subscription = component('StripeSubscription', {
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
})

export const transaction = component('PaymentTransaction', {
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

export const customer = component('PaymentCustomer', {
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
