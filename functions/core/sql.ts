/**
 * The only caller of SQL functions. One TypeScript function for each, of the same name in camelCase, with named arguments and a
 * cast on each. Names and types are held against `types/functions.ts`, which is generated from the database: a changed signature
 * is a type error here, and nowhere else.
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
import type { Json, SqlArguments, SqlFunctionName } from '../../types/functions.ts'
import type {
  CheckoutSessionParams,
  PortalSessionParams,
  StripeObject,
  StripeObjectRef,
  WebhookEndpointParams,
} from '../../types/stripe.ts'
import type { Database, Value } from './database.ts'
import { apiError, isApiError } from './errors.ts'
import { storable } from './storable.ts'
import type { ListParams } from './stripe.ts'

/** Verified claims of whoever asks; a request without a token is `{ role: 'anon' }`. */
export type Caller = { role: 'anon' | 'authenticated'; [claim: string]: unknown }

/** A row as JSON has it: instants are texts. */
type JsonRow<Table> = {
  [Column in keyof Selectable<Table>]: Selectable<Table>[Column] extends Date
    ? string
    : Selectable<Table>[Column] extends Date | null
      ? string | null
      : Selectable<Table>[Column]
}

/** A row whose columns with a fixed set of values say which. */
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

export type CheckoutDecision = {
  /** `return`: the session stands. `send`: create one at Stripe. `fetch`: look at Stripe's, project it, and begin once more. */
  action: 'send' | 'return' | 'fetch'
  session: CheckoutSessionRow
  attempt: number
  idempotency_key: string
  params: CheckoutSessionParams
  /** Stripe's id of the session; null until there is one. */
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
  /** What the database could not decide alone: fetch these and hand them to `projectStripeObjects`. */
  fetch: StripeObjectRef[]
}

/** An event of a list that is none of this environment's. */
export type RefusedEvent = { status: 'refused'; error: string; code: string }

export type StoredSecret = { kind: 'secret_key' | 'webhook_secret'; key_id: string; ciphertext: string }

/** A row of `payments.provider_connections`, without the account as Stripe described it. */
export type ConnectionRow = Narrowed<
  Omit<JsonRow<PaymentsProviderConnections>, 'raw'>,
  { environment: StripeEnvironment; status: StripeConnection['status'] }
>

export type WebhookEndpointDecision =
  | {
      /** List the endpoints at Stripe, and begin again with them, since this key. */
      action: 'list'
      idempotency_key: string
    }
  | WebhookEndpointChange

export type WebhookEndpointChange = {
  /** `reuse`: it is as it should be. `mend`: send it params. `create`: make one with params. */
  action: 'reuse' | 'mend' | 'create'
  /** The endpoint that stays, as Stripe described it; null for `create`. */
  endpoint: (StripeObject & { id: string; url: string }) | null
  params: WebhookEndpointParams
  idempotency_key: string
  /** The events to subscribe a new one to. */
  events: string[]
  /** Ours, to be disabled when all is done. */
  retire: string[]
  /** Ours and dead, to be deleted before, because there is no room for another one. */
  remove: string[]
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
}

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

/** What an argument of this type may be cast to. */
type CastOf<T> = [Json] extends [T]
  ? 'jsonb'
  : [NonNullable<T>] extends [Date]
    ? 'timestamptz'
    : [NonNullable<T>] extends [number]
      ? 'integer'
      : [NonNullable<T>] extends [boolean]
        ? 'boolean'
        : 'text' | 'uuid' | 'interval'

type Casts<Name extends SqlFunctionName> = {
  [Argument in keyof Required<SqlArguments<Name>>]: CastOf<Required<SqlArguments<Name>>[Argument]>
}

type Values<Name extends SqlFunctionName> = { [Argument in keyof Required<SqlArguments<Name>>]: Value }

/**
 * The calls of one SQL function: `value` for one that returns a value, `rows` for one that returns a set, `row` for one that answers
 * with its row or raises. `asCaller` says that it runs as the caller, whom row level security may refuse; where any other function is
 * refused, the login of the handlers lacks a grant, which is our fault and not the caller's.
 */
