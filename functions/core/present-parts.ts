/** Rows as the admin API shows them. */
import type { Stripe } from 'stripe'
import type {
  PaymentCustomer,
  PaymentTransaction,
  StripeConnection,
  StripeEnvironment,
  StripeKeyConfig,
  StripePrice,
  StripeProduct,
  StripeSubscription,
  StripeSubscriptionItem,
  StripeWebhookEvent,
} from '../../types/api.ts'
import { redact } from './log.ts'
import type {
  listCustomers,
  listPrices,
  listProducts,
  listSubscriptions,
  listTransactions,
  listWebhookEvents,
  readConnections,
  readPrice,
  readProduct,
  readSubscriptionItems,
} from './reads.ts'

// biome-ignore lint/suspicious/noExplicitAny: any arguments
type RowsOf<List extends (...args: any[]) => Promise<{ rows: unknown[] }>> = Awaited<
  ReturnType<List>
>['rows'][number]
// biome-ignore lint/suspicious/noExplicitAny: any arguments
type ItemOf<Read extends (...args: any[]) => Promise<unknown[]>> = Awaited<ReturnType<Read>>[number]
// biome-ignore lint/suspicious/noExplicitAny: any arguments
type Found<Read extends (...args: any[]) => Promise<unknown>> = NonNullable<Awaited<ReturnType<Read>>>

export type ConnectionColumns = {
  [Column in keyof ItemOf<typeof readConnections>]: ItemOf<typeof readConnections>[Column] extends Date | null
    ? Date | string | null
    : ItemOf<typeof readConnections>[Column]
}

const instant = (value: Date | string) => new Date(value).toISOString()
const maybe = (value: Date | string | null) => (value === null ? null : instant(value))
const sentence = (value: string | null) => (value === null ? null : redact(value))
const number = (value: string | number | null) => (value === null ? null : Number(value))
/** An object of texts, whatever else may have come in. */
const texts = (value: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries((value ?? {}) as Record<string, unknown>).flatMap(([key, content]) =>
      content === null || content === undefined
        ? []
        : [[key, typeof content === 'string' ? content : JSON.stringify(content)]],
    ),
  )
const numbers = (value: unknown): Record<string, number> =>
  Object.fromEntries(
    Object.entries((value ?? {}) as Record<string, unknown>).flatMap(([key, content]) =>
      typeof content === 'number' ? [[key, content]] : [],
    ),
  )

/** Where the key of an environment comes from, and what may be shown of it. */
export type KeyState = { maskedKey: string | null; source: 'database' | 'environment' | null }

/** The connection of an environment; without a row, one that is known from its key alone. */
export function presentConnection(
  environment: StripeEnvironment,
  row: ConnectionColumns | null,
  { maskedKey, source }: KeyState,
): StripeConnection {
  const status = row !== null && row.status !== 'unconfigured' ? row.status : null
  return {
    environment,
    status: (status ?? (source === null ? 'unconfigured' : 'connected')) as StripeConnection['status'],
    accountId: row?.provider_account_id ?? null,
    accountEmail: row?.account_email ?? null,
    accountLivemode: row?.account_livemode ?? null,
    webhookEndpointId: row?.webhook_endpoint_id ?? null,
    webhookEndpointUrl: row?.webhook_endpoint_url ?? null,
    webhookConfiguredAt: maybe(row?.webhook_configured_at ?? null),
    maskedKey,
    lastSyncedAt: maybe(row?.last_synced_at ?? null),
    lastSyncStatus: (row?.last_sync_status ?? null) as StripeConnection['lastSyncStatus'],
    lastSyncError: sentence(row?.last_sync_error ?? null),
    lastSyncCounts: numbers(row?.last_sync_counts),
  }
}

export function presentKey(environment: StripeEnvironment, { maskedKey, source }: KeyState): StripeKeyConfig {
  return { environment, hasKey: source !== null, maskedKey, value: maskedKey }
}

type ProductColumns = Found<typeof readProduct>
type PriceColumns = Found<typeof readPrice>

const idOf = (field: string | { id: string } | null | undefined) =>
  typeof field === 'object' ? (field?.id ?? null) : (field ?? null)

/** A product of Stripe's as its row would be; see project_stripe_products. */
export function productColumnsOf(
  environment: StripeEnvironment,
  product: Stripe.Product,
  syncedAt: string,
): ProductColumns {
  return {
    environment,
    product_id: product.id,
    name: product.name,
    description: product.description,
    active: product.active,
    default_price_id: idOf(product.default_price),
    metadata: product.metadata,
    synced_at: new Date(syncedAt),
  }
}

/** A price of Stripe's as its row would be; see project_stripe_prices. */
export function priceColumnsOf(
  environment: StripeEnvironment,
  price: Stripe.Price,
  syncedAt: string,
): PriceColumns {
  return {
    environment,
    price_id: price.id,
    product_id: idOf(price.product),
    active: price.active,
    currency: price.currency,
    unit_amount: price.unit_amount === null ? null : String(price.unit_amount),
    unit_amount_decimal: price.unit_amount_decimal === null ? null : String(price.unit_amount_decimal),
    type: price.type,
    lookup_key: price.lookup_key,
    billing_scheme: price.billing_scheme,
    tax_behavior: price.tax_behavior,
    recurring_interval: price.recurring?.interval ?? null,
    recurring_interval_count: price.recurring?.interval_count ?? null,
    metadata: price.metadata,
    synced_at: new Date(syncedAt),
  }
}

