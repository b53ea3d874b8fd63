/**
 * The admin API as schemas: what requests must look like, and what answers hold. Requests are validated with them, and the OpenAPI
 * document is made of both. Loaded with the first admin request.
 */
import { z } from 'zod'
import type * as api from '../../types/api.ts'
import { syncRun } from '../sync/run-schema.ts'
import {
  environmentSchema,
  isStorable,
  metadata as metadataOf,
  must,
  object,
  text,
  UNSTORABLE,
} from './validation.ts'

// Pieces

/** A number in a query is text; the document shows what it stands for. */
export const SHOWN_AS = new WeakMap<z.ZodType, Record<string, unknown>>()

function shownAs<Schema extends z.ZodType>(schema: Schema, shown: Record<string, unknown>): Schema {
  SHOWN_AS.set(schema, shown)
  return schema
}

/** A component of the OpenAPI document. */
const component = <Schema extends z.ZodType>(id: string, schema: Schema): Schema =>
  schema.meta({ id }) as Schema

const wholeNumberText = (low: number, high: number) => {
  const message = `must be a whole number from ${low} to ${high}`
  return z
    .string(message)
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= low && value <= high, message)
}

const limit = (fallback: number) =>
  shownAs(wholeNumberText(1, 100).default(fallback), {
    type: 'integer',
    minimum: 1,
    maximum: 100,
    default: fallback,
    description: 'How many at most.',
  })

const cursor = text(1, 3000)
  .describe(
    '`nextCursor` of the answer before. It is good for a day, and for the same list and filters only.',
  )
  .optional()

/** An instant that somebody gives. */
export const instantText = z.iso
  .datetime({
    offset: true,
    error: ({ input }) =>
      input === undefined ? 'is required' : 'must be an instant in ISO-8601, as in 2026-10-28T09:00:00Z',
  })
  .refine((value) => !value.startsWith('0000'), 'must be an instant after the year 0')

/** Of a list that goes on. */
export const page = { limit: limit(50), cursor }
const range = (what: string) => ({
  from: instantText.describe(`${what} at this instant or later.`).optional(),
  to: instantText.describe(`${what} before this instant.`).optional(),
})
const subjectFilter = {
  subjectType: text(1, 100).describe('Together with `subjectId`.').optional(),
  subjectId: text(1, 255).describe('Together with `subjectType`.').optional(),
}

/** A filter by subject names both halves, or neither. */
function wholeSubject<Schema extends z.ZodObject<typeof subjectFilter>>(schema: Schema): Schema {
  return schema
    .refine(({ subjectType, subjectId }) => subjectType === undefined || subjectId !== undefined, {
      path: ['subjectId'],
      message: 'is required with subjectType',
    })
    .refine(({ subjectType, subjectId }) => subjectId === undefined || subjectType !== undefined, {
      path: ['subjectType'],
      message: 'is required with subjectId',
    })
}

const id = text(1, 255)
const nullable = z.string().nullable()
const instant = z.iso.datetime()
const nullableInstant = instant.nullable()
const count = z.int().min(0)
const texts = z.record(z.string(), z.string())
const counts = z.record(z.string(), count)
const sentences = z.array(z.string())

// Paths

export const environmentParams = z.strictObject({ environment: environmentSchema })
export const productParams = environmentParams.extend({ productId: id })
export const priceParams = environmentParams.extend({ priceId: id })
export const eventParams = environmentParams.extend({ eventId: id })

// Queries

export const noQuery = z.strictObject({})
/** Without `limit` a catalog comes whole, up to 1000. */
const catalogPage = {
  limit: shownAs(wholeNumberText(1, 100).optional(), {
    type: 'integer',
    minimum: 1,
    maximum: 100,
    description: 'How many at most; 1000 when left out.',
  }),
  cursor,
}
export const productsQuery = z.strictObject(catalogPage)
export const pricesQuery = z.strictObject({
  productId: id.describe('Prices of this product only.').optional(),
  ...catalogPage,
})

const subscriptionStatus = z.enum([
  'incomplete',
  'incomplete_expired',
  'trialing',
  'active',
  'past_due',
  'canceled',
  'unpaid',
  'paused',
])
const transactionStatus = z.enum(['succeeded', 'failed', 'pending', 'refunded', 'partially_refunded'])
const transactionType = z.enum(['one_time_payment', 'subscription_invoice', 'refund', 'failed_payment'])
const eventStatus = z.enum(['pending', 'processed', 'failed', 'ignored'])
const oneOf = <Values extends Readonly<Record<string, string>>>(schema: z.ZodEnum<Values>) =>
  z.enum(schema.enum, `must be one of ${schema.options.join(', ')}`)