function sqlFunction<Name extends SqlFunctionName>(
  name: Name,
  casts: Casts<Name>,
  { asCaller = false, deadline }: { asCaller?: boolean; deadline?: number } = {},
) {
  const names = Object.keys(casts) as (keyof Casts<Name>)[]
  const list = names.map(
    (argument, index) => `${String(argument)} => $${index + 1}::text::${String(casts[argument])}`,
  )
  const call = `${name}(${list.join(', ')})`

  async function run<Result>(database: Database, text: string, values: Values<Name>): Promise<Result[]> {
    const ordered = names.map((argument) => values[argument])
    const asked = database.query<{ result: Result }>(text, ordered, { deadline })
    return (await (asCaller ? asTheCaller(asked) : asService(asked))).map(({ result }) => result)
  }

  async function rows<Row>(database: Database, values: Values<Name>): Promise<Row[]> {
    return run(database, `select to_jsonb(row_of_set) - 'raw' as result from ${call} as row_of_set`, values)
  }

  return {
    rows,
    /** Each value of a set that is not of rows. */
    values: <Result>(database: Database, values: Values<Name>): Promise<Result[]> =>
      run(database, `select ${call} as result`, values),
    async row<Row>(database: Database, values: Values<Name>): Promise<Row> {
      return first(await rows<Row>(database, values))
    },
    async value<Result>(database: Database, values: Values<Name>): Promise<Result> {
      return first(await run<Result>(database, `select ${call} as result`, values))
    },
  }
}

function first<Result>(results: Result[]): Result {
  if (results.length === 0) throw new Error('The database answered with no row where there is always one.')
  return results[0] as Result
}

/** What the service asks for itself: where it is refused, the login lacks a grant. */
export async function asService<Rows>(asked: Promise<Rows>): Promise<Rows> {
  return asked.catch((error) => {
    if (!isApiError(error) || postgresErrorIn(error)?.code !== '42501') throw error
    throw apiError(500, 'INTERNAL_ERROR', 'The login in DATABASE_URL may not use the payments schema.', {
      nextActions: GRANT_ROLES,
      cause: error.cause,
    })
  })
}

/**
 * What is asked as the caller. Row level security may refuse that, and then it is the caller's affair; that the login gets no further
 * than to try to become the caller has the same SQLSTATE and is ours.
 */
async function asTheCaller<Rows>(asked: Promise<Rows>): Promise<Rows> {
  return asked.catch((error) => {
    if (!isApiError(error) || !lacksGrant(postgresErrorIn(error))) throw error
    throw apiError(
      500,
      'INTERNAL_ERROR',
      'The login in DATABASE_URL may not act as the roles anon and authenticated, so no policy was asked.',
      { nextActions: GRANT_ROLES, cause: error.cause },
    )
  })
}

type PostgresErrorLike = { code?: string; message?: string; routine?: string }

const postgresErrorIn = (error: { cause?: unknown }) => error.cause as PostgresErrorLike | undefined

/** Whether the login was stopped before any policy was asked. The name of the routine is the same in every language of the server. */
function lacksGrant(error: PostgresErrorLike | undefined): boolean {
  if (error?.code !== '42501') return false
  return (
    error.routine === 'call_string_check_hook' ||
    /^permission denied (to set role|for schema payments|for function begin_)/.test(error.message ?? '')
  )
}

/** What whoever deploys does about a login that may not do its work. */
export const GRANT_ROLES =
  'Run in psql, with the name of that login: grant anon, authenticated, payments_service to <login>;'

const beginCheckout = sqlFunction(
  'payments.begin_checkout_session',
  {
    environment: 'text',
    caller: 'jsonb',
    mode: 'text',
    line_items: 'jsonb',
    success_url: 'text',
    cancel_url: 'text',
    subject_type: 'text',
    subject_id: 'text',
    customer_email: 'text',
    metadata: 'jsonb',
    idempotency_key: 'text',
  },
  { asCaller: true },
)

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
  return beginCheckout.value(database, {
    environment: args.environment,
    caller: JSON.stringify(args.caller),
    mode: args.mode,
    line_items: JSON.stringify(args.lineItems),
    success_url: args.successUrl,
    cancel_url: args.cancelUrl,
    subject_type: args.subjectType,
    subject_id: args.subjectId,
    customer_email: args.customerEmail,
    metadata: JSON.stringify(args.metadata),
    idempotency_key: args.idempotencyKey,
  })
}

