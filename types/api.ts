/**
 * The HTTP API in types: what a request carries and what an answer holds. Timestamps are ISO-8601 in UTC; money is an
 * integer in the currency's minor unit. Generated from the schemas of the routes by `npm run generate`. Do not edit.
 */

export type CreateCheckoutSessionRequest = {
  mode: 'payment' | 'subscription' | 'setup'
  /** 1 to 100 items; none when mode is setup. */
  lineItems?: CheckoutLineItem[]
  /** Absolute http(s) address. Stripe replaces `{CHECKOUT_SESSION_ID}` in it. Required on a hosted page. */
  successUrl?: string
  /** Absolute http(s) address. Required on a hosted page. */
  cancelUrl?: string
  /** The owner of the purchase. A subscription must have one. */
  subject?: BillingSubject
  customerEmail?: string | null
  /** Your own keys; keys that begin with `payments_` or `insforge_` are reserved. */
  metadata?: Record<string, string>
  /**
   * A request that is repeated with the same key returns the same session. It begins a new one if that session
   * has expired, or if its money came to nothing. Another request with this key is refused with 409, unless
   * Stripe refused the first one. `expiresAt` is not compared; derive `trialEnd` and `billingCycleAnchor` from
   * a fixed day.
   */
  idempotencyKey?: string
  /** Show prices in the currency of the buyer. */
  adaptivePricing?: boolean
  /** The page has a field for a promotion code. */
  allowPromotionCodes?: boolean
  /** Stripe Tax computes the tax. */
  automaticTax?: boolean
  billingAddressCollection?: 'auto' | 'required'
  /** When the first whole period begins. */
  billingCycleAnchor?: string
  /** `manual` authorizes the amount; the admin API captures or cancels it. */
  captureMethod?: 'automatic' | 'automatic_async' | 'manual'
  consentCollection?: {
    termsOfService?: 'none' | 'required'
    promotions?: 'none' | 'auto'
    paymentMethodReuseAgreement?: 'auto' | 'hidden'
  }
  currency?: string
  customFields?: {
    key: string
    label: string
    type: 'text' | 'numeric' | 'dropdown'
    optional?: boolean
    /** The choices of a dropdown. */
    options?: {
      label: string
      value: string
    }[]
    minimumLength?: number
    maximumLength?: number
    defaultValue?: string
  }[]
  customText?: {
    afterSubmit?: string
    shippingAddress?: string
    submit?: string
    termsOfServiceAcceptance?: string
  }
  discounts?: {
    /** A coupon of Stripe. */
    coupon?: string
    /** A promotion code of Stripe, `promo_…`. */
    promotionCode?: string
  }[]
  /** When the session expires: 30 minutes to 24 hours from now. */
  expiresAt?: string
  /** A one-time payment gets an invoice, too. */
  invoiceCreation?: boolean
  locale?: string
  nameCollection?: {
    individual?: 'required' | 'optional'
    business?: 'required' | 'optional'
  }
  paymentMethodCollection?: 'always' | 'if_required'
  paymentMethodConfiguration?: string
  paymentMethodTypes?: string[]
  phoneNumberCollection?: boolean
  /** With `billingCycleAnchor`. */
  prorationBehavior?: 'create_prorations' | 'none'
  /** An expired session gets a link that begins it again. */
  recovery?: {
    allowPromotionCodes?: boolean
  }
  redirectOnCompletion?: 'always' | 'if_required' | 'never'
  /** Where an embedded or custom session sends the buyer afterwards; instead of successUrl. */
  returnUrl?: string
  savedPaymentMethods?: {
    save?: 'enabled' | 'disabled'
    remove?: 'enabled' | 'disabled'
  }
  /** Saves the payment method for later payments. */
  setupFutureUsage?: 'off_session' | 'on_session'
  shippingAddressCollection?: {
    allowedCountries: string[]
  }
  shippingOptions?: {
    shippingRate: string
  }[]
  submitType?: string
  taxIdCollection?: boolean
  /** When the trial ends. */
  trialEnd?: string
  trialPeriodDays?: number
  /** No card is asked for; the subscription is canceled at the end of the trial if there is none. */
  trialWithoutCard?: boolean
  /** `embedded` and `custom` answer `clientSecret` for the app's own page instead of `url`. */
  uiMode?: 'hosted' | 'embedded' | 'custom'
}

export type CheckoutLineItem = {
  /** A Stripe price, `price_…`. */
  priceId?: string
  /** The lookup key of a price, in place of its id. */
  lookupKey?: string
  /** A price of its own instead of priceId; from the service only, or where an offer allows it. */
  priceData?: {
    currency: string
    /** In the currency's minor unit. */
    unitAmount: number
    /** A Stripe product, `prod_…`; else product. */
    productId?: string
    /** A product that is made for this price. */
    product?: {
      name: string
      description?: string
      taxCode?: string
    }
    recurring?: {
      interval: 'day' | 'week' | 'month' | 'year'
      intervalCount?: number
    }
    taxBehavior?: 'exclusive' | 'inclusive' | 'unspecified'
  }
  /** 1 to 999; 1 if omitted. It is not sent to Stripe for a metered price. */
  quantity?: number
  /** The buyer may change the quantity on the page, within these limits. */
  adjustableQuantity?: {
    minimum?: number
    /** 99 if omitted. */
    maximum?: number
  }
}

/** The app-owned owner of a purchase, for example `{ type: 'team', id: '42' }`. */
export type BillingSubject = {
  /** 1 to 100 characters. */
  type: string
  /** 1 to 255 characters. */
  id: string
}

export type CreateCheckoutSessionResponse = {
  checkoutSession: CheckoutSession
}

export type CheckoutSession = {
  /** The id of the row in `payments.stripe_checkout_sessions`. */
  id: string
  environment: StripeEnvironment
  /** `payment`, `subscription`, `setup`, or a word that Stripe adds later. */
  mode: 'payment' | 'subscription' | 'setup' | (string & {})
  status: CheckoutSessionStatus
  /** `paid`, `unpaid`, `no_payment_required`, or a word that Stripe adds later. */
  paymentStatus: 'paid' | 'unpaid' | 'no_payment_required' | (string & {}) | null
  subjectType: string | null
  subjectId: string | null
  customerEmail: string | null
  /** Stripe's id, `cs_…`. */
  checkoutSessionId: string | null
  customerId: string | null
  paymentIntentId: string | null
  subscriptionId: string | null
  /** The hosted page to send the buyer to, while the session is open; else null. */
  url: string | null
  /** Mounts an embedded or custom session in the app's page, while the session is open; else null. */
  clientSecret: string | null
  lastError: string | null
  createdAt: string
  updatedAt: string
}

/** `test` and `live` each have their own key, webhook endpoint and rows. */
export type StripeEnvironment = 'test' | 'live'

export type CheckoutSessionStatus = 'initialized' | 'open' | 'completed' | 'expired' | 'failed'

export type CheckoutSessionStatusResponse = {
  checkoutSession: CheckoutSession
  /**
   * Whether the events that say it is paid, or that nothing is due, are processed, and fulfilment with them.
   */
  fulfilled: boolean
}

export type CreateCustomerPortalSessionRequest = {
  subject: BillingSubject
  /** Absolute http(s) address that the portal links back to. */
  returnUrl?: string
  /** A Stripe portal configuration, `bpc_…`. */
  configuration?: string
  locale?: string
  /** Opens one page of the portal instead of its start. */
  flow?: {
    type: 
      | 'payment_method_update'
      | 'subscription_cancel'
      | 'subscription_update'
      | 'subscription_update_confirm'
    /** A subscription of the subject, `sub_…`; may be omitted if there is only one. */
    subscriptionId?: string
    /** What the subscription changes to; for `subscription_update_confirm`. */
    items?: {
      priceId: string
      /** That of the item if omitted. */
      quantity?: number
      subscriptionItemId?: string
    }[]
    afterCompletion?: {
      type: 'portal_homepage' | 'redirect' | 'hosted_confirmation'
      returnUrl?: string
      customMessage?: string
    }
  }
}

export type CreateCustomerPortalSessionResponse = {
  customerPortalSession: CustomerPortalSession
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
  /** The portal page, for one visit soon. */
  url: string | null
  lastError: string | null
  createdAt: string
  updatedAt: string
}

