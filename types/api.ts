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

export type SyncKind =
  | 'products'
  | 'prices'
  | 'customers'
  | 'subscriptions'
  | 'checkout_sessions'
  | 'payment_intents'
  | 'charges'
  | 'invoices'
  | 'refunds'
  | 'disputes'

export type SyncRequest = {
  /** Products, prices, customers and subscriptions when left out. */
  kinds?: SyncKind[]
  /** Payment objects only: those made at Stripe at this instant or later. */
  createdFrom?: string
  /** Payment objects only: those made at Stripe before this instant. */
  createdBefore?: string
}

export type SyncRunStatus = 'running' | 'succeeded' | 'failed' | 'interrupted'

/** How far a sync has come with one kind of objects. */
export type SyncProgress = {
  state: 'waiting' | 'listing' | 'listed' | 'done'
  /** Objects that Stripe listed. */
  seen: number
  /** Rows that were missing here. */
  added: number
  /** Rows that were there and differed. */
  changed: number
  /** Objects of which something newer was known already. */
  newer: number
  /** Rows of objects that Stripe no longer has. */
  deleted: number
  /** Objects that could not be projected. */
  failed: number
}

/** What differed from Stripe before the sync mended it. */
export type SyncDrift = {
  /** Rows that differed. */
  rows: number
  /** Rows that were missing. */
  missing: number
  /** Rows of objects that Stripe no longer has. */
  deleted: number
  /** By field, how many rows differed in it. */
  fields: Record<string, number>
}

export type SyncRun = {
  id: string
  environment: StripeEnvironment
  status: SyncRunStatus
  kinds: SyncKind[]
  createdFrom: string | null
  createdBefore: string | null
  progress: Record<string, SyncProgress>
  drift: Record<string, SyncDrift>
  error: string | null
  /** How often it was begun; more than 1 when it was resumed. */
  attempt: number
  startedAt: string
  heartbeatAt: string
  finishedAt: string | null
}

/** What became of one environment. */
export type SyncResult = {
  environment: StripeEnvironment
  connection: StripeConnection
  /** Subscriptions that Stripe listed, those of all without a billing subject, and those that Stripe no longer has. */
  subscriptions: { environment: StripeEnvironment; synced: number; unmapped: number; deleted: number } | null
  /** The sync itself; null when the environment has no key or the sync failed. */
  run: SyncRun | null
}

export type SyncStripeResponse = { results: SyncResult[] }

export type ListSyncRunsResponse = { syncRuns: SyncRun[]; nextCursor: string | null }

export type RecoverRequest = {
  /** Read Stripe's events back to this instant, instead of to where the last recovery ended. */
  since?: string
}

/** What `POST …/recover` found. */
export type RecoveryResult = {
  environment: StripeEnvironment
  /** From when on Stripe's list of events was read. */
  from: string
  until: string
  /** Events that Stripe listed, of every type. */
  listed: number
  /** Events of them that were missing here and are taken in now, of the types that webhook endpoints deliver here. */
  recovered: number
  processed: number
  ignored: number
  /** Kept, to be tried again. */
  failed: number
  /** The time of which Stripe no longer has the events, and the sync that closes it; null when there is none. */
  gap: { from: string; before: string; message: string; sync: SyncRequest } | null
}

export type RecoverResponse = { recovery: RecoveryResult }

export type ReplayRequest = {
  eventId?: string
  eventType?: string
  objectId?: string
  /** Events that happened at this instant or later. */
  from?: string
  /** Events that happened before this instant. */
  before?: string
  /** Also those that were processed; fulfilment then runs again. */
  includeProcessed?: boolean
  /** 1 to 1000; 1000 when left out. */
  limit?: number
}

export type ReplayedEvent = { eventId: string; processingStatus: string; lastError: string | null }

export type ReplayResponse = { replayed: ReplayedEvent[] }

export type RebuildResponse = {
  /** Events that the projections were made again from. */
  events: number
  /** Events whose payload was pruned, so that they could not be read. */
  pruned: number
  /** From when on the ledger is whole; null when nothing is missing. */
  completeSince: string | null
}