const completeCheckout = sqlFunction('payments.complete_checkout_session', {
  environment: 'text',
  id: 'uuid',
  attempt: 'integer',
  session: 'jsonb',
  snapshot_at: 'timestamptz',
})

/** Takes Stripe's session for an attempt. Where a webhook was faster, the row shows what that said. */
export function completeCheckoutSession(
  database: Database,
  args: {
    environment: StripeEnvironment
    id: string
    attempt: number
    session: StripeObject
    snapshotAt: string
  },
): Promise<CheckoutSessionRow> {
  return completeCheckout.row(database, {
    environment: args.environment,
    id: args.id,
    attempt: String(args.attempt),
    session: JSON.stringify(args.session),
    snapshot_at: args.snapshotAt,
  })
}

const failCheckout = sqlFunction('payments.fail_checkout_session', {
  environment: 'text',
  id: 'uuid',
  attempt: 'integer',
  error: 'text',
  stripe_may_have_acted: 'boolean',
})

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
): Promise<CheckoutSessionRow> {
  return failCheckout.row(database, {
    environment: args.environment,
    id: args.id,
    attempt: String(args.attempt),
    error: args.error,
    stripe_may_have_acted: String(args.stripeMayHaveActed),
  })
}

const beginPortal = sqlFunction(
  'payments.begin_customer_portal_session',
  {
    environment: 'text',
    caller: 'jsonb',
    subject_type: 'text',
    subject_id: 'text',
    return_url: 'text',
    configuration: 'text',
  },
  { asCaller: true },
)

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
  return beginPortal.value(database, {
    environment: args.environment,
    caller: JSON.stringify(args.caller),
    subject_type: args.subjectType,
    subject_id: args.subjectId,
    return_url: args.returnUrl,
    configuration: args.configuration,
  })
}

const completePortal = sqlFunction('payments.complete_customer_portal_session', {
  environment: 'text',
  id: 'uuid',
  portal_session: 'jsonb',
})

/** Takes Stripe's portal session. */
export function completeCustomerPortalSession(
  database: Database,
  args: { environment: StripeEnvironment; id: string; portalSession: StripeObject },
): Promise<CustomerPortalSessionRow> {
  return completePortal.row(database, {
    environment: args.environment,
    id: args.id,
    portal_session: JSON.stringify(args.portalSession),
  })
}

const failPortal = sqlFunction('payments.fail_customer_portal_session', {
  environment: 'text',
  id: 'uuid',
  error: 'text',
})

/** Notes that Stripe gave no portal session. */
export function failCustomerPortalSession(
  database: Database,
  args: { environment: StripeEnvironment; id: string; error: string },
): Promise<CustomerPortalSessionRow> {
  return failPortal.row(database, { environment: args.environment, id: args.id, error: args.error })
}

const ingest = sqlFunction('payments.ingest_webhook_event', { environment: 'text', payload: 'jsonb' })

/**
 * Takes one verified event: ledger row, projections and fulfilment in one call. The payload is the body as it came, not parsed and
 * written again, so that the ledger holds what Stripe signed.
 */
export function ingestWebhookEvent(
  database: Database,
  args: { environment: StripeEnvironment; payload: string },
): Promise<WebhookOutcome> {
  return ingest.value(database, args)
}

const ingestMany = sqlFunction('payments.ingest_webhook_events', { environment: 'text', payloads: 'jsonb' })

/** Takes up to 64 verified events in one transaction, each for itself; `payloads` is the text of a list of bodies. */
export function ingestWebhookEvents(
  database: Database,
  args: { environment: StripeEnvironment; payloads: string },
): Promise<(WebhookOutcome | RefusedEvent)[]> {
  return ingestMany.value(database, args)
}

const project = sqlFunction('payments.project_stripe_objects', {
  environment: 'text',
  objects: 'jsonb',
  snapshot_at: 'timestamptz',
})

/**
 * Projects objects as Stripe's API gave them. An older snapshot never overwrites a newer row.
 *
 * @returns how many told something new
 */