export const subscriptionsQuery = wholeSubject(
  z.strictObject({
    ...subjectFilter,
    customerId: id.optional(),
    status: oneOf(subscriptionStatus).optional(),
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
    ...range('Begun at Stripe'),
    ...page,
  }),
)
export const customersQuery = wholeSubject(
  z.strictObject({
    ...subjectFilter,
    customerId: id.optional(),
    email: text(1, 512).optional(),
    status: z
      .enum(['active', 'deleted'], 'must be one of active, deleted')
      .describe('Both when left out.')
      .optional(),
    ...range('Made at Stripe'),
    ...page,
  }),
)
export const webhookEventsQuery = z.strictObject({
  status: oneOf(eventStatus).optional(),
  type: id.describe('As in `invoice.paid`.').optional(),
  objectType: id.optional(),
  objectId: id.optional(),
  ...range('Received'),
  ...page,
})

// Bodies

const idempotencyKey = text(1, 200).describe('The same key with the same request is carried out once.')
const boolean = z.boolean(must('true or false'))
const metadata = metadataOf({ keys: 50 })
const description = z
  .string(must('text or null'))
  .trim()
  .max(5000, 'must have at most 5000 characters')
  .refine(isStorable, UNSTORABLE)
  .nullable()
const lookupKey = text(1, 200).nullable()
const taxBehavior = z.enum(
  ['exclusive', 'inclusive', 'unspecified'],
  'must be one of exclusive, inclusive, unspecified',
)
/** As far as a number in JSON is exact, and Stripe goes. */
const wholeNumber = (low: number, high: number, be: string) =>
  z.int(must(be)).min(low, `must be ${be}`).max(high, `must be ${be}`)

const atLeastOne = <Schema extends z.ZodObject>(schema: Schema): Schema =>
  schema.refine((value) => Object.keys(value).length > 0, 'must have at least one field to change')

export const putConfigBody = object({
  secretKey: text(1, 255).describe('`sk_…`, or `rk_…` with the permissions that are needed.'),
  replaceAccount: boolean
    .describe('The key may be of another account; everything kept of the one before is deleted.')
    .optional(),
})
/** A request that may come without a body, and says nothing in one. */
export const emptyBody = object({})

export const createProductBody = object({
  name: text(1, 5000),
  description: description.optional(),
  active: boolean.optional(),
  metadata: metadata.optional(),
  idempotencyKey: idempotencyKey.optional(),
})
export const updateProductBody = atLeastOne(
  object({
    name: text(1, 5000).optional(),
    description: description.optional(),
    active: boolean.optional(),
    metadata: metadata.optional(),
  }),
)
export const createPriceBody = object({
  productId: id,
  currency: z
    .string(must('a currency of three letters'))
    .trim()
    .regex(/^[a-zA-Z]{3}$/, 'must be a currency of three letters')
    .transform((value) => value.toLowerCase()),
  unitAmount: wholeNumber(0, 999_999_999_999, 'a whole number of the minor unit, from 0 to 999999999999'),
  lookupKey: lookupKey.optional(),
  active: boolean.optional(),
  recurring: z
    .strictObject(
      {
        interval: z.enum(['day', 'week', 'month', 'year'], 'must be one of day, week, month, year'),
        intervalCount: wholeNumber(1, 1095, 'a whole number from 1 to 1095').optional(),
      },
      must('an object with interval and intervalCount'),
    )
    .optional(),
  taxBehavior: taxBehavior.optional(),
  metadata: metadata.optional(),
  idempotencyKey: idempotencyKey.optional(),
})
export const updatePriceBody = atLeastOne(
  object({
    active: boolean.optional(),
    lookupKey: lookupKey.optional(),
    taxBehavior: taxBehavior.optional(),
    metadata: metadata.optional(),
  }),
)
export const retryEventsBody = object({
  eventType: id.optional(),
  objectId: id.optional(),
  ...range('Happened'),
  limit: wholeNumber(1, 500, 'a whole number from 1 to 500').default(100),
})

// Answers

export const errorResponse = component(
  'Error',
  z.object({
    error: z.string().describe('A code.'),
    message: z.string().describe('A sentence for a person.'),
    statusCode: z.int(),
    nextActions: z.string().describe('The next step.').optional(),
  }),
)

const webhookDrift = component(
  'WebhookDrift',
  z.object({
    problem: z.enum(['gone', 'disabled', 'missing_events', 'other_version', 'other_url', 'secret_unknown']),
    message: z.string(),
  }),
)

export const connection = component(
  'StripeConnection',
  z.object({
    environment: environmentSchema,
    status: z.enum(['unconfigured', 'connected', 'error']),
    accountId: nullable,
    accountEmail: nullable,
    accountLivemode: z.boolean().nullable(),
    webhookEndpointId: nullable,
    webhookEndpointUrl: nullable,
    webhookConfiguredAt: nullableInstant,
    maskedKey: nullable,
    lastSyncedAt: nullableInstant,
    lastSyncStatus: z.enum(['succeeded', 'failed']).nullable(),
    lastSyncError: nullable,
    lastSyncCounts: z.record(z.string(), z.number()),
    webhookDrift: z.array(webhookDrift).nullable().optional(),
  }),
)

