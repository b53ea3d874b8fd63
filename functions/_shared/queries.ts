/**
 * The only caller of SQL functions. One TypeScript function for each, of the same name in camelCase, with named arguments and a
 * cast on each: what the database decides is typed here and nowhere else.
 */
import type { CheckoutSessionStatus, StripeEnvironment, WebhookEventStatus } from '../../types/api.ts'
import type {
  CheckoutSessionParams,
  PortalSessionParams,
  StripeObject,
  StripeObjectRef,
} from '../../types/stripe.ts'
import type { Database } from './database.ts'

/** Verified claims of whoever asks; a request without a token is `{ role: 'anon' }`. */
export type Caller = { role: 'anon' | 'authenticated'; [claim: string]: unknown }

/** A row of `payments.stripe_checkout_sessions` as JSON. */
export type CheckoutSessionRow = {
  id: string
  environment: StripeEnvironment
  mode: 'payment' | 'subscription'
  status: CheckoutSessionStatus
  payment_status: 'paid' | 'unpaid' | 'no_payment_required' | null
  subject_type: string | null
  subject_id: string | null
  customer_email: string | null
  checkout_session_id: string | null
  customer_id: string | null
  payment_intent_id: string | null
  subscription_id: string | null
  url: string | null
  last_error: string | null
  created_at: string
  updated_at: string
}

/** A row of `payments.stripe_customer_portal_sessions` as JSON. */
export type CustomerPortalSessionRow = {
  id: string
  environment: StripeEnvironment
  status: 'initialized' | 'created' | 'failed'
  subject_type: string
  subject_id: string
  customer_id: string | null
  return_url: string | null
  configuration_id: string | null
  url: string | null
  last_error: string | null
  created_at: string
  updated_at: string
}

/** A row of `payments.webhook_events` as JSON, without its payload. */
export type WebhookEventRow = {
  environment: StripeEnvironment
  provider_event_id: string
  event_type: string
  livemode: boolean
  provider_account_id: string | null
  object_type: string | null
  object_id: string | null
  processing_status: WebhookEventStatus
  attempt_count: number
  last_error: string | null
  received_at: string
  processed_at: string | null
  created_at: string
  updated_at: string
}

export type CheckoutDecision = {
  /** `return`: the session stands. `send`: create one at Stripe. `fetch`: look at Stripe's, project it, and begin once more. */
  action: 'send' | 'return' | 'fetch'
  session: CheckoutSessionRow
  attempt: number
  idempotency_key: string
  params: CheckoutSessionParams
  checkout_session_id: string
}

export type CustomerPortalDecision = {
  session: CustomerPortalSessionRow
  params: PortalSessionParams
  idempotency_key: string
}

export type WebhookOutcome = {
  status: 'processed' | 'ignored' | 'duplicate' | 'failed'
  event: WebhookEventRow
  /** What the database could not decide alone: fetch these and hand them to `projectStripeObjects`. */
  fetch: StripeObjectRef[]
}

export type StoredSecret = { kind: 'secret_key' | 'webhook_secret'; key_id: string; ciphertext: string }

/** The one value of a statement that returns one row with the column `result`. */
async function one<Result>(database: Database, text: string, values: (string | null)[]): Promise<Result> {
  const [row] = await database.query<{ result: Result }>(text, values)
  if (!row) throw new Error('The database answered with no row where there is always one.')
  return row.result
}

/** The row of a statement over `setof <table>`, or null when the function changed nothing. */
async function maybe<Row>(database: Database, text: string, values: (string | null)[]): Promise<Row | null> {
  const [row] = await database.query<{ result: Row }>(text, values)
  return row?.result ?? null
}

/**
 * Writes the checkout session row as the caller, so that the app's policies decide, and says what to send to Stripe.
 * Begun again under the same idempotency key it finds the row of the first time.
 */
export function beginCheckoutSession(
  database: Database,
  args: {
    environment: StripeEnvironment
    caller: Caller
    mode: 'payment' | 'subscription'
    lineItems: { priceId: string; quantity: number }[]
    successUrl: string
    cancelUrl: string
    subjectType: string | null
    subjectId: string | null
    customerEmail: string | null
    metadata: Record<string, string>
    idempotencyKey: string | null
  },
): Promise<CheckoutDecision> {
  return one(
    database,
    `select payments.begin_checkout_session(
      environment => $1::text,
      caller => $2::text::jsonb,
      mode => $3::text,
      line_items => $4::text::jsonb,
      success_url => $5::text,
      cancel_url => $6::text,
      subject_type => $7::text,
      subject_id => $8::text,
      customer_email => $9::text,
      metadata => $10::text::jsonb,
      idempotency_key => $11::text
    ) as result`,
    [
      args.environment,
      JSON.stringify(args.caller),
      args.mode,
      JSON.stringify(args.lineItems),
      args.successUrl,
      args.cancelUrl,
      args.subjectType,
      args.subjectId,
      args.customerEmail,
      JSON.stringify(args.metadata),
      args.idempotencyKey,
    ],
  )
}