export function projectStripeObjects(
  database: Database,
  args: { environment: StripeEnvironment; objects: StripeObject[]; snapshotAt: string },
): Promise<number> {
  return project.value(database, {
    environment: args.environment,
    objects: storable(JSON.stringify(args.objects)),
    snapshot_at: args.snapshotAt,
  })
}

const secrets = sqlFunction('payments_private.read_secrets', { environment: 'text' })

/** The stored secrets of an environment that are in use, newest first, encrypted. */
export function readSecrets(
  database: Database,
  args: { environment: StripeEnvironment },
): Promise<StoredSecret[]> {
  return secrets.rows(database, args)
}

// sync and recovery

/** For what goes through much of the ledger at once: people wait for it, and no browser does. */
const LONG_MS = 60 * 60 * 1000

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

/** What a step of a sync leads to. */
export type SyncStep = {
  run: SyncRunRow & { lease: string }
  /** What to list from Stripe now; null when every kind is listed. */
  next: { kind: SyncKind; params: ListParams; without_cursor: ListParams | null } | null
}

const beginSyncCall = sqlFunction('payments.begin_sync', {
  environment: 'text',
  kinds: 'jsonb',
  created_from: 'timestamptz',
  created_before: 'timestamptz',
  account_id: 'text',
})

/** Begins a sync, or resumes the last one like it where it was stopped. 409 while another one of the environment is running. */
export function beginSync(
  database: Database,
  args: {
    environment: StripeEnvironment
    kinds: SyncKind[] | null
    createdFrom: string | null
    createdBefore: string | null
    accountId: string | null
  },
): Promise<SyncStep> {
  return beginSyncCall.value(database, {
    environment: args.environment,
    kinds: args.kinds === null ? null : JSON.stringify(args.kinds),
    created_from: args.createdFrom,
    created_before: args.createdBefore,
    account_id: args.accountId,
  })
}

const recordSyncPageCall = sqlFunction('payments.record_sync_page', {
  run_id: 'uuid',
  lease: 'uuid',
  kind: 'text',
  objects: 'jsonb',
  snapshot_at: 'timestamptz',
  has_more: 'boolean',
})

/** Takes a page: its objects and the place where it ended commit together. */
export function recordSyncPage(
  database: Database,
  args: {
    runId: string
    lease: string
    kind: SyncKind
    objects: StripeObject[]
    snapshotAt: string
    hasMore: boolean
  },
): Promise<SyncStep> {
  return recordSyncPageCall.value(database, {
    run_id: args.runId,
    lease: args.lease,
    kind: args.kind,
    objects: storable(JSON.stringify(args.objects)),
    snapshot_at: args.snapshotAt,
    has_more: String(args.hasMore),
  })
}

const completeSyncCall = sqlFunction(
  'payments.complete_sync',
  {
    run_id: 'uuid',
    lease: 'uuid',
    max: 'integer',
  },
  { deadline: LONG_MS },
)

/** Ends a sync whose kinds are all listed. To be called again as long as the run in the answer is running. */
export function completeSync(database: Database, args: { runId: string; lease: string }): Promise<SyncStep> {
  return completeSyncCall.value(database, { run_id: args.runId, lease: args.lease, max: '200' })
}

const failSyncCall = sqlFunction('payments.fail_sync', { run_id: 'uuid', lease: 'uuid', error: 'text' })

/** Ends a sync before its time: failed with an error, interrupted without one. The next one like it resumes it. */
export function failSync(
  database: Database,
  args: { runId: string; lease: string; error: string | null },
): Promise<SyncRunRow> {
  return failSyncCall.row(database, { run_id: args.runId, lease: args.lease, error: args.error })
}

const refuseSyncCall = sqlFunction('payments.refuse_sync', {
  environment: 'text',
  error: 'text',
  is_key_refused: 'boolean',
})

/** Notes that a sync could not begin. */
export function refuseSync(
  database: Database,
  args: { environment: StripeEnvironment; error: string; isKeyRefused: boolean },
): Promise<null> {
  return refuseSyncCall.value(database, {
    environment: args.environment,
    error: args.error,
    is_key_refused: String(args.isKeyRefused),
  })
}