export type PruneRequest = {
  /** Events older than this many days lose their payload; at least 1. */
  olderThanDays: number
}

export type PruneResponse = { pruned: number }

export type ScheduleRequest = {
  /** Pages that each sync may list before it leaves the rest to the next run; 50 when left out. */
  syncPages?: number
}

export type ScheduleResponse = {
  /** Failed events that were tried again. */
  retried: {
    environment: StripeEnvironment
    eventId: string
    processingStatus: string
    lastError: string | null
  }[]
  recoveries: RecoveryResult[]
  syncs: SyncRun[]
  /** Parts that failed, in a sentence each; the others ran all the same. */
  failures: {
    part: 'retry' | 'recover' | 'sync'
    /** Null for the part that is of both. */
    environment: StripeEnvironment | null
    message: string
  }[]
}

export type HealthResponse = {
  status: 'ok'
  database: 'ok'
  version: string
}

// Administration

/** An instant as ISO-8601 text. */
type Instant = string

/** A difference between the managed webhook endpoint and how it was set up. */
export type WebhookDrift = {
  problem: 'gone' | 'disabled' | 'missing_events' | 'other_version' | 'other_url' | 'secret_unknown'
  /** A sentence for a person. */
  message: string
}

/** The Stripe account that an environment is connected to. */
export type StripeConnection = {
  environment: StripeEnvironment
  status: 'unconfigured' | 'connected' | 'error'
  accountId: string | null
  accountEmail: string | null
  accountLivemode: boolean | null
  webhookEndpointId: string | null
  webhookEndpointUrl: string | null
  webhookConfiguredAt: Instant | null
  /** Beginning and last four characters of the key. */
  maskedKey: string | null
  lastSyncedAt: Instant | null
  lastSyncStatus: 'succeeded' | 'failed' | null
  lastSyncError: string | null
  lastSyncCounts: Record<string, number>
  /** How the managed webhook endpoint differs from how it was set up; null when none is managed or Stripe could not be asked. */
  webhookDrift?: WebhookDrift[] | null
}

/** Whether an environment has a key. A key itself is never given out. */
export type StripeKeyConfig = {
  environment: StripeEnvironment
  hasKey: boolean
  /** Beginning and last four characters. */
  maskedKey: string | null
  /** The same as `maskedKey`, under the name that older clients read. */
  value: string | null
}

export type StripeProduct = {
  environment: StripeEnvironment
  productId: string
  name: string
  description: string | null
  active: boolean
  defaultPriceId: string | null
  metadata: Record<string, string>
  syncedAt: Instant
}

export type StripePrice = {
  environment: StripeEnvironment
  priceId: string
  productId: string | null
  active: boolean
  currency: string
  /** In the currency's minor unit; null when it has fractions or tiers. */
  unitAmount: number | null
  unitAmountDecimal: string | null
  type: string
  lookupKey: string | null
  billingScheme: string | null
  taxBehavior: string | null
  recurringInterval: string | null
  recurringIntervalCount: number | null
  metadata: Record<string, string>
  syncedAt: Instant
}

export type StripeSubscriptionItem = {
  environment: StripeEnvironment
  subscriptionItemId: string
  subscriptionId: string
  productId: string | null
  priceId: string | null
  quantity: number | null
  metadata: Record<string, string>
  createdAt: Instant
  updatedAt: Instant
}

export type StripeSubscriptionStatus =
  | 'incomplete'
  | 'incomplete_expired'
  | 'trialing'
  | 'active'
  | 'past_due'
  | 'canceled'
  | 'unpaid'
  | 'paused'

export type StripeSubscription = {
  environment: StripeEnvironment
  subscriptionId: string
  customerId: string | null
  subjectType: string | null
  subjectId: string | null
  status: StripeSubscriptionStatus
  currentPeriodStart: Instant | null
  currentPeriodEnd: Instant | null
  cancelAtPeriodEnd: boolean
  cancelAt: Instant | null
  canceledAt: Instant | null
  trialStart: Instant | null
  trialEnd: Instant | null
  latestInvoiceId: string | null
  metadata: Record<string, string>
  syncedAt: Instant
  createdAt: Instant
  updatedAt: Instant
  items: StripeSubscriptionItem[]
}