const keyConfig = component(
  'StripeKeyConfig',
  z.object({
    environment: environmentSchema,
    hasKey: z.boolean(),
    maskedKey: nullable.describe('Beginning and last four characters.'),
    value: nullable.describe('The same as maskedKey, under the name that older clients read.'),
  }),
)

const product = component(
  'StripeProduct',
  z.object({
    environment: environmentSchema,
    productId: z.string(),
    name: z.string(),
    description: nullable,
    active: z.boolean(),
    defaultPriceId: nullable,
    metadata: texts,
    syncedAt: instant,
  }),
)

const price = component(
  'StripePrice',
  z.object({
    environment: environmentSchema,
    priceId: z.string(),
    productId: nullable,
    active: z.boolean(),
    currency: z.string(),
    unitAmount: z.number().nullable().describe("In the currency's minor unit; null for fractions or tiers."),
    unitAmountDecimal: nullable,
    type: z.string(),
    lookupKey: nullable,
    billingScheme: nullable,
    taxBehavior: nullable,
    recurringInterval: nullable,
    recurringIntervalCount: z.number().nullable(),
    metadata: texts,
    syncedAt: instant,
  }),
)

const subscriptionItem = component(
  'StripeSubscriptionItem',
  z.object({
    environment: environmentSchema,
    subscriptionItemId: z.string(),
    subscriptionId: z.string(),
    productId: nullable,
    priceId: nullable,
    quantity: z.number().nullable(),
    metadata: texts,
    createdAt: instant,
    updatedAt: instant,
  }),
)

const subscription = component(
  'StripeSubscription',
  z.object({
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
    metadata: texts,
    syncedAt: instant,
    createdAt: instant,
    updatedAt: instant,
    items: z.array(subscriptionItem),
  }),
)

const transaction = component(
  'PaymentTransaction',
  z.object({
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
    currency: nullable,
    description: nullable,
    paidAt: nullableInstant,
    failedAt: nullableInstant,
    refundedAt: nullableInstant,
    providerCreatedAt: nullableInstant,
    createdAt: instant,
    updatedAt: instant,
    relatedObjectIds: texts.describe("Stripe's ids of the same payment, by kind."),
  }),
)

const customer = component(
  'PaymentCustomer',
  z.object({
    environment: environmentSchema,
    provider: z.literal('stripe'),
    providerCustomerId: z.string(),
    email: nullable,
    name: nullable,
    phone: nullable,
    deleted: z.boolean(),
    metadata: texts,
    providerCreatedAt: nullableInstant,
    syncedAt: instant,
    paymentsCount: count,
    lastPaymentAt: nullableInstant,
    totalSpend: count
      .nullable()
      .describe(
        'Paid less given back; null, like its currency, without payments or with several currencies.',
      ),
    totalSpendCurrency: nullable,
    paymentMethodBrand: nullable,
    paymentMethodLast4: nullable,
    countryCode: z.string().length(2).nullable(),
  }),
)

const eventShape = {
  environment: environmentSchema,
  eventId: z.string(),
  eventType: z.string(),
  livemode: z.boolean(),
  accountId: nullable,
  objectType: nullable,
  objectId: nullable,
  processingStatus: eventStatus,
  attemptCount: count,
  lastError: nullable,
  receivedAt: instant,
  processedAt: nullableInstant,
  createdAt: instant,
  updatedAt: instant,
}
export const webhookEvent = component('StripeWebhookEvent', z.object(eventShape))

export const nextCursor = z.string().nullable().describe('Null on the last page.')

