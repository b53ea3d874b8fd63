/**
 * How each answer is made of a row: by field, the column and what becomes of its value. Generated from the schemas of the routes by
 * `npm run generate`. Do not edit.
 */
import type * as api from '../../types/api.ts'
import type { Fields } from './shape.ts'

export type Answers = {
  CheckoutSession: api.CheckoutSession
  CustomerPortalSession: api.CustomerPortalSession
  StripeWebhookEvent: api.StripeWebhookEvent
  DashboardSession: api.DashboardSession
  EncryptionState: api.EncryptionState
  StoredSecretState: api.StoredSecretState
  AccessState: api.AccessState
  DatabaseState: api.DatabaseState
  AppliedMigration: api.AppliedMigration
  RoleState: api.RoleState
  TableGrant: api.TableGrant
  StripeConnection: api.StripeConnection
  WebhookDrift: api.WebhookDrift
  StripeKeyConfig: api.StripeKeyConfig
  SyncRun: api.SyncRun
  SyncProgress: api.SyncProgress
  SyncDrift: api.SyncDrift
  HealthReason: api.HealthReason
  EventHealth: api.EventHealth
  EventFailure: api.EventFailure
  EnvironmentOverview: api.EnvironmentOverview
  SetupState: api.SetupState
  SetupStep: api.SetupStep
  RowCount: api.RowCount
  FailedPayments: api.FailedPayments
  EventBacklog: api.EventBacklog
  RevenueOfDay: api.RevenueOfDay
  RecurringRevenue: api.RecurringRevenue
  SubscriptionsOfStatus: api.SubscriptionsOfStatus
  RecurringRevenueOfCurrency: api.RecurringRevenueOfCurrency
  SearchResult: api.SearchResult
  StripeProduct: api.StripeProduct
  StripePrice: api.StripePrice
  StripeSubscription: api.StripeSubscription
  StripeSubscriptionItem: api.StripeSubscriptionItem
  PaymentTransaction: api.PaymentTransaction
  PaymentCustomer: api.PaymentCustomer
  CustomerTimelineEntry: api.CustomerTimelineEntry
  CheckoutSessionRecord: api.CheckoutSessionRecord
  CheckoutSessionLine: api.CheckoutSessionLine
  PortalSessionRecord: api.PortalSessionRecord
  CustomerSubject: api.CustomerSubject
  StripeLedgerEvent: api.StripeLedgerEvent
  PaymentObject: api.PaymentObject
  RetriedEvent: api.RetriedEvent
  SyncResult: api.SyncResult
  SyncedSubscriptions: api.SyncedSubscriptions
  RecoveryResult: api.RecoveryResult
  ReplayedEvent: api.ReplayedEvent
}

