/**
 * What the SQL functions take and return as JSON, where the database's own types say no more than `jsonb` or `text`.
 */
import type { Selectable } from 'kysely'
import type * as api from '../../types/api.ts'
import type * as tables from '../../types/database.ts'
import type * as stripe from '../../types/stripe.ts'
import type { Columns } from './present.ts'

/** Arguments that are more than their SQL type says, by name. A text for a `jsonb` argument is JSON already. */
export type ArgumentTypes = {
  environment: api.StripeEnvironment
  caller: Caller
  line_items: api.CheckoutLineItem[]
  metadata: Record<string, string>
  /** The body of one event as it came, so that the ledger holds what Stripe signed. */
  payload: string
  /** The text of a list of bodies. */
  payloads: string
  objects: stripe.StripeObject[]
  asked: stripe.StripeObjectRef[]
  seen: stripe.StripeObjectRef
  kind: api.SyncKind
  kinds: api.SyncKind[]
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
  findCheckoutSession: FoundCheckoutSession
  beginConfirmation: Confirmation
  beginCustomerPortalSession: CustomerPortalDecision
  completeCustomerPortalSession: CustomerPortalSessionRow
  retryCustomerPortalSession: CustomerPortalDecision | null
  failCustomerPortalSession: CustomerPortalSessionRow
  putOffer: Selectable<tables.PaymentsOffers>
  deleteOffer: Selectable<tables.PaymentsOffers> | undefined
  ingestWebhookEvent: WebhookOutcome
  /** An event of a batch that does not belong to this environment is refused. */
  ingestWebhookEvents: (WebhookOutcome | { status: 'refused'; error: string; code: string })[]
  knownObjects: stripe.StripeObjectRef[]
  sessionsWithoutItems: string[]
  unknownPrices: stripe.StripeObjectRef[]
  beginSync: SyncStep
  recordSyncPage: SyncStep
  completeSync: SyncStep
  failSync: SyncRunRow
  dueSyncKinds: api.SyncKind[]
  beginRecovery: RecoveryStart
  completeRecovery: ConnectionRow | undefined
  recoverableEventTypes: string[]
  retryWebhookEvents: (Attempt & { environment: api.StripeEnvironment; provider_event_id: string })[]
  replayWebhookEvents: (Attempt & { replayed_event_id: string })[]
  rebuildProjections: Columns<api.RebuildResponse>
  assignSubject: Columns<api.AssignSubjectResponse['assignment']>
  eraseSubject: Columns<api.EraseSubjectResponse['erasure']>
  connectAccount: ConnectedAccount
  disconnectAccount: {
    connection: ConnectionRow
    endpoint_id: string | null
    remaining: Record<string, number>
  }
  beginWebhookEndpoint: WebhookEndpointDecision
  completeWebhookEndpoint: ConnectionRow
  webhookEndpointDrift: api.WebhookDrift[]
  environmentHealth: HealthVerdict
  allSecrets: (StoredSecret & { id: string; environment: api.StripeEnvironment })[]
  readSecrets: StoredSecret[]
}

/**
 * The verified claims of the caller. A request without a token is `{ role: 'anon' }`, and a backend with the admin key
 * is `{ role: 'service' }`, which no token can be.
 */
export type Caller = { role: 'anon' | 'authenticated' | 'service'; [claim: string]: unknown }

type InJson<Value> = Value extends Date ? string : Value

/**
 * A row as JSON: instants are strings, and a column that an answer shows has the values of the answer. The payloads of
 * Stripe and the lease of a sync are left out.
 */
type JsonRow<Table, Answer> = {
  [Column in Exclude<
    keyof Selectable<Table>,
    'raw' | 'payload' | 'lease'
  >]: Column extends keyof Columns<Answer> ? Columns<Answer>[Column] : InJson<Selectable<Table>[Column]>
}

export type CheckoutSessionRow = JsonRow<tables.PaymentsStripeCheckoutSessions, api.CheckoutSession>
export type CustomerPortalSessionRow = JsonRow<
  tables.PaymentsStripeCustomerPortalSessions,
  api.CustomerPortalSession
>
export type WebhookEventRow = JsonRow<tables.PaymentsWebhookEvents, api.StripeWebhookEvent>
export type ConnectionRow = JsonRow<tables.PaymentsProviderConnections, api.StripeConnection>
export type SyncRunRow = JsonRow<tables.PaymentsSyncRuns, PartialRun>
/** What is counted so far: a kind that has not begun has no progress. */
type PartialRun = Omit<api.SyncRun, 'progress' | 'drift'> & {
  progress: Record<string, Partial<api.SyncProgress>>
  drift: Record<string, Partial<api.SyncDrift>>
}

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
  params: stripe.CheckoutSessionParams
  /** Stripe's id of the session; null until Stripe has created it. */
  checkout_session_id: string | null
  /**
   * Open sessions of Stripe whose place this one takes: they are expired first. Not said of one that is tried again.
   */
  expire?: string[]
}

export type FoundCheckoutSession = { session: CheckoutSessionRow; fulfilled: boolean }

export type Confirmation = FoundCheckoutSession & {
  /**
   * - `return`: fulfilment has run, or Stripe has nothing to tell
   * - `ask`: ingest the events of the session that Stripe lists, then find it again
   */
  action: 'return' | 'ask'
  checkout_session_id: string | null
}

export type CustomerPortalDecision = {
  session: CustomerPortalSessionRow
  params: stripe.PortalSessionParams
  idempotency_key: string
}

export type WebhookOutcome = {
  status: 'processed' | 'ignored' | 'duplicate' | 'failed'
  event: WebhookEventRow
  /** Objects whose state the events leave undecided: retrieve them and pass them to `projectStripeObjects`. */
  fetch: stripe.StripeObjectRef[]
}

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
  endpoint: (stripe.StripeObject & { id: string; url: string }) | null
  params: stripe.WebhookEndpointParams
  idempotency_key: string
  /** The event types that a new endpoint subscribes to. */
  events: string[]
  /** Endpoints of this deployment to disable at the end. */
  retire: string[]
  /** Disabled endpoints of this deployment to delete first, because the account has room for no other. */
  remove: string[]
  /** Enabled endpoints that this database knows and that deliver to another address: they are left alone. */
  elsewhere: { id: string; url: string }[]
  /** Other endpoints with the same URL that somebody made by hand. */
  duplicates: string[]
}

/** What only the handlers know about an environment; a problem is a sentence. */
export type HealthFacts = {
  has_key: boolean
  key_problem: string | null
  stripe_problem: string | null
  has_signing_secret: boolean
  secret_problem: string | null
  public_url: boolean
  drift: api.WebhookDrift[] | null
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
  status: api.EnvironmentHealthResponse['status']
  reasons: Columns<api.HealthReason>[]
  unlimited_buyers: api.EnvironmentHealthResponse['unlimitedBuyers']
  events: Columns<Omit<api.EventHealth, 'lastHour' | 'failures'>> & {
    events_last_hour: number
    failures: Columns<api.EventFailure>[]
  }
  connection: ConnectionRow | null
}

/** One step of a sync. */
export type SyncStep = {
  run: SyncRunRow & { lease: string }
  /** What to list from Stripe now; null when every kind is listed. */
  next: { kind: api.SyncKind; params: stripe.ListParams; without_cursor: stripe.ListParams | null } | null
}

/** The instant from which to read Stripe's events, and the period whose events Stripe no longer has. */
export type RecoveryStart = { from: string; gap: { from: string; before: string } | null }
