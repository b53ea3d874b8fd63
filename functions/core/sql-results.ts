/**
 * What the SQL functions take and return as JSON, where the database's own types say no more than `jsonb` or `text`.
 */
import type { Selectable } from 'kysely'
import type {
  CheckoutSession,
  CustomerPortalSession,
  StripeConnection,
  StripeEnvironment,
  StripeWebhookEvent,
  SyncDrift,
  SyncKind,
  SyncProgress,
  SyncRun,
  WebhookDrift,
} from '../../types/api.ts'
import type {
  PaymentsProviderConnections,
  PaymentsStripeCheckoutSessions,
  PaymentsStripeCustomerPortalSessions,
  PaymentsSyncRuns,
  PaymentsWebhookEvents,
} from '../../types/database.ts'
import type {
  CheckoutSessionParams,
  ListParams,
  PortalSessionParams,
  StripeObject,
  StripeObjectRef,
  WebhookEndpointParams,
} from '../../types/stripe.ts'

/** Arguments that are more than their SQL type says, by name. A text for a `jsonb` argument is JSON already. */
export type ArgumentTypes = {
  environment: StripeEnvironment
  caller: Caller
  line_items: { priceId: string; quantity: number }[]
  metadata: Record<string, string>
  /** The body of one event as it came, so that the ledger holds what Stripe signed. */
  payload: string
  /** The text of a list of bodies. */
  payloads: string
  objects: StripeObject[]
  asked: StripeObjectRef[]
  seen: StripeObjectRef
  kind: SyncKind
  kinds: SyncKind[]
  event_ids: string[]
  session_ids: string[]
  facts: HealthFacts
  secrets: { id: string; key_id: string; ciphertext: string }[]
}

/** Results of the functions of the same name, of one row or of the whole set. */
export type Results = {
  beginCheckoutSession: CheckoutDecision
  beginGuestCheckoutSession: CheckoutDecision
  completeCheckoutSession: CheckoutSessionRow
  retryCheckoutSession: CheckoutDecision | null
  failCheckoutSession: CheckoutSessionRow
  beginCustomerPortalSession: CustomerPortalDecision
  completeCustomerPortalSession: CustomerPortalSessionRow
  retryCustomerPortalSession: CustomerPortalDecision | null
  failCustomerPortalSession: CustomerPortalSessionRow
  ingestWebhookEvent: WebhookOutcome
  ingestWebhookEvents: (WebhookOutcome | RefusedEvent)[]
  knownObjects: StripeObjectRef[]
  sessionsWithoutItems: string[]
  unknownPrices: StripeObjectRef[]
  beginSync: SyncStep
  recordSyncPage: SyncStep
  completeSync: SyncStep
  failSync: SyncRunRow
  dueSyncKinds: SyncKind[]
  beginRecovery: RecoveryStart
  completeRecovery: ConnectionRow | undefined
  recoverableEventTypes: string[]
  retryWebhookEvents: (Attempt & { environment: StripeEnvironment; provider_event_id: string })[]
  replayWebhookEvents: (Attempt & { replayed_event_id: string })[]
  rebuildProjections: { events: number; pruned: number; complete_since: string | null }
  connectAccount: ConnectedAccount
  disconnectAccount: {
    connection: ConnectionRow
    endpoint_id: string | null
    remaining: Record<string, number>
  }
  beginWebhookEndpoint: WebhookEndpointDecision
  completeWebhookEndpoint: ConnectionRow
  webhookEndpointDrift: WebhookDrift[]
  environmentHealth: HealthVerdict
  allSecrets: (StoredSecret & { id: string; environment: StripeEnvironment })[]
  readSecrets: StoredSecret[]
}

/** The verified claims of the caller; a request without a token is `{ role: 'anon' }`. */
export type Caller = { role: 'anon' | 'authenticated'; [claim: string]: unknown }

/** A row as JSON: instants are strings. */
type JsonRow<Table> = {
  [Column in keyof Selectable<Table>]: Selectable<Table>[Column] extends Date
    ? string
    : Selectable<Table>[Column] extends Date | null
      ? string | null
      : Selectable<Table>[Column]
}

/** A row whose checked columns have the values that their checks allow. */
type Narrowed<Row, Values extends { [Column in keyof Row]?: unknown }> = Omit<Row, keyof Values> & Values

/** A row of `payments.stripe_checkout_sessions`, without Stripe's object. */
export type CheckoutSessionRow = Narrowed<
  Omit<JsonRow<PaymentsStripeCheckoutSessions>, 'raw'>,
  {
    environment: StripeEnvironment
    mode: CheckoutSession['mode']
    status: CheckoutSession['status']
    payment_status: CheckoutSession['paymentStatus']
  }
>

/** A row of `payments.stripe_customer_portal_sessions`, without Stripe's object. */
export type CustomerPortalSessionRow = Narrowed<
  Omit<JsonRow<PaymentsStripeCustomerPortalSessions>, 'raw'>,
  { environment: StripeEnvironment; status: CustomerPortalSession['status'] }
>