export type WebhookResponse = {
  received: true
  /** True if the event was processed, now or in an earlier delivery. */
  handled: boolean
  event?: StripeWebhookEvent
}

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

export type WebhookEventStatus = 'pending' | 'processed' | 'failed' | 'ignored'

export type HealthResponse = {
  status: 'ok'
  database: 'ok'
  version: string
}

export type GetDashboardSessionResponse = {
  /** Null if nobody is signed in. */
  session: DashboardSession | null
  /** Whether there was a session that is over. */
  hasExpired: boolean
  version: string
  environments: StripeEnvironment[]
  /** False if no admin can exist here. */
  canSignIn: boolean
  /** Why nobody can sign in, as a sentence. */
  problem: string | null
}

export type DashboardSession = {
  /** A reader sees everything but secrets, and changes nothing. */
  role: 'admin' | 'reader'
  expiresAt: string
  /** Send it as `X-CSRF-Token` with every change. */
  csrfToken: string
  signedInWith: 'key' | 'token' | 'link'
}

export type SignInRequest = {
  /** The admin key, the read-only key, or an admin's token. Either this or `code`. */
  key?: string
  /** The code of a login link. It is valid once. */
  code?: string
}

export type SignInResponse = {
  session: DashboardSession
}

export type SignOutResponse = {
  signedOut: true
}

export type GetSettingsResponse = {
  version: string
  publicUrl: string | null
  basePath: string
  encryption: EncryptionState
  access: AccessState
  database: DatabaseState
}

export type EncryptionState = {
  isConfigured: boolean
  /** The id of the key that encrypts; its beginning in SHA-256. */
  keyId: string | null
  previousKeyId: string | null
  secrets: StoredSecretState[]
}

export type StoredSecretState = {
  environment: StripeEnvironment
  kind: 'secret_key' | 'webhook_secret'
  maskedKey: string | null
  endpointId: string | null
  /** The encryption key that it was stored with. */
  keyId: string
  /** Whether one of the configured encryption keys is that key. */
  isReadable?: boolean
  createdAt: string
  expiresAt: string | null
}

export type AccessState = {
  adminKey: boolean
  readKey: boolean
  anonKey: boolean
  jwtSecret: boolean
  metricsToken: boolean
  jwksUrl: string | null
  /** Null if any issuer is accepted. */
  issuers: string[] | null
  audiences: string[] | null
  adminRoles: string[]
}

export type DatabaseState = {
  postgresVersion: string
  migrations: AppliedMigration[]
  roles: RoleState[]
  grants: TableGrant[]
}

export type AppliedMigration = {
  name: string
  appliedAt: string
}

export type RoleState = {
  role: string
  exists: boolean
  /** Whether the login of the handlers may become it. */
  isGranted: boolean
}

export type TableGrant = {
  role: string
  object: string
  privileges: string[]
}

export type GetStripeStatusResponse = {
  connections: StripeConnection[]
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
  webhookConfiguredAt: string | null
  /** Beginning and last four characters of the key. */
  maskedKey: string | null
  lastSyncedAt: string | null
  lastSyncStatus: 'succeeded' | 'failed' | null
  lastSyncError: string | null
  lastSyncCounts: Record<string, number>
  /**
   * How the managed webhook endpoint differs from how it was set up; null if none is managed or Stripe could
   * not be asked.
   */
  webhookDrift?: WebhookDrift[] | null
}

/** A difference between the managed webhook endpoint and how it was set up. */
export type WebhookDrift = {
  problem: 
    | 'gone'
    | 'disabled'
    | 'missing_events'
    | 'other_version'
    | 'other_url'
    | 'secret_unknown'
    | 'missing'
    | 'duplicate'
  /** A sentence for a person. */
  message: string
}

export type GetStripeConfigResponse = {
  keys: StripeKeyConfig[]
}

/** Whether an environment has a key. A key itself is never returned. */
export type StripeKeyConfig = {
  environment: StripeEnvironment
  hasKey: boolean
  /** Beginning and last four characters. */
  maskedKey: string | null
  /** The same as maskedKey, under the name that older clients read. */
  value: string | null
}

export type PutStripeConfigRequest = {
  /** `sk_…`, or `rk_…` with the needed permissions. */
  secretKey: string
  /** Allows a key of another account; everything stored of the previous account is deleted. */
  replaceAccount?: boolean
}

export type PutStripeConfigResponse = {
  keys: StripeKeyConfig[]
  connection: StripeConnection
  /** Rows deleted of a replaced account, by table. */
  deleted: Record<string, number> | null
  /**
   * The sync that followed. `interrupted`: this request may not list more, and the next sync resumes it. Null
   * if it failed, which `connection` shows, or if another sync was running.
   */
  sync: SyncRun | null
  /** Sentences about what else could not be done, for example setting up the webhook endpoint. */
  warnings: string[]
  /**
   * Why the webhook endpoint could not be set up, as in `warnings`; null if it was, or if it is set up by
   * hand.
   */
  endpointProblem: string | null
}

export type SyncRun = {
  id: string
  environment: StripeEnvironment
  status: SyncRunStatus
  kinds: SyncKind[]
  createdFrom: string | null
  createdBefore: string | null
  /** By kind. */
  progress: Record<string, SyncProgress>
  /** By kind, what differed from Stripe before the sync fixed it. */
  drift: Record<string, SyncDrift>
  error: string | null
  /** How often it was begun; more than 1 if it was resumed. */
  attempt: number
  startedAt: string
  heartbeatAt: string
  finishedAt: string | null
}

export type SyncRunStatus = 'running' | 'succeeded' | 'failed' | 'interrupted'

export type SyncKind = 
  | 'products'
  | 'prices'
  | 'customers'
  | 'subscriptions'
  | 'checkout_sessions'
  | 'payment_intents'
  | 'charges'
  | 'invoices'
  | 'credit_notes'
  | 'refunds'
  | 'disputes'

/** How far a sync has come with one kind of objects. */
export type SyncProgress = {
  state: 'waiting' | 'listing' | 'listed' | 'done'
  /** Objects that Stripe listed. */
  seen: number
  /** Rows that were missing here. */
  added: number
  /** Rows that existed and differed. */
  changed: number
  /** Objects of which the row was already newer. */
  newer: number
  /** Rows of objects that Stripe no longer has. */
  deleted: number
  /** Objects that could not be projected. */
  failed: number
}

/** What differed from Stripe before the sync fixed it. */
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

export type DeleteStripeConfigResponse = {
  keys: StripeKeyConfig[]
  /** Sentences about what is left, at Stripe and here. */
  remained: string[]
}

export type ConfigureStripeWebhookRequest = {
  /**
   * This deployment has moved: also disables the endpoint that delivers to its former address. Never send it
   * from a copy of a database that is in use.
   */
  takeOver?: boolean
}

export type ConfigureStripeWebhookResponse = {
  connection: StripeConnection
  /** `reused` as it was, `mended` in place, or `created`. */
  action: 'reused' | 'mended' | 'created'
  /** Sentences about what else could not be done. */
  warnings: string[]
}

export type EnvironmentHealthResponse = {
  environment: StripeEnvironment
  /** `failing`: events are lost or stuck. `degraded`: something needs attention. */
  status: 'ok' | 'degraded' | 'failing'
  reasons: HealthReason[]
  /** Roles of app users that policies let choose price and options, because there is no offer. */
  unlimitedBuyers: ('anon' | 'authenticated')[]
  key: {
    hasKey: boolean
    maskedKey: string | null
    source: 'database' | 'environment' | null
    /** By Stripe; null if Stripe could not be asked. */
    accepted: boolean | null
  }
  endpoint: {
    id: string | null
    url: string | null
    configuredAt: string | null
    hasSigningSecret: boolean
    /** Where it should deliver; null if PAYMENTS_PUBLIC_URL is not set. */
    expectedUrl: string | null
    drift: WebhookDrift[] | null
  }
  sync: {
    lastSyncedAt: string | null
    status: 'succeeded' | 'failed' | null
    error: string | null
  }
  events: EventHealth
}

export type HealthReason = {
  code: string
  severity: 'degraded' | 'failing'
  message: string
  nextAction: string
  /** The shell command that leads on; null where no command helps. */
  command: string | null
}