export type PaymentTransactionType = 'one_time_payment' | 'subscription_invoice' | 'refund' | 'failed_payment'
export type PaymentTransactionStatus = 'succeeded' | 'failed' | 'pending' | 'refunded' | 'partially_refunded'

export type PaymentTransaction = {
  environment: StripeEnvironment
  provider: 'stripe'
  type: PaymentTransactionType
  status: PaymentTransactionStatus
  subjectType: string | null
  subjectId: string | null
  providerCustomerId: string | null
  customerEmailSnapshot: string | null
  providerReferenceId: string | null
  providerReferenceType: string | null
  /** In the currency's minor unit, like every amount. */
  amount: number | null
  amountRefunded: number | null
  currency: string | null
  description: string | null
  paidAt: Instant | null
  failedAt: Instant | null
  refundedAt: Instant | null
  providerCreatedAt: Instant | null
  createdAt: Instant
  updatedAt: Instant
  /** Stripe's ids of the same payment by kind: `checkout_session`, `payment_intent`, `invoice`, `charge`, `refund`, `subscription`, `product`, `price`. */
  relatedObjectIds: Record<string, string>
}

export type PaymentCustomer = {
  environment: StripeEnvironment
  provider: 'stripe'
  providerCustomerId: string
  email: string | null
  name: string | null
  phone: string | null
  deleted: boolean
  metadata: Record<string, string>
  providerCreatedAt: Instant | null
  syncedAt: Instant
  paymentsCount: number
  lastPaymentAt: Instant | null
  /** What was paid less what was given back; null, like its currency, without payments or with several currencies. */
  totalSpend: number | null
  totalSpendCurrency: string | null
  paymentMethodBrand: string | null
  paymentMethodLast4: string | null
  /** Two letters. */
  countryCode: string | null
}

/** A page of a list: hand `nextCursor` back as `cursor` for the next one; null on the last. */
export type Page = { nextCursor: string | null }

export type GetStripeStatusResponse = { connections: StripeConnection[] }
export type GetStripeConfigResponse = { keys: StripeKeyConfig[] }

export type PutStripeConfigRequest = {
  /** `sk_…`, or `rk_…` with the permissions that are needed. */
  secretKey: string
  /** The key may be of another account than before; everything kept of that account is deleted. */
  replaceAccount?: boolean
}
export type PutStripeConfigResponse = GetStripeConfigResponse & {
  connection: StripeConnection
  /** Of a replaced account: how many rows each table had. */
  deleted: Record<string, number> | null
  /**
   * The sync that followed. `interrupted`: there is more than this request may list, and the next sync goes on where it was. Null when it
   * failed, which `connection` shows, or another one was running.
   */
  sync: SyncRun | null
  /** Sentences about what could not be done besides, as setting up the webhook endpoint. */
  warnings: string[]
}
export type DeleteStripeConfigResponse = GetStripeConfigResponse & {
  /** Sentences about what is left: an endpoint at Stripe, rows here. */
  remained: string[]
}

export type ConfigureStripeWebhookResponse = {
  connection: StripeConnection
  /** `reused` as it was, `mended` in place, or `created`. */
  action: 'reused' | 'mended' | 'created'
  /** Sentences about what could not be done besides. */
  warnings: string[]
}

export type ListStripeCatalogResponse = { products: StripeProduct[]; prices: StripePrice[] }
export type ListStripeProductsResponse = Page & { products: StripeProduct[] }
export type GetStripeProductResponse = { product: StripeProduct; prices: StripePrice[] }
export type MutateStripeProductResponse = { product: StripeProduct }
export type DeleteStripeProductResponse = { productId: string; deleted: boolean }
export type ListStripePricesResponse = Page & { prices: StripePrice[] }
export type MutateStripePriceResponse = { price: StripePrice }
export type ArchiveStripePriceResponse = { price: StripePrice; archived: boolean }