/** A row of `payments.webhook_events`, without its payload. */
export type WebhookEventRow = Narrowed<
  Omit<JsonRow<PaymentsWebhookEvents>, 'payload'>,
  { environment: StripeEnvironment; processing_status: StripeWebhookEvent['processingStatus'] }
>

/** A row of `payments.provider_connections`, without the account as Stripe described it. */
export type ConnectionRow = Narrowed<
  Omit<JsonRow<PaymentsProviderConnections>, 'raw'>,
  { environment: StripeEnvironment; status: StripeConnection['status'] }
>

/** A row of `payments.sync_runs`. */
export type SyncRunRow = Narrowed<
  Omit<JsonRow<PaymentsSyncRuns>, 'lease'>,
  {
    environment: StripeEnvironment
    status: SyncRun['status']
    kinds: SyncKind[]
    progress: Record<string, Partial<SyncProgress>>
    drift: Record<string, Partial<SyncDrift>>
  }
>

export type CheckoutDecision = {
  /**
   * - `return`: the session is ready
   * - `send`: create it at Stripe with `params`
   * - `fetch`: retrieve Stripe's session, project it, and begin again
   */
  action: 'send' | 'return' | 'fetch'
  session: CheckoutSessionRow
  attempt: number
  idempotency_key: string
  params: CheckoutSessionParams
  /** Stripe's id of the session; null until Stripe has created it. */
  checkout_session_id: string | null
}

export type CustomerPortalDecision = {
  session: CustomerPortalSessionRow
  params: PortalSessionParams
  idempotency_key: string
}

export type WebhookOutcome = {
  status: 'processed' | 'ignored' | 'duplicate' | 'failed'
  event: WebhookEventRow
  /** Objects whose state the events leave undecided: retrieve them and pass them to `projectStripeObjects`. */
  fetch: StripeObjectRef[]
}

/** An event of a batch that does not belong to this environment. */
export type RefusedEvent = { status: 'refused'; error: string; code: string }

/** The outcome of one more attempt at an event. */
type Attempt = { processing_status: string; last_error: string | null }

export type StoredSecret = { kind: 'secret_key' | 'webhook_secret'; key_id: string; ciphertext: string }

export type ConnectedAccount = {
  connection: ConnectionRow
  previous_account_id: string | null
  /** Rows deleted of the previous account, by table; null when the account is the same, or the first. */
  deleted: Record<string, number> | null
}

export type WebhookEndpointDecision =
  | {
      /** List the endpoints at Stripe, and begin again with them and with this key as `since`. */
      action: 'list'
      idempotency_key: string
    }
  | WebhookEndpointChange

export type WebhookEndpointChange = {
  /**
   * - `reuse`: the endpoint is already correct
   * - `mend`: update it with `params`
   * - `create`: create one with `params`
   */
  action: 'reuse' | 'mend' | 'create'
  /** The endpoint to keep, as Stripe described it; null for `create`. */
  endpoint: (StripeObject & { id: string; url: string }) | null
  params: WebhookEndpointParams
  idempotency_key: string
  /** The event types that a new endpoint subscribes to. */
  events: string[]
  /** Endpoints of this deployment to disable at the end. */
  retire: string[]
  /** Disabled endpoints of this deployment to delete first, because the account has room for no other. */
  remove: string[]
  /** Enabled endpoints that this database knows and that deliver to another address: they are left alone. */
  elsewhere: { id: string; url: string }[]
}

/** What only the handlers know about an environment; a problem is a sentence. */
export type HealthFacts = {
  has_key: boolean
  key_problem: string | null
  stripe_problem: string | null
  has_signing_secret: boolean
  secret_problem: string | null
  public_url: boolean
  drift: WebhookDrift[] | null
  /** Settings of the database that break payments. */
  settings?: SettingProblem[] | null
  address_problem?: AddressProblem | null
  /** Stripe's newest events that should have arrived by now; `created` is in seconds. */
  listed_events?: { id: string; type: string; created: number }[] | null
}

/** A setting of the database under which payments fail. */
export type SettingProblem = { code: string; message: string; next_action: string }

/** Why Stripe's deliveries to an address cannot reach the handlers. */
export type AddressProblem = { kind: 'unreachable' | 'wrong'; message: string; next_action: string }

export type HealthVerdict = {
  status: 'ok' | 'degraded' | 'failing'
  reasons: {
    code: string
    severity: 'degraded' | 'failing'
    message: string
    next_action: string
    command: string | null
  }[]
  events: {
    backlog: number
    dead_lettered: number
    oldest_failed_at: string | null
    failures: { event_type: string; error: string | null; count: number }[]
    events_last_hour: number
    last_received_at: string | null
    median_lag: number | null
    greatest_lag: number | null
  }
  connection: ConnectionRow | null
}

/** One step of a sync. */
export type SyncStep = {
  run: SyncRunRow & { lease: string }
  /** What to list from Stripe now; null when every kind is listed. */
  next: { kind: SyncKind; params: ListParams; without_cursor: ListParams | null } | null
}

/** The instant from which to read Stripe's events, and the period whose events Stripe no longer has. */
export type RecoveryStart = { from: string; gap: { from: string; before: string } | null }