export function presentProduct(row: RowsOf<typeof listProducts> | ProductColumns): StripeProduct {
  return {
    environment: row.environment as StripeEnvironment,
    productId: row.product_id,
    name: row.name,
    description: row.description,
    active: row.active,
    defaultPriceId: row.default_price_id,
    metadata: texts(row.metadata),
    syncedAt: instant(row.synced_at),
  }
}

export function presentPrice(row: RowsOf<typeof listPrices> | PriceColumns): StripePrice {
  return {
    environment: row.environment as StripeEnvironment,
    priceId: row.price_id,
    productId: row.product_id,
    active: row.active,
    currency: row.currency,
    unitAmount: number(row.unit_amount),
    unitAmountDecimal: row.unit_amount_decimal,
    type: row.type,
    lookupKey: row.lookup_key,
    billingScheme: row.billing_scheme,
    taxBehavior: row.tax_behavior,
    recurringInterval: row.recurring_interval,
    recurringIntervalCount: row.recurring_interval_count,
    metadata: texts(row.metadata),
    syncedAt: instant(row.synced_at),
  }
}

function presentItem(row: ItemOf<typeof readSubscriptionItems>): StripeSubscriptionItem {
  return {
    environment: row.environment as StripeEnvironment,
    subscriptionItemId: row.subscription_item_id,
    subscriptionId: row.subscription_id,
    productId: row.product_id,
    priceId: row.price_id,
    quantity: number(row.quantity),
    metadata: texts(row.metadata),
    createdAt: instant(row.created_at),
    updatedAt: instant(row.updated_at),
  }
}

export function presentSubscription(
  row: RowsOf<typeof listSubscriptions>,
  items: ItemOf<typeof readSubscriptionItems>[],
): StripeSubscription {
  return {
    environment: row.environment as StripeEnvironment,
    subscriptionId: row.subscription_id,
    customerId: row.customer_id,
    subjectType: row.subject_type,
    subjectId: row.subject_id,
    status: row.status as StripeSubscription['status'],
    currentPeriodStart: maybe(row.current_period_start),
    currentPeriodEnd: maybe(row.current_period_end),
    cancelAtPeriodEnd: row.cancel_at_period_end,
    cancelAt: maybe(row.cancel_at),
    canceledAt: maybe(row.canceled_at),
    trialStart: maybe(row.trial_start),
    trialEnd: maybe(row.trial_end),
    latestInvoiceId: row.latest_invoice_id,
    metadata: texts(row.metadata),
    syncedAt: instant(row.synced_at),
    createdAt: instant(row.created_at),
    updatedAt: instant(row.updated_at),
    items: items.filter((item) => item.subscription_id === row.subscription_id).map(presentItem),
  }
}

export function presentTransaction(row: RowsOf<typeof listTransactions>): PaymentTransaction {
  return {
    environment: row.environment as StripeEnvironment,
    provider: 'stripe',
    type: row.type as PaymentTransaction['type'],
    status: row.status as PaymentTransaction['status'],
    subjectType: row.subject_type,
    subjectId: row.subject_id,
    providerCustomerId: row.provider_customer_id,
    customerEmailSnapshot: row.customer_email_snapshot,
    providerReferenceId: row.provider_object_id,
    providerReferenceType: row.provider_object_type,
    amount: number(row.amount),
    amountRefunded: number(row.amount_refunded),
    currency: row.currency,
    description: row.description,
    paidAt: maybe(row.paid_at),
    failedAt: maybe(row.failed_at),
    refundedAt: maybe(row.refunded_at),
    providerCreatedAt: maybe(row.provider_created_at),
    createdAt: instant(row.created_at),
    updatedAt: instant(row.updated_at),
    relatedObjectIds: texts(row.related_object_ids),
  }
}

export function presentCustomer(row: RowsOf<typeof listCustomers>): PaymentCustomer {
  const oneCurrency = Number(row.currencies ?? 0) === 1
  return {
    environment: row.environment as StripeEnvironment,
    provider: 'stripe',
    providerCustomerId: row.provider_customer_id,
    email: row.email,
    name: row.name,
    phone: row.phone,
    deleted: row.deleted,
    metadata: texts(row.metadata),
    providerCreatedAt: maybe(row.provider_created_at),
    syncedAt: instant(row.synced_at),
    paymentsCount: Number(row.payments_count ?? 0),
    lastPaymentAt: maybe(row.last_payment_at),
    totalSpend: oneCurrency ? Math.max(0, Number(row.spend)) : null,
    totalSpendCurrency: oneCurrency ? row.currency : null,
    paymentMethodBrand: row.brand,
    paymentMethodLast4: row.last4,
    countryCode: row.country,
  }
}

export function presentEvent(row: RowsOf<typeof listWebhookEvents> | EventColumns): StripeWebhookEvent {
  return {
    environment: row.environment as StripeEnvironment,
    eventId: row.provider_event_id,
    eventType: row.event_type,
    livemode: row.livemode,
    accountId: row.provider_account_id,
    objectType: row.object_type,
    objectId: row.object_id,
    processingStatus: row.processing_status as StripeWebhookEvent['processingStatus'],
    attemptCount: row.attempt_count,
    lastError: sentence(row.last_error),
    receivedAt: instant(row.received_at),
    processedAt: maybe(row.processed_at),
    createdAt: instant(row.created_at),
    updatedAt: instant(row.updated_at),
  }
}

type EventColumns = Omit<RowsOf<typeof listWebhookEvents>, 'at' | 'key'>