const touchSyncCall = sqlFunction('payments.touch_sync', { run_id: 'uuid', lease: 'uuid' })

/** A sign of life; false when another one has taken over. */
export function touchSync(database: Database, args: { runId: string; lease: string }): Promise<boolean> {
  return touchSyncCall.value(database, { run_id: args.runId, lease: args.lease })
}

const dueSyncKindsCall = sqlFunction('payments.due_sync_kinds', { environment: 'text' })

/** What a scheduled sync should list now. */
export function dueSyncKinds(
  database: Database,
  args: { environment: StripeEnvironment },
): Promise<SyncKind[]> {
  return dueSyncKindsCall.value(database, args)
}

/** The syncs of an environment, the last begun first; `after` is the last one of the page before. */
export async function listSyncRuns(
  database: Database,
  args: { environment: StripeEnvironment; limit: number; after: { startedAt: string; id: string } | null },
): Promise<SyncRunRow[]> {
  const rows = await asService(
    database.query<{ result: SyncRunRow }>(
      `select to_jsonb(r) - 'lease' as result
      from payments.sync_runs as r
      where r.environment = $1::text
        and ($3::text is null or (r.started_at, r.id) < ($3::text::timestamptz, $4::text::uuid))
      order by r.started_at desc, r.id desc
      limit $2::text::integer`,
      [args.environment, String(args.limit), args.after?.startedAt ?? null, args.after?.id ?? null],
    ),
  )
  return rows.map(({ result }) => result)
}

/** Subscriptions of which nobody knows the billing subject. */
export async function countUnmapped(
  database: Database,
  args: { environment: StripeEnvironment },
): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    `select count(*)::integer as count from payments.stripe_subscriptions as s
    where s.environment = $1::text and s.subject_type is null`,
    [args.environment],
  )
  return row?.count ?? 0
}

/** From when on Stripe's events are to be read, and the time of which it no longer has them. */
export type RecoveryStart = { from: string; gap: { from: string; before: string } | null }

const beginRecoveryCall = sqlFunction('payments.begin_recovery', {
  environment: 'text',
  since: 'timestamptz',
  account_id: 'text',
})

/** Says from when on Stripe's list of events has to be read so that nothing is missing; 409 when the key is of another account. */
export function beginRecovery(
  database: Database,
  args: { environment: StripeEnvironment; since: string | null; accountId: string | null },
): Promise<RecoveryStart> {
  return beginRecoveryCall.value(database, {
    environment: args.environment,
    since: args.since,
    account_id: args.accountId,
  })
}

const completeRecoveryCall = sqlFunction('payments.complete_recovery', {
  environment: 'text',
  recovered_from: 'timestamptz',
  complete_until: 'timestamptz',
})

/** Notes that every event of that time is in the ledger. */
export async function completeRecovery(
  database: Database,
  args: { environment: StripeEnvironment; recoveredFrom: string; completeUntil: string },
): Promise<void> {
  await completeRecoveryCall.rows(database, {
    environment: args.environment,
    recovered_from: args.recoveredFrom,
    complete_until: args.completeUntil,
  })
}

const recoverableTypesCall = sqlFunction('payments.recoverable_event_types', { environment: 'text' })

/** The types of events that a recovery takes in. */
export function recoverableEventTypes(
  database: Database,
  args: { environment: StripeEnvironment },
): Promise<string[]> {
  return recoverableTypesCall.value(database, { environment: args.environment })
}

const unknownEventsCall = sqlFunction('payments.unknown_webhook_events', {
  environment: 'text',
  event_ids: 'jsonb',
})

/** Which of these events the ledger does not know, in the same order. */
export function unknownWebhookEvents(
  database: Database,
  args: { environment: StripeEnvironment; eventIds: string[] },
): Promise<string[]> {
  return unknownEventsCall.values(database, {
    environment: args.environment,
    event_ids: JSON.stringify(args.eventIds),
  })
}

const retryEventsCall = sqlFunction('payments.retry_webhook_events', { max: 'integer' })

/** Tries failed events again whose time has come, of both environments. */
export function retryWebhookEvents(
  database: Database,
  args: { max: number },
): Promise<
  {
    environment: StripeEnvironment
    provider_event_id: string
    processing_status: string
    last_error: string | null
  }[]