export type EventHealth = {
  /** Events that failed and are not processed yet. */
  backlog: number
  /** Failed events that are no longer retried automatically. */
  deadLettered: number
  oldestFailedAt: string | null
  failures: EventFailure[]
  lastHour: number
  lastReceivedAt: string | null
  /** Seconds. */
  medianLag: number | null
  /** Seconds. */
  greatestLag: number | null
}

export type EventFailure = {
  eventType: string
  error: string | null
  count: number
}

export type GetOverviewResponse = {
  overview: EnvironmentOverview
}

export type EnvironmentOverview = {
  environment: StripeEnvironment
  asOf: string
  setup: SetupState
  /**
   * Rows of `customers`, `subscriptions`, `transactions`, `events`, `checkoutSessions`, `portalSessions`,
   * `products` and `prices`.
   */
  counts: Record<string, RowCount>
  failedPayments: FailedPayments
  backlog: EventBacklog
}

export type SetupState = {
  isDone: boolean
  steps: SetupStep[]
}

export type SetupStep = {
  step: 'key' | 'webhook' | 'sync' | 'checkout'
  isDone: boolean
  message: string
  nextAction: string | null
}

export type RowCount = {
  count: number
  /** False for a large table: the count is then Postgres's estimate. */
  isExact: boolean
}

export type FailedPayments = {
  lastDay: number
  lastWeek: number
  lastMonth: number
  /** False if there were more: the newest 10,000 are counted. */
  isExact: boolean
}

export type EventBacklog = {
  failed: number
  deadLettered: number
  oldestFailedAt: string | null
}

export type GetRevenueResponse = {
  environment: StripeEnvironment
  from: string
  to: string
  timeZone: string
  /** By day and currency; a day without money is left out. */
  days: RevenueOfDay[]
}

export type RevenueOfDay = {
  /** For example `2026-11-30`. */
  day: string
  currency: string | null
  /** What was paid on that day, whatever was refunded later. */
  revenue: number
  payments: number
  /** What was paid back on that day. */
  refunds: number
  refundCount: number
  /** What was lost of disputes that were opened on that day. */
  disputed: number
  /** Payments that failed on that day. */
  failed: number
}

export type GetRecurringRevenueResponse = {
  recurringRevenue: RecurringRevenue
}

export type RecurringRevenue = {
  environment: StripeEnvironment
  asOf: string
  /** Statuses of a subscription that goes on. */
  openStatuses: string[]
  /** Statuses that are in `mrr`; a trial and a paused collection bring nothing. */
  paidStatuses: string[]
  openSubscriptions: number
  statuses: SubscriptionsOfStatus[]
  currencies: RecurringRevenueOfCurrency[]
}

export type SubscriptionsOfStatus = {
  status: string
  count: number
}

export type RecurringRevenueOfCurrency = {
  currency: string
  /**
   * A month, in the minor unit: by the year a twelfth, by the week 365/84, by the day 365/12; each item is
   * rounded.
   */
  mrr: number
  subscriptions: number
  /** Those with a metered or tiered item, which has no amount here. */
  subscriptionsWithoutAmount: number
}

export type SearchResponse = {
  results: SearchResult[]
}

export type SearchResult = {
  kind: 
    | 'customer'
    | 'subscription'
    | 'transaction'
    | 'invoice'
    | 'checkout_session'
    | 'event'
    | 'product'
    | 'price'
  id: string
  title: string
  subtitle: string | null
  customerId: string | null
}

export type ListStripeCatalogResponse = {
  products: StripeProduct[]
  prices: StripePrice[]
}

export type StripeProduct = {
  environment: StripeEnvironment
  productId: string
  name: string
  description: string | null
  active: boolean
  defaultPriceId: string | null
  metadata: Record<string, string>
  /** A mark of what can be edited; send it as `ifRevision`. */
  revision: string
  syncedAt: string
}

export type StripePrice = {
  environment: StripeEnvironment
  priceId: string
  productId: string | null
  active: boolean
  currency: string
  /** In the currency's minor unit; null if it has fractions or tiers, or if the buyer chooses it. */
  unitAmount: number | null
  unitAmountDecimal: string | null
  /** Whether the buyer chooses the amount. */
  payWhatYouWant: boolean
  customUnitAmountMinimum: number | null
  customUnitAmountMaximum: number | null
  customUnitAmountPreset: number | null
  /** `one_time`, `recurring`, or a word that Stripe adds later. */
  type: 'one_time' | 'recurring' | (string & {})
  lookupKey: string | null
  /** `per_unit`, `tiered`, or a word that Stripe adds later. */
  billingScheme: 'per_unit' | 'tiered' | (string & {}) | null
  /** `exclusive`, `inclusive`, `unspecified`, or a word that Stripe adds later. */
  taxBehavior: 'exclusive' | 'inclusive' | 'unspecified' | (string & {}) | null
  /** `day`, `week`, `month`, `year`, or a word that Stripe adds later. */
  recurringInterval: 'day' | 'week' | 'month' | 'year' | (string & {}) | null
  recurringIntervalCount: number | null
  /** `licensed`, `metered`, or a word that Stripe adds later. */
  recurringUsageType: 'licensed' | 'metered' | (string & {}) | null
  metadata: Record<string, string>
  /** A mark of what can be edited; send it as `ifRevision`. */
  revision: string
  syncedAt: string
}