/** Takes Stripe's session for an attempt. Null when another attempt has taken over since. */
export function completeCheckoutSession(
  database: Database,
  args: {
    environment: StripeEnvironment
    id: string
    attempt: number
    session: StripeObject
    snapshotAt: string
  },
): Promise<CheckoutSessionRow | null> {
  return maybe(
    database,
    `select to_jsonb(completed) - 'raw' as result
    from payments.complete_checkout_session(
      environment => $1::text,
      id => $2::text::uuid,
      attempt => $3::text::integer,
      session => $4::text::jsonb,
      snapshot_at => $5::text::timestamptz
    ) as completed`,
    [args.environment, args.id, String(args.attempt), JSON.stringify(args.session), args.snapshotAt],
  )
}

/** Notes that an attempt came to nothing. `stripeMayHaveActed` keeps its idempotency key for the next one. */
export function failCheckoutSession(
  database: Database,
  args: {
    environment: StripeEnvironment
    id: string
    attempt: number
    error: string
    stripeMayHaveActed: boolean
  },
): Promise<CheckoutSessionRow | null> {
  return maybe(
    database,
    `select to_jsonb(failed) - 'raw' as result
    from payments.fail_checkout_session(
      environment => $1::text,
      id => $2::text::uuid,
      attempt => $3::text::integer,
      error => $4::text,
      stripe_may_have_acted => $5::text::boolean
    ) as failed`,
    [args.environment, args.id, String(args.attempt), args.error, String(args.stripeMayHaveActed)],
  )
}

/** Writes the portal session row as the caller, for the customer of a billing subject, and says what to send to Stripe. */
export function beginCustomerPortalSession(
  database: Database,
  args: {
    environment: StripeEnvironment
    caller: Caller
    subjectType: string
    subjectId: string
    returnUrl: string | null
    configuration: string | null
  },
): Promise<CustomerPortalDecision> {
  return one(
    database,
    `select payments.begin_customer_portal_session(
      environment => $1::text,
      caller => $2::text::jsonb,
      subject_type => $3::text,
      subject_id => $4::text,
      return_url => $5::text,
      configuration => $6::text
    ) as result`,
    [
      args.environment,
      JSON.stringify(args.caller),
      args.subjectType,
      args.subjectId,
      args.returnUrl,
      args.configuration,
    ],
  )
}

/** Takes Stripe's portal session. Null when the row has ended otherwise since. */
export function completeCustomerPortalSession(
  database: Database,
  args: { environment: StripeEnvironment; id: string; portalSession: StripeObject },
): Promise<CustomerPortalSessionRow | null> {
  return maybe(
    database,
    `select to_jsonb(completed) - 'raw' as result
    from payments.complete_customer_portal_session(
      environment => $1::text,
      id => $2::text::uuid,
      portal_session => $3::text::jsonb
    ) as completed`,
    [args.environment, args.id, JSON.stringify(args.portalSession)],
  )
}

/** Notes that Stripe gave no portal session. */
export function failCustomerPortalSession(
  database: Database,
  args: { environment: StripeEnvironment; id: string; error: string },
): Promise<CustomerPortalSessionRow | null> {
  return maybe(
    database,
    `select to_jsonb(failed) - 'raw' as result
    from payments.fail_customer_portal_session(
      environment => $1::text,
      id => $2::text::uuid,
      error => $3::text
    ) as failed`,
    [args.environment, args.id, args.error],
  )
}

/**
 * Takes one verified event: ledger row, projections and fulfilment in one call. The payload is the body as it came, not parsed and
 * written again, so that the ledger holds what Stripe signed.
 */
export function ingestWebhookEvent(
  database: Database,
  args: { environment: StripeEnvironment; payload: string },
): Promise<WebhookOutcome> {
  return one(
    database,
    `select payments.ingest_webhook_event(
      environment => $1::text,
      payload => $2::text::jsonb
    ) as result`,
    [args.environment, args.payload],
  )
}

/** Projects objects as Stripe's API gave them. An older snapshot never overwrites a newer row. */
export function projectStripeObjects(
  database: Database,
  args: { environment: StripeEnvironment; objects: StripeObject[]; snapshotAt: string },
): Promise<number> {
  return one(
    database,
    `select payments.project_stripe_objects(
      environment => $1::text,
      objects => $2::text::jsonb,
      snapshot_at => $3::text::timestamptz
    ) as result`,
    [args.environment, JSON.stringify(args.objects), args.snapshotAt],
  )
}

/** The stored secrets of an environment that are in use, encrypted. */
export function readSecrets(
  database: Database,
  args: { environment: StripeEnvironment },
): Promise<StoredSecret[]> {
  return database.query<StoredSecret>(
    `select kind, key_id, ciphertext
    from payments_private.read_secrets(environment => $1::text)`,
    [args.environment],
  )
}

/** Whether the database answers, and whether the schema is there. */
export async function checkDatabase(database: Database): Promise<{ migrated: boolean }> {
  const [row] = await database.query<{ migrated: boolean }>(
    `select pg_catalog.to_regclass('payments.webhook_events') is not null as migrated`,
  )
  return { migrated: row?.migrated === true }
}