> {
  return retryEventsCall.rows(database, { max: String(args.max) })
}

const replayEventsCall = sqlFunction(
  'payments.replay_webhook_events',
  {
    environment: 'text',
    provider_event_id: 'text',
    event_type: 'text',
    object_id: 'text',
    happened_from: 'timestamptz',
    happened_before: 'timestamptz',
    include_processed: 'boolean',
    max: 'integer',
  },
  { deadline: LONG_MS },
)

/** Processes kept events once more, fulfilment included, in the order in which they happened. */
export function replayWebhookEvents(
  database: Database,
  args: {
    environment: StripeEnvironment
    eventId: string | null
    eventType: string | null
    objectId: string | null
    from: string | null
    before: string | null
    includeProcessed: boolean
    max: number
  },
): Promise<{ replayed_event_id: string; processing_status: string; last_error: string | null }[]> {
  return replayEventsCall.rows(database, {
    environment: args.environment,
    provider_event_id: args.eventId,
    event_type: args.eventType,
    object_id: args.objectId,
    happened_from: args.from,
    happened_before: args.before,
    include_processed: String(args.includeProcessed),
    max: String(args.max),
  })
}

const rebuildCall = sqlFunction(
  'payments.rebuild_projections',
  { environment: 'text' },
  { deadline: LONG_MS },
)

/** Makes the projections again from the ledger. */
export function rebuildProjections(
  database: Database,
  args: { environment: StripeEnvironment },
): Promise<{ events: number; pruned: number; complete_since: string | null }> {
  return rebuildCall.value(database, args)
}

const pruneCall = sqlFunction(
  'payments.prune_webhook_events',
  {
    older_than: 'interval',
    max: 'integer',
    environment: 'text',
  },
  { deadline: LONG_MS },
)

/** Empties the payloads of finished events that are older; at most `max` of them. */
export function pruneWebhookEvents(
  database: Database,
  args: { environment: StripeEnvironment; olderThanDays: number; max: number },
): Promise<number> {
  return pruneCall.value(database, {
    older_than: `${args.olderThanDays} days`,
    max: String(args.max),
    environment: args.environment,
  })
}

const connect = sqlFunction('payments.connect_account', {
  environment: 'text',
  account: 'jsonb',
  key_id: 'text',
  ciphertext: 'text',
  masked_key: 'text',
  replace_account: 'boolean',
})

/** Connects an environment to a Stripe account and stores its encrypted key; 409 for another account than before. */
export function connectAccount(
  database: Database,
  args: {
    environment: StripeEnvironment
    account: StripeObject
    keyId: string
    ciphertext: string
    maskedKey: string
    replaceAccount: boolean
  },
): Promise<{
  connection: ConnectionRow
  previous_account_id: string | null
  deleted: Record<string, number> | null
}> {
  return connect.value(database, {
    environment: args.environment,
    account: JSON.stringify(args.account),
    key_id: args.keyId,
    ciphertext: args.ciphertext,
    masked_key: args.maskedKey,
    replace_account: String(args.replaceAccount),
  })
}

const disconnect = sqlFunction('payments.disconnect_account', { environment: 'text' })

/** Forgets the stored key and signing secrets of an environment; 404 when no key is stored. */
export function disconnectAccount(
  database: Database,
  args: { environment: StripeEnvironment },
): Promise<{ connection: ConnectionRow; endpoint_id: string | null; remaining: Record<string, number> }> {
  return disconnect.value(database, args)
}

const beginEndpoint = sqlFunction('payments.begin_webhook_endpoint', {
  environment: 'text',
  url: 'text',
  api_version: 'text',
  endpoints: 'jsonb',
  since: 'text',
})

/** Says what to do at Stripe so that events reach an address. */
export function beginWebhookEndpoint(
  database: Database,
  args: {
    environment: StripeEnvironment
    url: string
    apiVersion: string
    /** As Stripe listed them after the answer that gave `since`. */
    endpoints: StripeObject[] | null
    since: string | null
  },
): Promise<WebhookEndpointDecision> {
  return beginEndpoint.value(database, {
    environment: args.environment,
    url: args.url,
    api_version: args.apiVersion,
    endpoints: args.endpoints && JSON.stringify(args.endpoints),
    since: args.since,
  })
}

