/** Subscriptions, transactions, customers, invoices and credit notes as schemas: filters, and what answers hold. */

import { z } from 'zod'
import { price, product } from '../catalog/schemas.ts'
import { checkoutSession, customerPortalSession } from '../checkout/schemas.ts'
import * as s from '../core/schema-parts.ts'
import { ledgerEvent } from '../events/schemas.ts'

const subscriptionStatus = s.named(
  'StripeSubscriptionStatus',
  s.wordOfStripe(
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
const transactionStatus = s.named(
  'PaymentTransactionStatus',
  z.enum(['succeeded', 'failed', 'pending', 'refunded', 'partially_refunded']),
)
const transactionType = s.named(
  'PaymentTransactionType',
  z.enum(['one_time_payment', 'subscription_invoice', 'refund', 'failed_payment']),
)

/** The filters of each list here, and its own. A filter by subject names both halves, or neither. */
const query = <Shape extends z.ZodRawShape>(happened: string, own: Shape) =>
  wholeQuery(happened, { ...own, ...s.page })

/** The same for an answer that comes whole. */
const wholeQuery = <Shape extends z.ZodRawShape>(happened: string, own: Shape) =>
  z
    .strictObject({
      subjectType: s.text(1, 100).describe('Together with `subjectId`.').optional(),
      subjectId: s.text(1, 255).describe('Together with `subjectType`.').optional(),
      customerId: s.id.optional(),
      ...own,
      ...s.range(happened),
    })
    .superRefine((filters: { subjectType?: unknown; subjectId?: unknown }, context) => {
      const { subjectType, subjectId } = filters
      if ((subjectType === undefined) === (subjectId === undefined)) return
      const [missing, given] =
        subjectId === undefined ? ['subjectId', 'subjectType'] : ['subjectType', 'subjectId']
      context.addIssue({ code: 'custom', path: [missing], message: `is required with ${given}` })
    })

export const subscriptionsQuery = query('Updated', {
  status: s
    .text(1, 100)
    .describe(subscriptionStatus.description ?? '')
    .optional(),
  isOpen: s.yesOrNo.describe('Whether it is `active`, `trialing` or `past_due`.').optional(),
  cancelAtPeriodEnd: s.yesOrNo.optional(),
  priceId: s.id.optional(),
  productId: s.id.optional(),
  search: s.id.describe('A subscription id, a customer id, or the id of a billing subject.').optional(),
})
const transactionFilters = {
  status: s.oneOf(transactionStatus).optional(),
  type: s.oneOf(transactionType).optional(),
  currency: z
    .string('must be a currency of three letters')
    .regex(/^[a-zA-Z]{3}$/, 'must be a currency of three letters')
    .transform((value) => value.toLowerCase())
    .optional(),
  amountFrom: s.wholeNumberText.optional(),
  amountTo: s.wholeNumberText.optional(),
  isDisputed: s.yesOrNo.optional(),
  objectId: s.id.describe('Any id of Stripe that the payment or the refund has.').optional(),
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
export const transactionsQuery = withCurrency(query('Created at Stripe', transactionFilters))
export const exportQuery = withCurrency(wholeQuery('Created at Stripe', transactionFilters))
const invoiceStatus = s.named(
  'StripeInvoiceStatus',
  s.wordOfStripe('draft', 'open', 'paid', 'uncollectible', 'void'),
)
export const invoicesQuery = query('Created at Stripe', {
  status: s.text(1, 100).optional(),
  subscriptionId: s.id.optional(),
  number: s.text(1, 255).optional(),
})
const creditNoteStatus = s.named('StripeCreditNoteStatus', s.wordOfStripe('issued', 'void'))
export const creditNotesQuery = query('Created at Stripe', {
  status: s.text(1, 100).optional(),
  invoiceId: s.id.optional(),
})
export const customersQuery = query('Created at Stripe', {
  email: s.text(1, 512).optional(),
  search: s.id
    .describe(
      'The beginning of an e-mail address, a customer id or the id of a billing subject; at most 100 of each.',
    )
    .optional(),
  status: s
    .oneOf(z.enum(['active', 'deleted']))
    .describe('Both if omitted.')
    .optional(),
})

const subscriptionItem = s.component('StripeSubscriptionItem', {
  environment: s.environment,
  subscriptionItemId: z.string(),
  subscriptionId: z.string(),
  productId: s.nullable,
  priceId: s.nullable,
  quantity: z.number().nullable().describe('Null for metered prices.'),
  currentPeriodStart: s.nullableInstant,
  currentPeriodEnd: s.nullableInstant.describe("End of the item's own period; items may differ."),
  metadata: s.strings,
  ...s.timestamps,
})

export const subscription = s.component('StripeSubscription', {
  environment: s.environment,
  subscriptionId: z.string(),
  customerId: s.nullable,
  subjectType: s.nullable,
  subjectId: s.nullable,
  status: subscriptionStatus,
  currentPeriodStart: s.nullableInstant,
  currentPeriodEnd: s.nullableInstant,
  cancelAtPeriodEnd: z.boolean(),
  cancelAt: s.nullableInstant,
  canceledAt: s.nullableInstant,
  trialStart: s.nullableInstant,
  trialEnd: s.nullableInstant,
  latestInvoiceId: s.nullable,
  pauseCollectionBehavior: s.nullable.describe(
    '`keep_as_draft`, `mark_uncollectible` or `void` while collection is paused. The status stays `active`.',
  ),
  pauseCollectionResumesAt: s.nullableInstant,
  scheduleId: s.nullable,
  nextPhaseAt: s.nullableInstant.describe('When the schedule changes it next; null if nothing is planned.'),
  nextPhaseItems: z
    .array(z.object({ priceId: s.nullable, quantity: z.number().nullable() }))
    .nullable()
    .describe('What it has from then on.'),
  pendingUpdate: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe('The change that Stripe makes once its invoice is paid, as Stripe describes it.'),
  pendingUpdateExpiresAt: s.nullableInstant,
  metadata: s.strings,
  syncedAt: s.instant,
  ...s.timestamps,
  items: z.array(subscriptionItem),
  access: z
    .enum(['granted', 'at_risk', 'none'])
    .describe('Whether it gives access by `payments.subscription_access`; an app may decide otherwise.'),
  accessReason: z.string().describe('A sentence.'),
})

export const transaction = s.component('PaymentTransaction', {
  id: z.string(),
  environment: s.environment,
  provider: z.literal('stripe'),
  type: transactionType,
  status: transactionStatus,
  subjectType: s.nullable,
  subjectId: s.nullable,
  providerCustomerId: s.nullable,
  customerEmailSnapshot: s.nullable,
  providerReferenceId: s.nullable,
  providerReferenceType: s.nullable,
  amount: z.number().nullable().describe("In the currency's minor unit, like every amount."),
  amountRefunded: z.number().nullable(),
  amountDisputed: z.number().describe('Money lost in disputes that were lost; not part of `amountRefunded`.'),
  disputeStatus: s.nullable.describe(
    "Stripe's status of the latest dispute, for example `needs_response`, `won` or `lost`.",
  ),
  disputedAt: s.nullableInstant,
  disputeAmount: z.number().nullable(),
  currency: s.nullable,
  description: s.nullable,
  receiptUrl: s.nullable.describe('Whoever has the address can see the receipt.'),
  cardBrand: s.nullable.describe('For example `visa`; null if Stripe shows no card.'),
  cardLast4: s.nullable,
  paidAt: s.nullableInstant,
  failedAt: s.nullableInstant,
  refundedAt: s.nullableInstant,
  providerCreatedAt: s.nullableInstant,
  ...s.timestamps,
  relatedObjectIds: s.strings.describe(
    "Stripe's ids of the same payment by kind: `checkout_session`, `payment_intent`, `invoice`, `charge`, `refund`, `subscription`, `product`, `price`.",
  ),
})

export const customer = s.component('PaymentCustomer', {
  environment: s.environment,
  provider: z.literal('stripe'),
  providerCustomerId: z.string(),
  email: s.nullable,
  name: s.nullable,
  phone: s.nullable,
  deleted: z.boolean(),
  metadata: s.strings,
  providerCreatedAt: s.nullableInstant,
  syncedAt: s.instant,
  paymentsCount: s.count,
  lastPaymentAt: s.nullableInstant,
  totalSpend: s.count
    .nullable()
    .describe(
      'Payments less refunds and lost disputes; null, like its currency, without payments or with several currencies.',
    ),
  totalSpendCurrency: s.nullable,
  paymentMethodBrand: s.nullable,
  paymentMethodLast4: s.nullable,
  countryCode: s.nullable.describe('Two letters.'),
})

const money = z.number().nullable()

export const invoice = s.component('StripeInvoice', {
  environment: s.environment,
  invoiceId: z.string(),
  number: s.nullable.describe('Null while it is a draft.'),
  status: invoiceStatus,
  customerId: s.nullable,
  subjectType: s.nullable,
  subjectId: s.nullable,
  subscriptionId: s.nullable,
  billingReason: s.nullable,
  collectionMethod: s.nullable,
  currency: s.nullable,
  subtotal: money,
  tax: money.describe('Null if Stripe names no tax.'),
  total: money,
  amountDue: money,
  amountPaid: money,
  amountRemaining: money,
  description: s.nullable,
  hostedInvoiceUrl: s.nullable.describe('Whoever has the address can see the invoice.'),
  invoicePdf: s.nullable,
  periodStart: s.nullableInstant,
  periodEnd: s.nullableInstant,
  dueAt: s.nullableInstant,
  finalizedAt: s.nullableInstant,
  paidAt: s.nullableInstant,
  voidedAt: s.nullableInstant,
  providerCreatedAt: s.nullableInstant,
  deleted: z.boolean().describe('The draft was deleted at Stripe.'),
  metadata: s.strings,
  syncedAt: s.instant,
  ...s.timestamps,
})

export const creditNote = s.component('StripeCreditNote', {
  environment: s.environment,
  creditNoteId: z.string(),
  number: s.nullable,
  status: creditNoteStatus,
  type: s.nullable,
  reason: s.nullable,
  invoiceId: z.string(),
  customerId: s.nullable,
  subjectType: s.nullable,
  subjectId: s.nullable,
  currency: s.nullable,
  subtotal: money,
  tax: money,
  total: money,
  amount: money,
  memo: s.nullable,
  pdf: s.nullable,
  voidedAt: s.nullableInstant,
  providerCreatedAt: s.nullableInstant,
  metadata: s.strings,
  syncedAt: s.instant,
  ...s.timestamps,
})

// One of each, with all that belongs to it

/** An id of a row. Those that are derived from Stripe's ids have no version, so `z.uuid()` would refuse them. */
const uuid = (what: string) =>
  z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, `must be the id of ${what}`)

export const customerParams = s.environmentParams.extend({ customerId: s.id })
export const subscriptionParams = s.environmentParams.extend({ subscriptionId: s.id })
export const invoiceParams = s.environmentParams.extend({ invoiceId: s.id })
export const transactionParams = s.environmentParams.extend({
  transactionId: uuid('a transaction'),
})

const stripeUrl = s.nullable.describe("Its page in Stripe's own dashboard.")

export const customerSubject = s.answer('CustomerSubject', {
  subjectType: z.string(),
  subjectId: z.string(),
  isMapped: z.boolean().describe('Whether the subject pays with this customer now.'),
  namedAt: s.nullableInstant.describe('When a Stripe object first named it as the owner.'),
  namedBy: s.nullable.describe('The Stripe object that named it.'),
})

export const customerResponse = s.answer('GetPaymentCustomerResponse', {
  customer,
  subjects: z.array(customerSubject),
  stripeUrl,
})

const timelineKind = z.enum([
  ...(['payment', 'refund', 'subscription', 'invoice', 'credit_note'] as const),
  ...(['checkout_session', 'portal_session', 'event'] as const),
])
export const timelineQuery = z.strictObject({
  kind: s.oneOf(timelineKind).optional(),
  ...s.page,
})
export const timelineEntry = s.component('CustomerTimelineEntry', {
  id: z.string(),
  kind: timelineKind,
  happenedAt: s.instant,
  objectId: s.nullable.describe("Stripe's id."),
  title: z.string(),
  status: z.string(),
  amount: z.number().nullable(),
  currency: s.nullable,
  error: s.errorText,
})

export const subscriptionResponse = s.answer('GetStripeSubscriptionResponse', {
  subscription,
  customer: customer.nullable(),
  products: z.array(product),
  prices: z.array(price),
  transactions: z.array(transaction).describe('The newest 50.'),
  events: z.array(ledgerEvent).describe('The newest 50 about the subscription itself.'),
  stripeUrl,
})

export const paymentObject = s.answer('PaymentObject', {
  objectType: z.string(),
  objectId: z.string(),
  status: s.nullable.describe("Stripe's word; null if the object was only linked to so far."),
  state: s.nullable.describe('`succeeded`, `pending` or `failed`.'),
  amount: z.number().nullable(),
  amountRefunded: z.number().nullable(),
  currency: s.nullable,
  providerCreatedAt: s.nullableInstant,
})

export const transactionResponse = s.answer('GetPaymentTransactionResponse', {
  transaction,
  payment: transaction.nullable().describe('Of a refund: the payment.'),
  refunds: z.array(transaction).describe('Of a payment: its refunds.'),
  objects: z.array(paymentObject).describe('Every object of Stripe that the payment consists of.'),
  events: z.array(ledgerEvent).describe('The newest 100 about these objects.'),
  stripeUrl,
})

export const invoiceResponse = s.answer('GetStripeInvoiceResponse', {
  invoice,
  customer: customer.nullable(),
  creditNotes: z.array(creditNote).describe('The newest 100.'),
  transactions: z.array(transaction).describe('The payments of it and their refunds; the newest 50.'),
  events: z.array(ledgerEvent).describe('The newest 50 about the invoice itself.'),
  stripeUrl,
})

export const checkoutSessionRecord = s.component('CheckoutSessionRecord', {
  ...checkoutSession.omit({ url: true, clientSecret: true }).shape,
  lineItems: z.array(
    s.answer('CheckoutSessionLine', { priceId: s.nullable, quantity: z.number().nullable() }),
  ),
  successUrl: z.string(),
  cancelUrl: z.string(),
  metadata: s.strings,
  options: z.record(z.string(), z.unknown()).describe('What the request asked of Stripe beside its items.'),
  forcedOptions: z.record(z.string(), z.unknown()).describe('What the offer set, whatever the request said.'),
  attempt: s.count,
  expiresAt: s.nullableInstant,
})
export const checkoutSessionsQuery = query('Created', {
  checkoutSessionId: s.id.optional(),
  status: s.oneOf(checkoutSessionRecord.shape.status).optional(),
  hasFailed: s.yesOrNo.describe('Whether the last attempt left an error.').optional(),
})

export const portalSessionRecord = s.component('PortalSessionRecord', {
  ...customerPortalSession.omit({ url: true }).shape,
  options: z.record(z.string(), z.unknown()).describe('What the request asked of the portal.'),
})
export const portalSessionsQuery = query('Created', {
  status: s.oneOf(portalSessionRecord.shape.status).optional(),
})