export const ANSWERS: { readonly [Name in keyof Answers]: Fields } = {
  CheckoutSession: {
    id: ['id', 'value'],
    environment: ['environment', 'value'],
    mode: ['mode', 'value'],
    status: ['status', 'value'],
    paymentStatus: ['payment_status', 'value'],
    subjectType: ['subject_type', 'value'],
    subjectId: ['subject_id', 'value'],
    customerEmail: ['customer_email', 'value'],
    checkoutSessionId: ['checkout_session_id', 'value'],
    customerId: ['customer_id', 'value'],
    paymentIntentId: ['payment_intent_id', 'value'],
    subscriptionId: ['subscription_id', 'value'],
    url: ['url', 'value'],
    lastError: ['last_error', 'redacted'],
    createdAt: ['created_at', 'instant'],
    updatedAt: ['updated_at', 'instant'],
  },
  CustomerPortalSession: {
    id: ['id', 'value'],
    environment: ['environment', 'value'],
    status: ['status', 'value'],
    subjectType: ['subject_type', 'value'],
    subjectId: ['subject_id', 'value'],
    customerId: ['customer_id', 'value'],
    returnUrl: ['return_url', 'value'],
    configuration: ['configuration', 'value'],
    url: ['url', 'value'],
    lastError: ['last_error', 'redacted'],
    createdAt: ['created_at', 'instant'],
    updatedAt: ['updated_at', 'instant'],
  },
  StripeWebhookEvent: {
    environment: ['environment', 'value'],
    eventId: ['event_id', 'value'],
    eventType: ['event_type', 'value'],
    livemode: ['livemode', 'value'],
    accountId: ['account_id', 'value'],
    objectType: ['object_type', 'value'],
    objectId: ['object_id', 'value'],
    processingStatus: ['processing_status', 'value'],
    attemptCount: ['attempt_count', 'count'],
    lastError: ['last_error', 'redacted'],
    receivedAt: ['received_at', 'instant'],
    processedAt: ['processed_at', 'instant'],
    createdAt: ['created_at', 'instant'],
    updatedAt: ['updated_at', 'instant'],
  },
  DashboardSession: {
    role: ['role', 'value'],
    expiresAt: ['expires_at', 'instant'],
    csrfToken: ['csrf_token', 'value'],
    signedInWith: ['signed_in_with', 'value'],
  },
  EncryptionState: {
    isConfigured: ['is_configured', 'value'],
    keyId: ['key_id', 'value'],
    previousKeyId: ['previous_key_id', 'value'],
    secrets: ['secrets', { list: 'StoredSecretState' }],
  },
  StoredSecretState: {
    environment: ['environment', 'value'],
    kind: ['kind', 'value'],
    maskedKey: ['masked_key', 'value'],
    endpointId: ['endpoint_id', 'value'],
    keyId: ['key_id', 'value'],
    createdAt: ['created_at', 'instant'],
    expiresAt: ['expires_at', 'instant'],
  },
  AccessState: {
    adminKey: ['admin_key', 'value'],
    readKey: ['read_key', 'value'],
    anonKey: ['anon_key', 'value'],
    jwtSecret: ['jwt_secret', 'value'],
    metricsToken: ['metrics_token', 'value'],
    jwksUrl: ['jwks_url', 'value'],
    issuers: ['issuers', 'value'],
    audiences: ['audiences', 'value'],
    adminRoles: ['admin_roles', 'value'],
  },
  DatabaseState: {
    postgresVersion: ['postgres_version', 'value'],
    migrations: ['migrations', { list: 'AppliedMigration' }],
    roles: ['roles', { list: 'RoleState' }],
    grants: ['grants', { list: 'TableGrant' }],
  },
  AppliedMigration: {
    name: ['name', 'value'],
    appliedAt: ['applied_at', 'instant'],
  },
  RoleState: {
    role: ['role', 'value'],
    exists: ['exists', 'value'],
    isGranted: ['is_granted', 'value'],
  },
  TableGrant: {
    role: ['role', 'value'],
    object: ['object', 'value'],
    privileges: ['privileges', 'value'],
  },
  StripeConnection: {
    environment: ['environment', 'value'],
    status: ['status', 'value'],
    accountId: ['account_id', 'value'],
    accountEmail: ['account_email', 'value'],
    accountLivemode: ['account_livemode', 'value'],
    webhookEndpointId: ['webhook_endpoint_id', 'value'],
    webhookEndpointUrl: ['webhook_endpoint_url', 'value'],
    webhookConfiguredAt: ['webhook_configured_at', 'instant'],
    maskedKey: ['masked_key', 'value'],
    lastSyncedAt: ['last_synced_at', 'instant'],
    lastSyncStatus: ['last_sync_status', 'value'],
    lastSyncError: ['last_sync_error', 'redacted'],
    lastSyncCounts: ['last_sync_counts', 'numbers'],
  },
  WebhookDrift: {
    problem: ['problem', 'value'],
    message: ['message', 'value'],
  },
  StripeKeyConfig: {
    environment: ['environment', 'value'],
    hasKey: ['has_key', 'value'],
    maskedKey: ['masked_key', 'value'],
    value: ['value', 'value'],
  },
  SyncRun: {
    id: ['id', 'value'],
    environment: ['environment', 'value'],
    status: ['status', 'value'],
    kinds: ['kinds', 'value'],
    createdFrom: ['created_from', 'instant'],
    createdBefore: ['created_before', 'instant'],
    progress: ['progress', { byKey: 'SyncProgress' }],
    drift: ['drift', { byKey: 'SyncDrift' }],
    error: ['error', 'redacted'],
    attempt: ['attempt', 'count'],
    startedAt: ['started_at', 'instant'],
    heartbeatAt: ['heartbeat_at', 'instant'],
    finishedAt: ['finished_at', 'instant'],
  },
  SyncProgress: {
    state: ['state', 'value'],
    seen: ['seen', 'count'],
    added: ['added', 'count'],
    changed: ['changed', 'count'],
    newer: ['newer', 'count'],
    deleted: ['deleted', 'count'],
    failed: ['failed', 'count'],
  },
  SyncDrift: {
    rows: ['rows', 'count'],
    missing: ['missing', 'count'],
    deleted: ['deleted', 'count'],
    fields: ['fields', 'numbers'],
  },
  HealthReason: {
    code: ['code', 'value'],
    severity: ['severity', 'value'],
    message: ['message', 'redacted'],
    nextAction: ['next_action', 'value'],
    command: ['command', 'value'],
  },
  EventHealth: {
    backlog: ['backlog', 'count'],
    deadLettered: ['dead_lettered', 'count'],
    oldestFailedAt: ['oldest_failed_at', 'instant'],
    failures: ['failures', { list: 'EventFailure' }],
    lastHour: ['last_hour', 'count'],
    lastReceivedAt: ['last_received_at', 'instant'],
    medianLag: ['median_lag', 'number'],
    greatestLag: ['greatest_lag', 'number'],
  },
  EventFailure: {
    eventType: ['event_type', 'value'],
    error: ['error', 'redacted'],
    count: ['count', 'count'],
  },
  EnvironmentOverview: {
    environment: ['environment', 'value'],
    asOf: ['as_of', 'instant'],
    setup: ['setup', { one: 'SetupState' }],
    counts: ['counts', { byKey: 'RowCount' }],
    failedPayments: ['failed_payments', { one: 'FailedPayments' }],
    backlog: ['backlog', { one: 'EventBacklog' }],
  },
  SetupState: {
    isDone: ['is_done', 'value'],
    steps: ['steps', { list: 'SetupStep' }],
  },
  SetupStep: {
    step: ['step', 'value'],
    isDone: ['is_done', 'value'],
    message: ['message', 'value'],
    nextAction: ['next_action', 'value'],
  },
  RowCount: {
    count: ['count', 'count'],
    isExact: ['is_exact', 'value'],
  },
  FailedPayments: {
    lastDay: ['last_day', 'count'],
    lastWeek: ['last_week', 'count'],
    lastMonth: ['last_month', 'count'],
    isExact: ['is_exact', 'value'],
  },
  EventBacklog: {
    failed: ['failed', 'count'],
    deadLettered: ['dead_lettered', 'count'],
    oldestFailedAt: ['oldest_failed_at', 'instant'],
  },
  RevenueOfDay: {
    day: ['day', 'value'],
    currency: ['currency', 'value'],
    revenue: ['revenue', 'count'],
    payments: ['payments', 'count'],
    refunds: ['refunds', 'count'],
    refundCount: ['refund_count', 'count'],
    disputed: ['disputed', 'count'],
    failed: ['failed', 'count'],
  },
  RecurringRevenue: {
    environment: ['environment', 'value'],
    asOf: ['as_of', 'instant'],
    openStatuses: ['open_statuses', 'value'],
    paidStatuses: ['paid_statuses', 'value'],
    openSubscriptions: ['open_subscriptions', 'count'],
    statuses: ['statuses', { list: 'SubscriptionsOfStatus' }],
    currencies: ['currencies', { list: 'RecurringRevenueOfCurrency' }],
  },
  SubscriptionsOfStatus: {
    status: ['status', 'value'],
    count: ['count', 'count'],
  },
  RecurringRevenueOfCurrency: {
    currency: ['currency', 'value'],
    mrr: ['mrr', 'count'],
    subscriptions: ['subscriptions', 'count'],
    subscriptionsWithoutAmount: ['subscriptions_without_amount', 'count'],
  },
  SearchResult: {
    kind: ['kind', 'value'],
    id: ['id', 'value'],
    title: ['title', 'value'],
    subtitle: ['subtitle', 'value'],
    customerId: ['customer_id', 'value'],
  },
  StripeProduct: {
    environment: ['environment', 'value'],
    productId: ['product_id', 'value'],
    name: ['name', 'value'],
    description: ['description', 'value'],
    active: ['active', 'value'],
    defaultPriceId: ['default_price_id', 'value'],
    metadata: ['metadata', 'strings'],
    revision: ['revision', 'value'],
    syncedAt: ['synced_at', 'instant'],
  },
  StripePrice: {
    environment: ['environment', 'value'],
    priceId: ['price_id', 'value'],
    productId: ['product_id', 'value'],
    active: ['active', 'value'],
    currency: ['currency', 'value'],
    unitAmount: ['unit_amount', 'number'],
    unitAmountDecimal: ['unit_amount_decimal', 'value'],
    type: ['type', 'value'],
    lookupKey: ['lookup_key', 'value'],
    billingScheme: ['billing_scheme', 'value'],
    taxBehavior: ['tax_behavior', 'value'],
    recurringInterval: ['recurring_interval', 'value'],
    recurringIntervalCount: ['recurring_interval_count', 'number'],
    recurringUsageType: ['recurring_usage_type', 'value'],
    metadata: ['metadata', 'strings'],
    revision: ['revision', 'value'],
    syncedAt: ['synced_at', 'instant'],
  },
  StripeSubscription: {
    environment: ['environment', 'value'],
    subscriptionId: ['subscription_id', 'value'],
    customerId: ['customer_id', 'value'],
    subjectType: ['subject_type', 'value'],
    subjectId: ['subject_id', 'value'],
    status: ['status', 'value'],
    currentPeriodStart: ['current_period_start', 'instant'],
    currentPeriodEnd: ['current_period_end', 'instant'],
    cancelAtPeriodEnd: ['cancel_at_period_end', 'value'],
    cancelAt: ['cancel_at', 'instant'],
    canceledAt: ['canceled_at', 'instant'],
    trialStart: ['trial_start', 'instant'],
    trialEnd: ['trial_end', 'instant'],
    latestInvoiceId: ['latest_invoice_id', 'value'],
    pauseCollectionBehavior: ['pause_collection_behavior', 'value'],
    pauseCollectionResumesAt: ['pause_collection_resumes_at', 'instant'],
    metadata: ['metadata', 'strings'],
    syncedAt: ['synced_at', 'instant'],
    createdAt: ['created_at', 'instant'],
    updatedAt: ['updated_at', 'instant'],
    items: ['items', { list: 'StripeSubscriptionItem' }],
    access: ['access', 'value'],
    accessReason: ['access_reason', 'value'],
  },
  StripeSubscriptionItem: {
    environment: ['environment', 'value'],
    subscriptionItemId: ['subscription_item_id', 'value'],
    subscriptionId: ['subscription_id', 'value'],
    productId: ['product_id', 'value'],
    priceId: ['price_id', 'value'],
    quantity: ['quantity', 'number'],
    currentPeriodStart: ['current_period_start', 'instant'],
    currentPeriodEnd: ['current_period_end', 'instant'],
    metadata: ['metadata', 'strings'],
    createdAt: ['created_at', 'instant'],
    updatedAt: ['updated_at', 'instant'],
  },
  PaymentTransaction: {
    id: ['id', 'value'],
    environment: ['environment', 'value'],
    provider: ['provider', 'value'],
    type: ['type', 'value'],
    status: ['status', 'value'],
    subjectType: ['subject_type', 'value'],
    subjectId: ['subject_id', 'value'],
    providerCustomerId: ['provider_customer_id', 'value'],
    customerEmailSnapshot: ['customer_email_snapshot', 'value'],
    providerReferenceId: ['provider_reference_id', 'value'],
    providerReferenceType: ['provider_reference_type', 'value'],
    amount: ['amount', 'number'],
    amountRefunded: ['amount_refunded', 'number'],
    amountDisputed: ['amount_disputed', 'count'],
    disputeStatus: ['dispute_status', 'value'],
    disputedAt: ['disputed_at', 'instant'],
    disputeAmount: ['dispute_amount', 'number'],
    currency: ['currency', 'value'],
    description: ['description', 'value'],
    paidAt: ['paid_at', 'instant'],
    failedAt: ['failed_at', 'instant'],
    refundedAt: ['refunded_at', 'instant'],
    providerCreatedAt: ['provider_created_at', 'instant'],
    createdAt: ['created_at', 'instant'],
    updatedAt: ['updated_at', 'instant'],
    relatedObjectIds: ['related_object_ids', 'strings'],
  },
  PaymentCustomer: {
    environment: ['environment', 'value'],
    provider: ['provider', 'value'],
    providerCustomerId: ['provider_customer_id', 'value'],
    email: ['email', 'value'],
    name: ['name', 'value'],
    phone: ['phone', 'value'],
    deleted: ['deleted', 'value'],
    metadata: ['metadata', 'strings'],
    providerCreatedAt: ['provider_created_at', 'instant'],
    syncedAt: ['synced_at', 'instant'],
    paymentsCount: ['payments_count', 'count'],
    lastPaymentAt: ['last_payment_at', 'instant'],
    totalSpend: ['total_spend', 'number'],
    totalSpendCurrency: ['total_spend_currency', 'value'],
    paymentMethodBrand: ['payment_method_brand', 'value'],
    paymentMethodLast4: ['payment_method_last4', 'value'],
    countryCode: ['country_code', 'value'],
  },
  CustomerTimelineEntry: {
    id: ['id', 'value'],
    kind: ['kind', 'value'],
    happenedAt: ['happened_at', 'instant'],
    objectId: ['object_id', 'value'],
    title: ['title', 'value'],
    status: ['status', 'value'],
    amount: ['amount', 'number'],
    currency: ['currency', 'value'],
    error: ['error', 'redacted'],
  },
  CheckoutSessionRecord: {
    id: ['id', 'value'],
    environment: ['environment', 'value'],
    mode: ['mode', 'value'],
    status: ['status', 'value'],
    paymentStatus: ['payment_status', 'value'],
    subjectType: ['subject_type', 'value'],
    subjectId: ['subject_id', 'value'],
    customerEmail: ['customer_email', 'value'],
    checkoutSessionId: ['checkout_session_id', 'value'],
    customerId: ['customer_id', 'value'],
    paymentIntentId: ['payment_intent_id', 'value'],
    subscriptionId: ['subscription_id', 'value'],
    lineItems: ['line_items', { list: 'CheckoutSessionLine' }],
    successUrl: ['success_url', 'value'],
    cancelUrl: ['cancel_url', 'value'],
    metadata: ['metadata', 'strings'],
    lastError: ['last_error', 'redacted'],
    attempt: ['attempt', 'count'],
    expiresAt: ['expires_at', 'instant'],
    createdAt: ['created_at', 'instant'],
    updatedAt: ['updated_at', 'instant'],
  },
  CheckoutSessionLine: {
    priceId: ['price_id', 'value'],
    quantity: ['quantity', 'number'],
  },
  PortalSessionRecord: {
    id: ['id', 'value'],
    environment: ['environment', 'value'],
    status: ['status', 'value'],
    subjectType: ['subject_type', 'value'],
    subjectId: ['subject_id', 'value'],
    customerId: ['customer_id', 'value'],
    returnUrl: ['return_url', 'value'],
    configuration: ['configuration', 'value'],
    lastError: ['last_error', 'redacted'],
    createdAt: ['created_at', 'instant'],
    updatedAt: ['updated_at', 'instant'],
  },
  CustomerSubject: {
    subjectType: ['subject_type', 'value'],
    subjectId: ['subject_id', 'value'],
    isMapped: ['is_mapped', 'value'],
    namedAt: ['named_at', 'instant'],
    namedBy: ['named_by', 'value'],
  },
  StripeLedgerEvent: {
    environment: ['environment', 'value'],
    eventId: ['event_id', 'value'],
    eventType: ['event_type', 'value'],
    livemode: ['livemode', 'value'],
    accountId: ['account_id', 'value'],
    objectType: ['object_type', 'value'],
    objectId: ['object_id', 'value'],
    processingStatus: ['processing_status', 'value'],
    attemptCount: ['attempt_count', 'count'],
    lastError: ['last_error', 'redacted'],
    receivedAt: ['received_at', 'instant'],
    processedAt: ['processed_at', 'instant'],
    createdAt: ['created_at', 'instant'],
    updatedAt: ['updated_at', 'instant'],
    providerCreatedAt: ['provider_created_at', 'instant'],
    nextAttemptAt: ['next_attempt_at', 'instant'],
    isDeadLettered: ['is_dead_lettered', 'value'],
  },
  PaymentObject: {
    objectType: ['object_type', 'value'],
    objectId: ['object_id', 'value'],
    status: ['status', 'value'],
    state: ['state', 'value'],
    amount: ['amount', 'number'],
    amountRefunded: ['amount_refunded', 'number'],
    currency: ['currency', 'value'],
    providerCreatedAt: ['provider_created_at', 'instant'],
  },
  RetriedEvent: {
    eventId: ['event_id', 'value'],
    processingStatus: ['processing_status', 'value'],
    lastError: ['last_error', 'redacted'],
  },
  SyncResult: {
    environment: ['environment', 'value'],
    connection: ['connection', { one: 'StripeConnection' }],
    subscriptions: ['subscriptions', { one: 'SyncedSubscriptions' }],
    run: ['run', { one: 'SyncRun' }],
  },
  SyncedSubscriptions: {
    environment: ['environment', 'value'],
    synced: ['synced', 'count'],
    unmapped: ['unmapped', 'count'],
    deleted: ['deleted', 'count'],
  },
  RecoveryResult: {
    environment: ['environment', 'value'],
    from: ['from', 'instant'],
    until: ['until', 'instant'],
    listed: ['listed', 'count'],
    recovered: ['recovered', 'count'],
    processed: ['processed', 'count'],
    ignored: ['ignored', 'count'],
    failed: ['failed', 'count'],
    gap: ['gap', 'value'],
  },
  ReplayedEvent: {
    eventId: ['event_id', 'value'],
    processingStatus: ['processing_status', 'value'],
    lastError: ['last_error', 'redacted'],
  },
}