export type CreateStripeProductRequest = {
  name: string
  /** At most 5000 characters. */
  description?: string | null
  active?: boolean
  metadata?: Record<string, string>
  idempotencyKey?: string
}
export type UpdateStripeProductRequest = Partial<Omit<CreateStripeProductRequest, 'idempotencyKey'>>
export type CreateStripePriceRequest = {
  productId: string
  /** Three letters. */
  currency: string
  /** In the currency's minor unit. */
  unitAmount: number
  lookupKey?: string | null
  active?: boolean
  recurring?: { interval: 'day' | 'week' | 'month' | 'year'; intervalCount?: number }
  taxBehavior?: 'exclusive' | 'inclusive' | 'unspecified'
  metadata?: Record<string, string>
  idempotencyKey?: string
}
export type UpdateStripePriceRequest = Partial<
  Pick<CreateStripePriceRequest, 'active' | 'lookupKey' | 'taxBehavior' | 'metadata'>
>

export type ListStripeSubscriptionsResponse = Page & { subscriptions: StripeSubscription[] }
export type ListPaymentTransactionsResponse = Page & { transactions: PaymentTransaction[] }
export type ListPaymentCustomersResponse = Page & { customers: PaymentCustomer[] }
export type ListWebhookEventsResponse = Page & { events: StripeWebhookEvent[] }
export type GetWebhookEventResponse = {
  /** With the event as Stripe sent it; null once it was pruned. */
  event: StripeWebhookEvent & { payload: Record<string, unknown> | null }
}
export type RetryWebhookEventResponse = {
  event: StripeWebhookEvent
  /** False when there was nothing to do: it is finished, or its payload was pruned. */
  retried: boolean
}
export type RetryWebhookEventsRequest = {
  eventType?: string
  objectId?: string
  /** When it happened at Stripe. */
  from?: Instant
  to?: Instant
  /** 1 to 500; 100 when left out. */
  limit?: number
}
export type RetryWebhookEventsResponse = {
  results: { eventId: string; processingStatus: WebhookEventStatus; lastError: string | null }[]
}

export type HealthReason = {
  code: string
  severity: 'degraded' | 'failing'
  message: string
  nextAction: string
  /** The shell command that leads on; null where no command helps. */
  command: string | null
}

export type EnvironmentHealthResponse = {
  environment: StripeEnvironment
  /** `failing`: events are lost or stuck. `degraded`: something needs a look. */
  status: 'ok' | 'degraded' | 'failing'
  reasons: HealthReason[]
  key: {
    hasKey: boolean
    maskedKey: string | null
    source: 'database' | 'environment' | null
    accepted: boolean | null
  }
  endpoint: {
    id: string | null
    url: string | null
    configuredAt: Instant | null
    hasSigningSecret: boolean
    /** Where it should deliver; null when PAYMENTS_PUBLIC_URL is not set. */
    expectedUrl: string | null
    drift: WebhookDrift[] | null
  }
  sync: { lastSyncedAt: Instant | null; status: 'succeeded' | 'failed' | null; error: string | null }
  events: {
    /** Failed and not processed yet. */
    backlog: number
    /** Those of them that are not tried again by themselves. */
    deadLettered: number
    oldestFailedAt: Instant | null
    failures: { eventType: string; error: string | null; count: number }[]
    lastHour: number
    lastReceivedAt: Instant | null
    /** Seconds. */
    medianLag: number | null
    greatestLag: number | null
  }
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
  | 'PAYMENT_CONFIG_NOT_FOUND'
  | 'PAYMENT_ACCOUNT_CHANGED'
  | 'PAYMENT_SECRETS_UNREADABLE'
  | 'PAYMENT_NOT_FOUND'
  | 'PAYMENT_PRODUCT_NOT_FOUND'
  | 'PAYMENT_PRICE_NOT_FOUND'
  | 'PAYMENT_PRODUCT_IN_USE'
  | 'PAYMENT_PRICE_IN_USE'
  | 'PAYMENT_LOOKUP_KEY_IN_USE'
  | 'PAYMENT_METHOD_DECLINED'
  | 'PAYMENT_SYNC_RUNNING'
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