export const statusResponse = z.object({ connections: z.array(connection) })
export const configResponse = z.object({ keys: z.array(keyConfig) })
export const putConfigResponse = configResponse.extend({
  connection,
  deleted: counts.nullable().describe('Of a replaced account: how many rows each table had.'),
  sync: syncRun
    .nullable()
    .describe(
      'The sync that followed. `interrupted`: there is more than this request may list, and the next sync goes on where it was. Null when it failed, which `connection` shows, or another one was running.',
    ),
  warnings: sentences,
})
export const deleteConfigResponse = configResponse.extend({
  remained: sentences.describe('What is left, at Stripe and here.'),
})
export const configureWebhookResponse = z.object({
  connection,
  action: z.enum(['reused', 'mended', 'created']),
  warnings: sentences,
})
export const catalogResponse = z.object({ products: z.array(product), prices: z.array(price) })
export const productsResponse = z.object({ products: z.array(product), nextCursor })
export const productResponse = z.object({ product })
export const productWithPricesResponse = z.object({ product, prices: z.array(price) })
export const deleteProductResponse = z.object({ productId: z.string(), deleted: z.boolean() })
export const pricesResponse = z.object({ prices: z.array(price), nextCursor })
export const priceResponse = z.object({ price })
export const archivePriceResponse = z.object({ price, archived: z.boolean() })
export const subscriptionsResponse = z.object({ subscriptions: z.array(subscription), nextCursor })
export const transactionsResponse = z.object({ transactions: z.array(transaction), nextCursor })
export const customersResponse = z.object({ customers: z.array(customer), nextCursor })
export const webhookEventsResponse = z.object({ events: z.array(webhookEvent), nextCursor })
export const webhookEventResponse = z.object({
  event: z.object({
    ...eventShape,
    payload: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('The event as Stripe sent it; null once it was pruned.'),
  }),
})
export const retryEventResponse = z.object({
  event: webhookEvent,
  retried: z.boolean().describe('False when there was nothing to do.'),
})
export const retryEventsResponse = z.object({
  results: z.array(z.object({ eventId: z.string(), processingStatus: eventStatus, lastError: nullable })),
})
export const healthResponse = z.object({
  environment: environmentSchema,
  status: z
    .enum(['ok', 'degraded', 'failing'])
    .describe('failing: events are lost or stuck; degraded: something needs a look.'),
  reasons: z.array(
    z.object({
      code: z.string(),
      severity: z.enum(['degraded', 'failing']),
      message: z.string(),
      nextAction: z.string(),
      command: nullable.describe('The shell command that leads on; null where no command helps.'),
    }),
  ),
  key: z.object({
    hasKey: z.boolean(),
    maskedKey: nullable,
    source: z.enum(['database', 'environment']).nullable(),
    accepted: z.boolean().nullable().describe('By Stripe; null when it could not be asked.'),
  }),
  endpoint: z.object({
    id: nullable,
    url: nullable,
    configuredAt: nullableInstant,
    hasSigningSecret: z.boolean(),
    expectedUrl: nullable.describe('Where it should deliver; null when PAYMENTS_PUBLIC_URL is not set.'),
    drift: z.array(webhookDrift).nullable(),
  }),
  sync: z.object({
    lastSyncedAt: nullableInstant,
    status: z.enum(['succeeded', 'failed']).nullable(),
    error: nullable,
  }),
  events: z.object({
    backlog: count,
    deadLettered: count,
    oldestFailedAt: nullableInstant,
    failures: z.array(z.object({ eventType: z.string(), error: nullable, count })),
    lastHour: count,
    lastReceivedAt: nullableInstant,
    medianLag: z.number().nullable().describe('Seconds.'),
    greatestLag: z.number().nullable().describe('Seconds.'),
  }),
})

// The documented types and the schemas stay the same.
putConfigBody satisfies z.ZodType<unknown, api.PutStripeConfigRequest>
createProductBody satisfies z.ZodType<unknown, api.CreateStripeProductRequest>
updateProductBody satisfies z.ZodType<unknown, api.UpdateStripeProductRequest>
createPriceBody satisfies z.ZodType<unknown, api.CreateStripePriceRequest>
updatePriceBody satisfies z.ZodType<unknown, api.UpdateStripePriceRequest>
retryEventsBody satisfies z.ZodType<unknown, api.RetryWebhookEventsRequest>
statusResponse satisfies z.ZodType<api.GetStripeStatusResponse>
configResponse satisfies z.ZodType<api.GetStripeConfigResponse>
putConfigResponse satisfies z.ZodType<api.PutStripeConfigResponse>
deleteConfigResponse satisfies z.ZodType<api.DeleteStripeConfigResponse>
configureWebhookResponse satisfies z.ZodType<api.ConfigureStripeWebhookResponse>
catalogResponse satisfies z.ZodType<api.ListStripeCatalogResponse>
productsResponse satisfies z.ZodType<api.ListStripeProductsResponse>
productWithPricesResponse satisfies z.ZodType<api.GetStripeProductResponse>
pricesResponse satisfies z.ZodType<api.ListStripePricesResponse>
archivePriceResponse satisfies z.ZodType<api.ArchiveStripePriceResponse>
subscriptionsResponse satisfies z.ZodType<api.ListStripeSubscriptionsResponse>
transactionsResponse satisfies z.ZodType<api.ListPaymentTransactionsResponse>
customersResponse satisfies z.ZodType<api.ListPaymentCustomersResponse>
webhookEventsResponse satisfies z.ZodType<api.ListWebhookEventsResponse>
webhookEventResponse satisfies z.ZodType<api.GetWebhookEventResponse>
retryEventResponse satisfies z.ZodType<api.RetryWebhookEventResponse>
retryEventsResponse satisfies z.ZodType<api.RetryWebhookEventsResponse>
healthResponse satisfies z.ZodType<api.EnvironmentHealthResponse>