const completeEndpoint = sqlFunction('payments.complete_webhook_endpoint', {
  environment: 'text',
  endpoint: 'jsonb',
  key_id: 'text',
  ciphertext: 'text',
})

/** Takes the endpoint that an environment is now set up with, and the encrypted signing secret of a new one. */
export function completeWebhookEndpoint(
  database: Database,
  args: {
    environment: StripeEnvironment
    endpoint: StripeObject
    secret: { keyId: string; ciphertext: string } | null
  },
): Promise<ConnectionRow> {
  return completeEndpoint.row(database, {
    environment: args.environment,
    endpoint: JSON.stringify(args.endpoint),
    key_id: args.secret?.keyId ?? null,
    ciphertext: args.secret?.ciphertext ?? null,
  })
}

const endpointDrift = sqlFunction('payments.webhook_endpoint_drift', {
  environment: 'text',
  url: 'text',
  api_version: 'text',
  endpoints: 'jsonb',
})

/** How the managed webhook endpoint differs from how it was set up. */
export function webhookEndpointDrift(
  database: Database,
  args: { environment: StripeEnvironment; url: string | null; apiVersion: string; endpoints: StripeObject[] },
): Promise<WebhookDrift[]> {
  return endpointDrift.value(database, {
    environment: args.environment,
    url: args.url,
    api_version: args.apiVersion,
    endpoints: JSON.stringify(args.endpoints),
  })
}

const healthOf = sqlFunction('payments.environment_health', { environment: 'text', facts: 'jsonb' })

/** One verdict about an environment, with the reasons. */
export function environmentHealth(
  database: Database,
  args: { environment: StripeEnvironment; facts: HealthFacts },
): Promise<HealthVerdict> {
  return healthOf.value(database, { environment: args.environment, facts: JSON.stringify(args.facts) })
}

const everySecret = sqlFunction('payments_private.all_secrets', {})

/** Every stored secret, encrypted. */
export function allSecrets(
  database: Database,
): Promise<(StoredSecret & { id: string; environment: StripeEnvironment })[]> {
  return everySecret.rows(database, {})
}

const replaceAll = sqlFunction('payments_private.replace_secrets', { secrets: 'jsonb' })

/** Puts secrets that were encrypted anew in the place of all that are stored; 409 when others were stored meanwhile. */
export function replaceSecrets(
  database: Database,
  args: { secrets: { id: string; key_id: string; ciphertext: string }[] },
): Promise<number> {
  return replaceAll.value(database, { secrets: JSON.stringify(args.secrets) })
}

/**
 * One row for each role that the handlers use: {role, exists, allowed, login}. The handlers become `anon` and `authenticated`. Since
 * Postgres 16 that takes a right of its own, because a login that created a role is its member and may not become it. Of
 * `payments_service` the login must be a member.
 */
export const ROLE_RIGHTS = `
  select r.role, p.oid is not null as exists, current_user as login,
    coalesce(pg_has_role(p.oid, case
      when r.role <> 'payments_service' and current_setting('server_version_num')::integer >= 160000 then 'set'
      else 'member'
    end), false) as allowed
  from (values ('anon'), ('authenticated'), ('payments_service')) as r (role)
  left join pg_catalog.pg_roles as p on p.rolname = r.role`

/** Whether the database responds, has our schema, and lets this login call its functions and become a caller's role. */
export async function checkDatabase(database: Database): Promise<{ migrated: boolean; allowed: boolean }> {
  const [row] = await database.query<{ migrated: boolean; allowed: boolean }>(
    `select
      count(*) > 0 as migrated,
      coalesce(
        bool_and(has_schema_privilege(n.oid, 'usage') and has_function_privilege(p.oid, 'execute')),
        false
      ) and (
        select bool_and(r.allowed) from (${ROLE_RIGHTS}) as r where r.role <> 'payments_service'
      ) as allowed
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = 'payments' and p.proname = 'ingest_webhook_event'`,
  )
  return row ?? { migrated: false, allowed: false }
}