export type ListCatalogueProductsResponse = {
  products: CatalogueProduct[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type CatalogueProduct = {
  environment: StripeEnvironment
  productId: string
  name: string
  description: string | null
  active: boolean
  defaultPriceId: string | null
  metadata: Record<string, string>
  /** A mark of what can be edited; send it as `ifRevision`. */
  revision: string
  syncedAt: string
  /** How many active prices it has. */
  activePrices: number
  /** The first two active prices. */
  prices: StripePrice[]
}

export type ListStripeProductsResponse = {
  products: StripeProduct[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type CreateStripeProductRequest = {
  name: string
  /** At most 5000 characters. */
  description?: string | null
  active?: boolean
  /** What the product contains, as Stripe's pricing tables show it. It replaces the former list. */
  marketingFeatures?: string[]
  metadata?: Record<string, string>
  /** A request that is repeated with the same key is carried out once. */
  idempotencyKey?: string
}

export type MutateStripeProductResponse = {
  product: StripeProduct
}

export type GetStripeProductResponse = {
  product: StripeProduct
  prices: StripePrice[]
}

export type UpdateStripeProductRequest = {
  name?: string
  /** At most 5000 characters. */
  description?: string | null
  active?: boolean
  /** What the product contains, as Stripe's pricing tables show it. It replaces the former list. */
  marketingFeatures?: string[]
  metadata?: Record<string, string>
  /** The `revision` that the editor saw. If another is there now, nothing is changed: 409. */
  ifRevision?: string
}

export type DeleteStripeProductResponse = {
  productId: string
  deleted: boolean
}

export type ListStripePricesResponse = {
  prices: StripePrice[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type CreateStripePriceRequest = {
  productId: string
  /** Three letters. */
  currency: string
  /** In the currency's minor unit. Required unless customUnitAmount is given. */
  unitAmount?: number
  /** The buyer chooses the amount, within these limits. */
  customUnitAmount?: {
    minimum?: number
    maximum?: number
    preset?: number
  }
  lookupKey?: string | null
  /** Whether lookupKey is taken from the price that has it, in one step. Without it: 409. */
  transferLookupKey?: boolean
  active?: boolean
  recurring?: {
    interval: 'day' | 'week' | 'month' | 'year'
    intervalCount?: number
  }
  taxBehavior?: 'exclusive' | 'inclusive' | 'unspecified'
  metadata?: Record<string, string>
  /** A request that is repeated with the same key is carried out once. */
  idempotencyKey?: string
}

export type MutateStripePriceResponse = {
  price: StripePrice
}

export type UpdateStripePriceRequest = {
  active?: boolean
  lookupKey?: string | null
  /** Whether lookupKey is taken from the price that has it, in one step. Without it: 409. */
  transferLookupKey?: boolean
  taxBehavior?: 'exclusive' | 'inclusive' | 'unspecified'
  metadata?: Record<string, string>
  /** The `revision` that the editor saw. If another is there now, nothing is changed: 409. */
  ifRevision?: string
}

export type ArchiveStripePriceResponse = {
  price: StripePrice
  archived: boolean
}

export type ListStripeSubscriptionsResponse = {
  subscriptions: StripeSubscription[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type StripeSubscription = {
  environment: StripeEnvironment
  subscriptionId: string
  customerId: string | null
  subjectType: string | null
  subjectId: string | null
  /**
   * `incomplete`, `incomplete_expired`, `trialing`, `active`, `past_due`, `canceled`, `unpaid`, `paused`, or a
   * word that Stripe adds later.
   */
  status: StripeSubscriptionStatus
  currentPeriodStart: string | null
  currentPeriodEnd: string | null
  cancelAtPeriodEnd: boolean
  cancelAt: string | null
  canceledAt: string | null
  trialStart: string | null
  trialEnd: string | null
  latestInvoiceId: string | null
  /**
   * `keep_as_draft`, `mark_uncollectible` or `void` while collection is paused. The status stays `active`.
   */
  pauseCollectionBehavior: string | null
  pauseCollectionResumesAt: string | null
  scheduleId: string | null
  /** When the schedule changes it next; null if nothing is planned. */
  nextPhaseAt: string | null
  /** What it has from then on. */
  nextPhaseItems: {
    priceId: string | null
    quantity: number | null
  }[] | null
  /** The change that Stripe makes once its invoice is paid, as Stripe describes it. */
  pendingUpdate: Record<string, unknown> | null
  pendingUpdateExpiresAt: string | null
  metadata: Record<string, string>
  syncedAt: string
  createdAt: string
  updatedAt: string
  items: StripeSubscriptionItem[]
  /** Whether it gives access by `payments.subscription_access`; an app may decide otherwise. */
  access: 'granted' | 'at_risk' | 'none'
  /** A sentence. */
  accessReason: string
}

/** Give no access for a status that you do not know. */
export type StripeSubscriptionStatus = 
  | 'incomplete'
  | 'incomplete_expired'
  | 'trialing'
  | 'active'
  | 'past_due'
  | 'canceled'
  | 'unpaid'
  | 'paused'
  | (string & {})

export type StripeSubscriptionItem = {
  environment: StripeEnvironment
  subscriptionItemId: string
  subscriptionId: string
  productId: string | null
  priceId: string | null
  /** Null for metered prices. */
  quantity: number | null
  currentPeriodStart: string | null
  /** End of the item's own period; items may differ. */
  currentPeriodEnd: string | null
  metadata: Record<string, string>
  createdAt: string
  updatedAt: string
}

export type ListPaymentTransactionsResponse = {
  transactions: PaymentTransaction[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type PaymentTransaction = {
  id: string
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
  /** Money lost in disputes that were lost; not part of `amountRefunded`. */
  amountDisputed: number
  /** Stripe's status of the latest dispute, for example `needs_response`, `won` or `lost`. */
  disputeStatus: string | null
  disputedAt: string | null
  disputeAmount: number | null
  currency: string | null
  description: string | null
  /** Whoever has the address can see the receipt. */
  receiptUrl: string | null
  /** For example `visa`; null if Stripe shows no card. */
  cardBrand: string | null
  cardLast4: string | null
  paidAt: string | null
  failedAt: string | null
  refundedAt: string | null
  providerCreatedAt: string | null
  createdAt: string
  updatedAt: string
  /**
   * Stripe's ids of the same payment by kind: `checkout_session`, `payment_intent`, `invoice`, `charge`,
   * `refund`, `subscription`, `product`, `price`.
   */
  relatedObjectIds: Record<string, string>
}

export type PaymentTransactionType = 'one_time_payment' | 'subscription_invoice' | 'refund' | 'failed_payment'

export type PaymentTransactionStatus = 'succeeded' | 'failed' | 'pending' | 'refunded' | 'partially_refunded'

export type ListPaymentCustomersResponse = {
  customers: PaymentCustomer[]
  /** Null on the last page. */
  nextCursor: string | null
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
  providerCreatedAt: string | null
  syncedAt: string
  paymentsCount: number
  lastPaymentAt: string | null
  /**
   * Payments less refunds and lost disputes; null, like its currency, without payments or with several
   * currencies.
   */
  totalSpend: number | null
  totalSpendCurrency: string | null
  paymentMethodBrand: string | null
  paymentMethodLast4: string | null
  /** Two letters. */
  countryCode: string | null
}

export type ListCustomerTimelineResponse = {
  entries: CustomerTimelineEntry[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type CustomerTimelineEntry = {
  id: string
  kind: 
    | 'payment'
    | 'refund'
    | 'subscription'
    | 'invoice'
    | 'credit_note'
    | 'checkout_session'
    | 'portal_session'
    | 'event'
  happenedAt: string
  /** Stripe's id. */
  objectId: string | null
  title: string
  status: string
  amount: number | null
  currency: string | null
  error: string | null
}

export type ListCheckoutSessionsResponse = {
  checkoutSessions: CheckoutSessionRecord[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type CheckoutSessionRecord = {
  /** The id of the row in `payments.stripe_checkout_sessions`. */
  id: string
  environment: StripeEnvironment
  /** `payment`, `subscription`, `setup`, or a word that Stripe adds later. */
  mode: 'payment' | 'subscription' | 'setup' | (string & {})
  status: CheckoutSessionStatus
  /** `paid`, `unpaid`, `no_payment_required`, or a word that Stripe adds later. */
  paymentStatus: 'paid' | 'unpaid' | 'no_payment_required' | (string & {}) | null
  subjectType: string | null
  subjectId: string | null
  customerEmail: string | null
  /** Stripe's id, `cs_…`. */
  checkoutSessionId: string | null
  customerId: string | null
  paymentIntentId: string | null
  subscriptionId: string | null
  lastError: string | null
  createdAt: string
  updatedAt: string
  lineItems: CheckoutSessionLine[]
  successUrl: string
  cancelUrl: string
  metadata: Record<string, string>
  /** What the request asked of Stripe beside its items. */
  options: Record<string, unknown>
  /** What the offer set, whatever the request said. */
  forcedOptions: Record<string, unknown>
  attempt: number
  expiresAt: string | null
}

export type CheckoutSessionLine = {
  priceId: string | null
  quantity: number | null
}

export type ListPortalSessionsResponse = {
  portalSessions: PortalSessionRecord[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type PortalSessionRecord = {
  /** The id of the row in `payments.stripe_customer_portal_sessions`. */
  id: string
  environment: StripeEnvironment
  status: 'initialized' | 'created' | 'failed'
  subjectType: string
  subjectId: string
  customerId: string | null
  returnUrl: string | null
  configuration: string | null
  lastError: string | null
  createdAt: string
  updatedAt: string
  /** What the request asked of the portal. */
  options: Record<string, unknown>
}

export type ListStripeInvoicesResponse = {
  invoices: StripeInvoice[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type StripeInvoice = {
  environment: StripeEnvironment
  invoiceId: string
  /** Null while it is a draft. */
  number: string | null
  status: StripeInvoiceStatus
  customerId: string | null
  subjectType: string | null
  subjectId: string | null
  subscriptionId: string | null
  billingReason: string | null
  collectionMethod: string | null
  currency: string | null
  subtotal: number | null
  /** Null if Stripe names no tax. */
  tax: number | null
  total: number | null
  amountDue: number | null
  amountPaid: number | null
  amountRemaining: number | null
  description: string | null
  /** Whoever has the address can see the invoice. */
  hostedInvoiceUrl: string | null
  invoicePdf: string | null
  periodStart: string | null
  periodEnd: string | null
  dueAt: string | null
  finalizedAt: string | null
  paidAt: string | null
  voidedAt: string | null
  providerCreatedAt: string | null
  /** The draft was deleted at Stripe. */
  deleted: boolean
  metadata: Record<string, string>
  syncedAt: string
  createdAt: string
  updatedAt: string
}

export type StripeInvoiceStatus = 'draft' | 'open' | 'paid' | 'uncollectible' | 'void' | (string & {})

export type ListStripeCreditNotesResponse = {
  creditNotes: StripeCreditNote[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type StripeCreditNote = {
  environment: StripeEnvironment
  creditNoteId: string
  number: string | null
  status: StripeCreditNoteStatus
  type: string | null
  reason: string | null
  invoiceId: string
  customerId: string | null
  subjectType: string | null
  subjectId: string | null
  currency: string | null
  subtotal: number | null
  tax: number | null
  total: number | null
  amount: number | null
  memo: string | null
  pdf: string | null
  voidedAt: string | null
  providerCreatedAt: string | null
  metadata: Record<string, string>
  syncedAt: string
  createdAt: string
  updatedAt: string
}

export type StripeCreditNoteStatus = 'issued' | 'void' | (string & {})

export type GetPaymentCustomerResponse = {
  customer: PaymentCustomer
  subjects: CustomerSubject[]
  /** Its page in Stripe's own dashboard. */
  stripeUrl: string | null
}

export type CustomerSubject = {
  subjectType: string
  subjectId: string
  /** Whether the subject pays with this customer now. */
  isMapped: boolean
  /** When a Stripe object first named it as the owner. */
  namedAt: string | null
  /** The Stripe object that named it. */
  namedBy: string | null
}

export type GetStripeSubscriptionResponse = {
  subscription: StripeSubscription
  customer: PaymentCustomer | null
  products: StripeProduct[]
  prices: StripePrice[]
  /** The newest 50. */
  transactions: PaymentTransaction[]
  /** The newest 50 about the subscription itself. */
  events: StripeLedgerEvent[]
  /** Its page in Stripe's own dashboard. */
  stripeUrl: string | null
}

export type StripeLedgerEvent = {
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
  /** When it happened at Stripe. */
  providerCreatedAt: string | null
  /** When it is retried; null if it is not. */
  nextAttemptAt: string | null
  /** Whether it failed and is no longer retried automatically. */
  isDeadLettered: boolean
}

export type GetPaymentTransactionResponse = {
  transaction: PaymentTransaction
  /** Of a refund: the payment. */
  payment: PaymentTransaction | null
  /** Of a payment: its refunds. */
  refunds: PaymentTransaction[]
  /** Every object of Stripe that the payment consists of. */
  objects: PaymentObject[]
  /** The newest 100 about these objects. */
  events: StripeLedgerEvent[]
  /** Its page in Stripe's own dashboard. */
  stripeUrl: string | null
}

export type PaymentObject = {
  objectType: string
  objectId: string
  /** Stripe's word; null if the object was only linked to so far. */
  status: string | null
  /** `succeeded`, `pending` or `failed`. */
  state: string | null
  amount: number | null
  amountRefunded: number | null
  currency: string | null
  providerCreatedAt: string | null
}

export type GetStripeInvoiceResponse = {
  invoice: StripeInvoice
  customer: PaymentCustomer | null
  /** The newest 100. */
  creditNotes: StripeCreditNote[]
  /** The payments of it and their refunds; the newest 50. */
  transactions: PaymentTransaction[]
  /** The newest 50 about the invoice itself. */
  events: StripeLedgerEvent[]
  /** Its page in Stripe's own dashboard. */
  stripeUrl: string | null
}

export type AssignSubjectRequest = {
  /** A customer; else give `subscriptionId`. */
  customerId?: string
  /** A subscription; else give `customerId`. */
  subscriptionId?: string
  subjectType: string
  subjectId: string
  /** Also move what belongs to another billing subject. */
  replace?: boolean
}

export type AssignSubjectResponse = {
  assignment: SubjectAssignment
}

export type SubjectAssignment = {
  objectType: 'customer' | 'subscription'
  objectId: string
  subjectType: string
  subjectId: string
  assignedAt: string
  /** Subscriptions of it that belong to the subject now. */
  subscriptions: number
  /** Payments and refunds of it that belong to the subject now. */
  transactions: number
  /** Invoices of it that belong to the subject now. */
  invoices: number
}

export type EraseSubjectRequest = {
  subjectType: string
  subjectId: string
}

export type EraseSubjectResponse = {
  erasure: SubjectErasure
}

export type SubjectErasure = {
  subjectType: string
  subjectId: string
  /** Customers whose personal data is removed. */
  customers: number
  /** Their sessions, subscriptions, invoices, credit notes and objects of payments. */
  objects: number
  /** Payloads of the ledger that held personal data until now. */
  events: number
  /** Subscriptions that go on. They are not canceled. */
  livingSubscriptions: number
  /** Checkouts that can still be paid. Erase again after that. */
  openCheckouts: number
}

export type ListWebhookEventsResponse = {
  events: StripeLedgerEvent[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type CountWebhookEventsResponse = {
  count: number
  /** False if there are more: it stops counting at 10,000. */
  isExact: boolean
  oldestReceivedAt: string | null
  newestReceivedAt: string | null
}

export type GetWebhookEventResponse = {
  event: {
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
    /** When it happened at Stripe. */
    providerCreatedAt: string | null
    /** When it is retried; null if it is not. */
    nextAttemptAt: string | null
    /** Whether it failed and is no longer retried automatically. */
    isDeadLettered: boolean
    /** The event as Stripe sent it; null if it was pruned. */
    payload: Record<string, unknown> | null
  }
}

export type RetryWebhookEventResponse = {
  event: StripeLedgerEvent
  /** False if there was nothing to do: the event is finished, or its payload was pruned. */
  retried: boolean
}

export type RetryWebhookEventsRequest = {
  eventType?: string
  objectId?: string
  /** Created at Stripe at this instant or later. */
  from?: string
  /** Created at Stripe before this instant. */
  to?: string
  /** 1 to 500; 100 if omitted. */
  limit?: number
}

export type RetryWebhookEventsResponse = {
  results: RetriedEvent[]
}

export type RetriedEvent = {
  eventId: string
  processingStatus: WebhookEventStatus
  lastError: string | null
}

export type ListOffersResponse = {
  offers: Offer[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type Offer = {
  environment: StripeEnvironment
  offerId: string
  priceId: string | null
  lookupKey: string | null
  productId: string | null
  mode: 'payment' | 'subscription'
  minimumQuantity: number
  maximumQuantity: number
  /** Null for both. */
  roles: ('anon' | 'authenticated')[] | null
  /** Null for all, and for guests. */
  subjectTypes: string[] | null
  startsAt: string | null
  endsAt: string | null
  allowedOptions: string[]
  forcedOptions: Record<string, unknown>
  allowPayWhatYouWant: boolean
  allowPriceData: boolean
  currency: string | null
  minimumAmount: number | null
  maximumAmount: number | null
  productGroup: string | null
  onePlan: boolean
  trialOnce: boolean
  active: boolean
  /** What writes the offer; null for one that was written by hand. */
  managedBy: string | null
  createdAt: string
  updatedAt: string
}

export type PutOfferRequest = {
  /** The price that is offered; else lookupKey or productId. */
  priceId?: string
  /** The lookup key of the price that is offered: whichever active price has it. */
  lookupKey?: string
  /** The product whose prices are all offered. */
  productId?: string
  mode: 'payment' | 'subscription'
  minimumQuantity?: number
  /** `minimumQuantity` if omitted. */
  maximumQuantity?: number
  /** Who may buy; both if omitted. */
  roles?: ('anon' | 'authenticated')[]
  /** The types of subject that may buy; all, and guests, if omitted. */
  subjectTypes?: string[]
  startsAt?: string
  /** The first instant after the offer. */
  endsAt?: string
  /**
   * The options that a request may have. `discounts` allows promotion codes, `discounts.coupon` coupons by
   * their ids. `uiMode`, `returnUrl`, `redirectOnCompletion` and `locale` are always allowed.
   */
  allowedOptions?: (
    | 'discounts.coupon'
    | 'adaptivePricing'
    | 'allowPromotionCodes'
    | 'automaticTax'
    | 'billingAddressCollection'
    | 'billingCycleAnchor'
    | 'captureMethod'
    | 'consentCollection'
    | 'currency'
    | 'customFields'
    | 'customText'
    | 'discounts'
    | 'expiresAt'
    | 'invoiceCreation'
    | 'locale'
    | 'nameCollection'
    | 'paymentMethodCollection'
    | 'paymentMethodConfiguration'
    | 'paymentMethodTypes'
    | 'phoneNumberCollection'
    | 'prorationBehavior'
    | 'recovery'
    | 'redirectOnCompletion'
    | 'returnUrl'
    | 'savedPaymentMethods'
    | 'setupFutureUsage'
    | 'shippingAddressCollection'
    | 'shippingOptions'
    | 'submitType'
    | 'taxIdCollection'
    | 'trialEnd'
    | 'trialPeriodDays'
    | 'trialWithoutCard'
    | 'uiMode')[]
  /** Options of every checkout, whatever the request says. */
  forcedOptions?: {
    /** Show prices in the currency of the buyer. */
    adaptivePricing?: boolean
    /** The page has a field for a promotion code. */
    allowPromotionCodes?: boolean
    /** Stripe Tax computes the tax. */
    automaticTax?: boolean
    billingAddressCollection?: 'auto' | 'required'
    /** When the first whole period begins. */
    billingCycleAnchor?: string
    /** `manual` authorizes the amount; the admin API captures or cancels it. */
    captureMethod?: 'automatic' | 'automatic_async' | 'manual'
    consentCollection?: {
      termsOfService?: 'none' | 'required'
      promotions?: 'none' | 'auto'
      paymentMethodReuseAgreement?: 'auto' | 'hidden'
    }
    currency?: string
    customFields?: {
      key: string
      label: string
      type: 'text' | 'numeric' | 'dropdown'
      optional?: boolean
      /** The choices of a dropdown. */
      options?: {
        label: string
        value: string
      }[]
      minimumLength?: number
      maximumLength?: number
      defaultValue?: string
    }[]
    customText?: {
      afterSubmit?: string
      shippingAddress?: string
      submit?: string
      termsOfServiceAcceptance?: string
    }
    discounts?: {
      /** A coupon of Stripe. */
      coupon?: string
      /** A promotion code of Stripe, `promo_…`. */
      promotionCode?: string
    }[]
    /** When the session expires: 30 minutes to 24 hours from now. */
    expiresAt?: string
    /** A one-time payment gets an invoice, too. */
    invoiceCreation?: boolean
    locale?: string
    nameCollection?: {
      individual?: 'required' | 'optional'
      business?: 'required' | 'optional'
    }
    paymentMethodCollection?: 'always' | 'if_required'
    paymentMethodConfiguration?: string
    paymentMethodTypes?: string[]
    phoneNumberCollection?: boolean
    /** With `billingCycleAnchor`. */
    prorationBehavior?: 'create_prorations' | 'none'
    /** An expired session gets a link that begins it again. */
    recovery?: {
      allowPromotionCodes?: boolean
    }
    redirectOnCompletion?: 'always' | 'if_required' | 'never'
    /** Where an embedded or custom session sends the buyer afterwards; instead of successUrl. */
    returnUrl?: string
    savedPaymentMethods?: {
      save?: 'enabled' | 'disabled'
      remove?: 'enabled' | 'disabled'
    }
    /** Saves the payment method for later payments. */
    setupFutureUsage?: 'off_session' | 'on_session'
    shippingAddressCollection?: {
      allowedCountries: string[]
    }
    shippingOptions?: {
      shippingRate: string
    }[]
    submitType?: string
    taxIdCollection?: boolean
    /** When the trial ends. */
    trialEnd?: string
    trialPeriodDays?: number
    /** No card is asked for; the subscription is canceled at the end of the trial if there is none. */
    trialWithoutCard?: boolean
    /** `embedded` and `custom` answer `clientSecret` for the app's own page instead of `url`. */
    uiMode?: 'hosted' | 'embedded' | 'custom'
  }
  /** Whether prices whose amount the buyer chooses are offered. */
  allowPayWhatYouWant?: boolean
  /**
   * Whether a request may make up a price of the product, within currency, minimumAmount and maximumAmount.
   */
  allowPriceData?: boolean
  currency?: string
  minimumAmount?: number
  maximumAmount?: number
  /** The group of plans that the offer belongs to. */
  productGroup?: string
  /** Whether a subject can have one living subscription of the product group only. */
  onePlan?: boolean
  /** Whether a subject that had a trial gets none. */
  trialOnce?: boolean
  active?: boolean
  /** What writes the offer: `catalog` for `pg-payments catalog push`. */
  managedBy?: string
}

export type PutOfferResponse = {
  offer: Offer
}

export type DeleteOfferResponse = {
  offerId: string
  deleted: boolean
}

export type CapturePaymentRequest = {
  /** In the currency's minor unit; all of it if omitted. The rest is released. */
  amount?: number
}

export type PaymentResponse = {
  payment: Payment
}

export type Payment = {
  environment: StripeEnvironment
  paymentIntentId: string
  /** `requires_capture`, `succeeded`, `canceled`, or a word that Stripe adds later. */
  status: 'requires_capture' | 'succeeded' | 'canceled' | (string & {})
  /** In the currency's minor unit, like every amount. */
  amount: number
  /** What is held and may be captured. */
  amountCapturable: number
  amountReceived: number
  currency: string
}

export type SyncRequest = {
  /** Products, prices, customers and subscriptions if omitted. */
  kinds?: SyncKind[]
  /** For payment objects: only those created at Stripe at this instant or later. */
  createdFrom?: string
  /** For payment objects: only those created at Stripe before this instant. */
  createdBefore?: string
  /**
   * True if the data of the account was erased at Stripe, so that Stripe knows none of the rows here. Without
   * it such a sync is refused.
   */
  erased?: boolean
}

export type SyncStripeResponse = {
  results: SyncResult[]
}

/** The result of syncing one environment. */
export type SyncResult = {
  environment: StripeEnvironment
  connection: StripeConnection
  subscriptions: SyncedSubscriptions | null
  /** The sync itself; null if the environment has no key or the sync failed. */
  run: SyncRun | null
}

export type SyncedSubscriptions = {
  environment: StripeEnvironment
  /** Subscriptions that Stripe listed. */
  synced: number
  /** All subscriptions here without a billing subject. */
  unmapped: number
  /** Subscriptions that Stripe no longer has. */
  deleted: number
}

export type ListSyncRunsResponse = {
  syncRuns: SyncRun[]
  /** Null on the last page. */
  nextCursor: string | null
}

export type GetSyncRunResponse = {
  syncRun: SyncRun
}

export type GetRecoveryStateResponse = {
  environment: StripeEnvironment
  /** The ledger holds every event since then. */
  eventsCompleteFrom: string | null
  /** Until then the ledger was compared with Stripe's list of events; null before the first recovery. */
  eventsCompleteUntil: string | null
  /** The instant from which the next recovery reads Stripe's list. */
  nextFrom: string
  /** The period whose events Stripe no longer has; a sync of payment objects closes it. */
  gap: {
    from: string
    before: string
    message: string
  } | null
}

export type RecoverRequest = {
  /** Read Stripe's events back to this instant, instead of back to the end of the last recovery. */
  since?: string
}

export type RecoverResponse = {
  recovery: RecoveryResult
}

/** What `POST …/recover` found. */
export type RecoveryResult = {
  environment: StripeEnvironment
  /** The instant from which Stripe's list of events was read. */
  from: string
  until: string
  /** Events that Stripe listed, of every type. */
  listed: number
  /** Listed events that were missing here, of the types that webhook endpoints deliver here. */
  recovered: number
  processed: number
  ignored: number
  /** Events that were recorded as failed; they are retried. */
  failed: number
  /** The period whose events Stripe no longer has, and the sync that closes it; null if there is none. */
  gap: {
    from: string
    before: string
    message: string
    sync: SyncRequest
  } | null
}

export type ReplayRequest = {
  eventId?: string
  eventType?: string
  objectId?: string
  /** Events that happened at this instant or later. */
  from?: string
  /** Events that happened before this instant. */
  before?: string
  /** Includes processed events; fulfilment then runs again. */
  includeProcessed?: boolean
  /** 1 to 1000; 1000 if omitted. */
  limit?: number
}

export type ReplayResponse = {
  replayed: ReplayedEvent[]
}

export type ReplayedEvent = {
  eventId: string
  processingStatus: string
  lastError: string | null
}

export type RebuildResponse = {
  /** Events that the projections were rebuilt from. */
  events: number
  /** Events that could not be read, because their payload was pruned. */
  pruned: number
  /** The instant from which the ledger is complete; null if nothing is missing. */
  completeSince: string | null
}

export type PruneRequest = {
  /**
   * Finished events older than this many days lose their payload; their outcome stays. Checkout sessions that
   * were never paid, and that have not changed for so long, are deleted.
   */
  olderThanDays: number
}

export type PruneResponse = {
  /** Events that lost their payload. */
  pruned: number
  /** Checkout sessions that were never paid. */
  deletedCheckoutSessions: number
}

export type ScheduleRequest = {
  /** Pages that each sync may list before it leaves the rest to the next run; 50 if omitted. */
  syncPages?: number
}

export type ScheduleResponse = {
  /** Failed events that were retried. */
  retried: {
    environment: StripeEnvironment
    eventId: string
    processingStatus: string
    lastError: string | null
  }[]
  recoveries: RecoveryResult[]
  syncs: SyncRun[]
  /** Parts that failed; the other parts ran. */
  failures: {
    part: 'retry' | 'recover' | 'sync'
    /** Null for the part that covers both environments. */
    environment: StripeEnvironment | null
    message: string
  }[]
}

/** A page of a list: pass `nextCursor` as `cursor` to get the next page; it is null on the last one. */
export type Page = {
  /** Null on the last page. */
  nextCursor: string | null
}

export type ErrorBody = {
  error: ErrorCode
  /** A sentence for a person. */
  message: string
  statusCode: number
  /** The next step. */
  nextActions?: string
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
  | 'PAYMENT_CHANGED_MEANWHILE'
  | 'PAYMENT_METHOD_DECLINED'
  | 'PAYMENT_NOT_CAPTURABLE'
  | 'PAYMENT_NOT_OFFERED'
  | 'PAYMENT_QUANTITY_NOT_OFFERED'
  | 'PAYMENT_OPTION_NOT_OFFERED'
  | 'PAYMENT_PLAN_ALREADY_EXISTS'
  | 'PAYMENT_OFFER_NOT_FOUND'
  | 'PAYMENT_SYNC_RUNNING'
  | 'PAYMENT_SUBJECT_CONFLICT'
  | 'RATE_LIMITED'
  | 'UPSTREAM_FAILURE'
  | 'DATABASE_DUPLICATE'
  | 'DATABASE_CONSTRAINT_VIOLATION'
  | 'DATABASE_UNAVAILABLE'
  | 'INTERNAL_ERROR'

/** What each operation takes and returns, by its id in `types/openapi.json`. */
export type Operations = {
  createCheckoutSession: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: CreateCheckoutSessionRequest
    response: CreateCheckoutSessionResponse
  }
  readCheckoutSession: {
    params: {
      environment: StripeEnvironment
      /** The id of the row, or of Stripe (`cs_…`). */
      id: string
    }
    query: {
    }
    body: undefined
    response: CheckoutSessionStatusResponse
  }
  confirmCheckoutSession: {
    params: {
      environment: StripeEnvironment
      /** The id of the row, or of Stripe (`cs_…`). */
      id: string
    }
    query: undefined
    body: undefined
    response: CheckoutSessionStatusResponse
  }
  createCustomerPortalSession: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: CreateCustomerPortalSessionRequest
    response: CreateCustomerPortalSessionResponse
  }
  receiveWebhook: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: Record<string, unknown>
    response: WebhookResponse
  }
  getHealth: {
    params: undefined
    query: {
    }
    body: undefined
    response: HealthResponse
  }
  getDashboardSession: {
    params: undefined
    query: {
    }
    body: undefined
    response: GetDashboardSessionResponse
  }
  signInToDashboard: {
    params: undefined
    query: {
    }
    body: SignInRequest
    response: SignInResponse
  }
  signOutOfDashboard: {
    params: undefined
    query: {
    }
    body: undefined
    response: SignOutResponse
  }
  getMetrics: {
    params: undefined
    query: {
    }
    body: undefined
    response: string
  }
  getOpenapi: {
    params: undefined
    query: {
    }
    body: undefined
    response: {
      openapi: string
    }
  }
  getSettings: {
    params: undefined
    query: undefined
    body: undefined
    response: GetSettingsResponse
  }
  getStripeStatus: {
    params: undefined
    query: undefined
    body: undefined
    response: GetStripeStatusResponse
  }
  getStripeConfig: {
    params: undefined
    query: undefined
    body: undefined
    response: GetStripeConfigResponse
  }
  putStripeConfig: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: PutStripeConfigRequest
    response: PutStripeConfigResponse
  }
  deleteStripeConfig: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: undefined
    response: DeleteStripeConfigResponse
  }
  configureStripeWebhook: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: ConfigureStripeWebhookRequest
    response: ConfigureStripeWebhookResponse
  }
  getStripeHealth: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: undefined
    response: EnvironmentHealthResponse
  }
  getOverview: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: undefined
    response: GetOverviewResponse
  }
  getRevenue: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /** 30 days ago if omitted. */
      from?: string
      /** Now if omitted. */
      to?: string
      /** Whose days these are; UTC if omitted. */
      timeZone?: string
    }
    body: undefined
    response: GetRevenueResponse
  }
  getRecurringRevenue: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: undefined
    response: GetRecurringRevenueResponse
  }
  searchEverything: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /**
       * The beginning of an e-mail address, a customer id or the id of a billing subject, or the whole id of
       * any object.
       */
      q: string
    }
    body: undefined
    response: SearchResponse
  }
  listStripeCatalog: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: undefined
    response: ListStripeCatalogResponse
  }
  listCatalogueProducts: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /** A part of the name, of the id, or of the id or the lookup key of one of its prices. */
      search?: string
      active?: 'true' | 'false'
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
    }
    body: undefined
    response: ListCatalogueProductsResponse
  }
  listStripeProducts: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
    }
    body: undefined
    response: ListStripeProductsResponse
  }
  createStripeProduct: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: CreateStripeProductRequest
    response: MutateStripeProductResponse
  }
  getStripeProduct: {
    params: {
      environment: StripeEnvironment
      productId: string
    }
    query: {
      /** With `false`, `prices` is empty: list them page by page. */
      withPrices?: 'true' | 'false'
    }
    body: undefined
    response: GetStripeProductResponse
  }
  updateStripeProduct: {
    params: {
      environment: StripeEnvironment
      productId: string
    }
    query: undefined
    body: UpdateStripeProductRequest
    response: MutateStripeProductResponse
  }
  deleteStripeProduct: {
    params: {
      environment: StripeEnvironment
      productId: string
    }
    query: {
      /** The `revision` that the editor saw. If another is there now, nothing is changed: 409. */
      ifRevision?: string
    }
    body: undefined
    response: DeleteStripeProductResponse
  }
  listStripePrices: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /** Prices of this product only. */
      productId?: string
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
    }
    body: undefined
    response: ListStripePricesResponse
  }
  createStripePrice: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: CreateStripePriceRequest
    response: MutateStripePriceResponse
  }
  getStripePrice: {
    params: {
      environment: StripeEnvironment
      priceId: string
    }
    query: undefined
    body: undefined
    response: MutateStripePriceResponse
  }
  updateStripePrice: {
    params: {
      environment: StripeEnvironment
      priceId: string
    }
    query: undefined
    body: UpdateStripePriceRequest
    response: MutateStripePriceResponse
  }
  archiveStripePrice: {
    params: {
      environment: StripeEnvironment
      priceId: string
    }
    query: {
      /** The `revision` that the editor saw. If another is there now, nothing is changed: 409. */
      ifRevision?: string
    }
    body: undefined
    response: ArchiveStripePriceResponse
  }
  listStripeSubscriptions: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /** Together with `subjectId`. */
      subjectType?: string
      /** Together with `subjectType`. */
      subjectId?: string
      customerId?: string
      /**
       * `incomplete`, `incomplete_expired`, `trialing`, `active`, `past_due`, `canceled`, `unpaid`, `paused`,
       * or a word that Stripe adds later.
       */
      status?: string
      /** Whether it is `active`, `trialing` or `past_due`. */
      isOpen?: 'true' | 'false'
      cancelAtPeriodEnd?: 'true' | 'false'
      priceId?: string
      productId?: string
      /** A subscription id, a customer id, or the id of a billing subject. */
      search?: string
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
      /** Updated at this instant or later. */
      from?: string
      /** Updated before this instant. */
      to?: string
    }
    body: undefined
    response: ListStripeSubscriptionsResponse
  }
  listPaymentTransactions: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /** Together with `subjectId`. */
      subjectType?: string
      /** Together with `subjectType`. */
      subjectId?: string
      customerId?: string
      status?: 'succeeded' | 'failed' | 'pending' | 'refunded' | 'partially_refunded'
      type?: 'one_time_payment' | 'subscription_invoice' | 'refund' | 'failed_payment'
      currency?: string
      amountFrom?: string
      amountTo?: string
      isDisputed?: 'true' | 'false'
      /** Any id of Stripe that the payment or the refund has. */
      objectId?: string
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
      /** Created at Stripe at this instant or later. */
      from?: string
      /** Created at Stripe before this instant. */
      to?: string
    }
    body: undefined
    response: ListPaymentTransactionsResponse
  }
  exportPaymentTransactions: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /** Together with `subjectId`. */
      subjectType?: string
      /** Together with `subjectType`. */
      subjectId?: string
      customerId?: string
      status?: 'succeeded' | 'failed' | 'pending' | 'refunded' | 'partially_refunded'
      type?: 'one_time_payment' | 'subscription_invoice' | 'refund' | 'failed_payment'
      currency?: string
      amountFrom?: string
      amountTo?: string
      isDisputed?: 'true' | 'false'
      /** Any id of Stripe that the payment or the refund has. */
      objectId?: string
      /** Created at Stripe at this instant or later. */
      from?: string
      /** Created at Stripe before this instant. */
      to?: string
    }
    body: undefined
    response: unknown
  }
  listPaymentCustomers: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /** Together with `subjectId`. */
      subjectType?: string
      /** Together with `subjectType`. */
      subjectId?: string
      customerId?: string
      email?: string
      /**
       * The beginning of an e-mail address, a customer id or the id of a billing subject; at most 100 of each.
       */
      search?: string
      /** Both if omitted. */
      status?: 'active' | 'deleted'
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
      /** Created at Stripe at this instant or later. */
      from?: string
      /** Created at Stripe before this instant. */
      to?: string
    }
    body: undefined
    response: ListPaymentCustomersResponse
  }
  listCustomerTimeline: {
    params: {
      environment: StripeEnvironment
      customerId: string
    }
    query: {
      kind?: 
        | 'payment'
        | 'refund'
        | 'subscription'
        | 'invoice'
        | 'credit_note'
        | 'checkout_session'
        | 'portal_session'
        | 'event'
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
    }
    body: undefined
    response: ListCustomerTimelineResponse
  }
  listCheckoutSessions: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /** Together with `subjectId`. */
      subjectType?: string
      /** Together with `subjectType`. */
      subjectId?: string
      customerId?: string
      checkoutSessionId?: string
      status?: 'initialized' | 'open' | 'completed' | 'expired' | 'failed'
      /** Whether the last attempt left an error. */
      hasFailed?: 'true' | 'false'
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
      /** Created at this instant or later. */
      from?: string
      /** Created before this instant. */
      to?: string
    }
    body: undefined
    response: ListCheckoutSessionsResponse
  }
  listPortalSessions: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /** Together with `subjectId`. */
      subjectType?: string
      /** Together with `subjectType`. */
      subjectId?: string
      customerId?: string
      status?: 'initialized' | 'created' | 'failed'
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
      /** Created at this instant or later. */
      from?: string
      /** Created before this instant. */
      to?: string
    }
    body: undefined
    response: ListPortalSessionsResponse
  }
  listStripeInvoices: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /** Together with `subjectId`. */
      subjectType?: string
      /** Together with `subjectType`. */
      subjectId?: string
      customerId?: string
      status?: string
      subscriptionId?: string
      number?: string
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
      /** Created at Stripe at this instant or later. */
      from?: string
      /** Created at Stripe before this instant. */
      to?: string
    }
    body: undefined
    response: ListStripeInvoicesResponse
  }
  listStripeCreditNotes: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /** Together with `subjectId`. */
      subjectType?: string
      /** Together with `subjectType`. */
      subjectId?: string
      customerId?: string
      status?: string
      invoiceId?: string
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
      /** Created at Stripe at this instant or later. */
      from?: string
      /** Created at Stripe before this instant. */
      to?: string
    }
    body: undefined
    response: ListStripeCreditNotesResponse
  }
  getPaymentCustomer: {
    params: {
      environment: StripeEnvironment
      customerId: string
    }
    query: undefined
    body: undefined
    response: GetPaymentCustomerResponse
  }
  getStripeSubscription: {
    params: {
      environment: StripeEnvironment
      subscriptionId: string
    }
    query: undefined
    body: undefined
    response: GetStripeSubscriptionResponse
  }
  getPaymentTransaction: {
    params: {
      environment: StripeEnvironment
      transactionId: string
    }
    query: undefined
    body: undefined
    response: GetPaymentTransactionResponse
  }
  getStripeInvoice: {
    params: {
      environment: StripeEnvironment
      invoiceId: string
    }
    query: undefined
    body: undefined
    response: GetStripeInvoiceResponse
  }
  assignSubject: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: AssignSubjectRequest
    response: AssignSubjectResponse
  }
  eraseSubject: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: EraseSubjectRequest
    response: EraseSubjectResponse
  }
  listWebhookEvents: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      status?: 'pending' | 'processed' | 'failed' | 'ignored'
      /** For example `invoice.paid`. */
      type?: string
      objectType?: string
      objectId?: string
      eventId?: string
      /** Whether it failed and is no longer retried automatically. */
      isDeadLettered?: 'true' | 'false'
      /** Received at this instant or later. */
      from?: string
      /** Received before this instant. */
      to?: string
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
    }
    body: undefined
    response: ListWebhookEventsResponse
  }
  countWebhookEvents: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      status?: 'pending' | 'processed' | 'failed' | 'ignored'
      /** For example `invoice.paid`. */
      type?: string
      objectType?: string
      objectId?: string
      eventId?: string
      /** Whether it failed and is no longer retried automatically. */
      isDeadLettered?: 'true' | 'false'
      /** Received at this instant or later. */
      from?: string
      /** Received before this instant. */
      to?: string
    }
    body: undefined
    response: CountWebhookEventsResponse
  }
  getWebhookEvent: {
    params: {
      environment: StripeEnvironment
      eventId: string
    }
    query: undefined
    body: undefined
    response: GetWebhookEventResponse
  }
  retryWebhookEvent: {
    params: {
      environment: StripeEnvironment
      eventId: string
    }
    query: undefined
    body: undefined
    response: RetryWebhookEventResponse
  }
  retryWebhookEvents: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: RetryWebhookEventsRequest
    response: RetryWebhookEventsResponse
  }
  listOffers: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      /** This offer only. */
      offerId?: string
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
    }
    body: undefined
    response: ListOffersResponse
  }
  putOffer: {
    params: {
      environment: StripeEnvironment
      offerId: string
    }
    query: undefined
    body: PutOfferRequest
    response: PutOfferResponse
  }
  deleteOffer: {
    params: {
      environment: StripeEnvironment
      offerId: string
    }
    query: undefined
    body: undefined
    response: DeleteOfferResponse
  }
  capturePayment: {
    params: {
      environment: StripeEnvironment
      paymentIntentId: string
    }
    query: undefined
    body: CapturePaymentRequest
    response: PaymentResponse
  }
  cancelPayment: {
    params: {
      environment: StripeEnvironment
      paymentIntentId: string
    }
    query: undefined
    body: {
    }
    response: PaymentResponse
  }
  syncStripe: {
    params: undefined
    query: undefined
    body: SyncRequest
    response: SyncStripeResponse
  }
  syncStripeEnvironment: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: SyncRequest
    response: SyncStripeResponse
  }
  listSyncRuns: {
    params: {
      environment: StripeEnvironment
    }
    query: {
      limit?: string
      /**
       * `nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.
       */
      cursor?: string
    }
    body: undefined
    response: ListSyncRunsResponse
  }
  startSyncRun: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: SyncRequest
    response: GetSyncRunResponse
  }
  getSyncRun: {
    params: {
      environment: StripeEnvironment
      syncRunId: string
    }
    query: undefined
    body: undefined
    response: GetSyncRunResponse
  }
  getRecoveryState: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: undefined
    response: GetRecoveryStateResponse
  }
  recoverWebhookEvents: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: RecoverRequest
    response: RecoverResponse
  }
  replayWebhookEvents: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: ReplayRequest
    response: ReplayResponse
  }
  rebuildProjections: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: undefined
    response: RebuildResponse
  }
  pruneWebhookEvents: {
    params: {
      environment: StripeEnvironment
    }
    query: undefined
    body: PruneRequest
    response: PruneResponse
  }
  runSchedule: {
    params: undefined
    query: undefined
    body: ScheduleRequest
    response: ScheduleResponse
  }
}
