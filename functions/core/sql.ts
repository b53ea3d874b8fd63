/**
 * The only caller of SQL functions: each has the same name here in camelCase, and takes its arguments by name. Types
 * and casts come from `types/functions.ts`, which is generated from the database, so a changed signature is a type
 * error.
 */
import { SQL_CALLS, type SqlArguments, type SqlCallName, type SqlResult } from '../../types/functions.ts'
import type { Database, Value } from './database.ts'
import { apiError, isApiError, unreadableAnswer } from './errors.ts'
import type { ArgumentTypes, Results, SettingProblem } from './sql-results.ts'
import { storable } from './storable.ts'

export type * from './sql-results.ts'

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name

/** TypeScript's types of arguments whose SQL type is not a string here. */
type CastTypes = { jsonb: object; int4: number; bool: boolean }

type ArgumentType<Argument, Cast> = Argument extends keyof ArgumentTypes
  ? ArgumentTypes[Argument]
  : Cast extends keyof CastTypes
    ? CastTypes[Cast]
    : string

type Casts<Name extends SqlCallName> = (typeof SQL_CALLS)[Name]['casts']

/** Arguments by their names in camelCase. One that has a default in SQL may be left out. */
type Arguments<Name extends SqlCallName> = {
  [Argument in keyof SqlArguments<Name> as CamelCase<Argument & string>]: ArgumentType<
    Argument,
    Casts<Name>[Argument & keyof Casts<Name>]
  > | null
}

type Result<Name extends SqlCallName> = Name extends `${string}.${infer Bare}`
  ? CamelCase<Bare> extends keyof Results
    ? Results[CamelCase<Bare>]
    : SqlResult<Name>
  : never

type CallOptions = {
  /**
   * The function runs as the caller, whom row level security may refuse. If any other function is refused, the login
   * of the handlers lacks a grant, which is not the caller's fault.
   */
  asCaller?: boolean
  /** Milliseconds, for a statement that may take longer than the others. */
  deadlineMs?: number
  /**
   * Replaces the characters that Postgres cannot store in the JSON arguments, because Stripe returns what people
   * typed.
   */
  storable?: boolean
  /** The arguments are answers of Stripe: what Postgres refuses in them is a fault of Stripe's, not of the caller's. */
  ofStripe?: boolean
  /** No row is a result, not an error. */
  mayBeEmpty?: boolean
}

/** The call of one SQL function: one statement, one flight. It throws an `ApiError`. */
function sqlFunction<Name extends SqlCallName>(name: Name, options: CallOptions = {}) {
  return async (database: Database, args: Arguments<Name>): Promise<Result<Name>> => {
    const { result, casts }: { result: string; casts: Record<string, string> } = SQL_CALLS[name]
    const values: Value[] = []
    const list: string[] = []
    for (const [argument, cast] of Object.entries(casts)) {
      const value = (args as Record<string, unknown>)[camelCase(argument)]
      if (value === undefined) continue
      const text = textOf(value)
      values.push(text !== null && options.storable ? storable(text) : text)
      list.push(`${argument} => $${values.length}::text::${cast}`)
    }
    const call = `${name}(${list.join(', ')})`
    const isOfRows = result === 'row' || result === 'rows'
    const statement = isOfRows
      ? `select to_jsonb(row_of_set) - 'raw' as result from ${call} as row_of_set`
      : `select ${call} as result`
    const query = database.query<{ result: unknown }>(statement, values, { deadlineMs: options.deadlineMs })
    const answer = options.asCaller ? asTheCaller(query) : asService(query)
    const found = (await (options.ofStripe ? asUpstream(answer) : answer)).map((row) => row.result)
    if (result === 'rows' || result === 'values') return found as Result<Name>
    if (found.length === 0 && !options.mayBeEmpty) throw new Error(`${name} returned no row.`)
    return found[0] as Result<Name>
  }
}

export const camelCase = (name: string) =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** An argument as it travels. A string for a `jsonb` argument is JSON already. */
function textOf(value: unknown): Value {
  if (value === null) return null
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const missingGrant = (what: string, { cause }: { cause?: unknown }) =>
  apiError(500, 'INTERNAL_ERROR', `The login in DATABASE_URL ${what}`, { nextActions: GRANT_ROLES, cause })

/** The login in `DATABASE_URL` runs this itself: a refusal means that it lacks a grant. */
export async function asService<Rows>(query: Promise<Rows>): Promise<Rows> {
  return query.catch((error) => {
    if (!isApiError(error) || postgresErrorIn(error)?.code !== '42501') throw error
    throw missingGrant('may not use the payments schema.', error)
  })
}

/**
 * This runs as the caller. A refusal by row level security is for the caller. A login that may not become the caller
 * gets the same SQLSTATE, and that is ours to fix.
 */
async function asTheCaller<Rows>(query: Promise<Rows>): Promise<Rows> {
  return query.catch((error) => {
    if (!isApiError(error) || !lacksGrant(postgresErrorIn(error))) throw error
    throw missingGrant('may not act as the roles anon and authenticated, so no policy was evaluated.', error)
  })
}

/** What Postgres refuses as invalid was sent by Stripe. */
async function asUpstream<Rows>(query: Promise<Rows>): Promise<Rows> {
  return query.catch((error) => {
    throw isApiError(error) && error.status === 400 ? unreadableAnswer(error.cause ?? error) : error
  })
}

type PostgresErrorLike = { code?: string; message?: string; routine?: string }

const postgresErrorIn = (error: { cause?: unknown }) => error.cause as PostgresErrorLike | undefined

/**
 * Whether Postgres refused the login before any policy ran. The server's routine has the same name in every language.
 */
function lacksGrant(error: PostgresErrorLike | undefined): boolean {
  if (error?.code !== '42501') return false
  return (
    error.routine === 'call_string_check_hook' ||
    /^permission denied (to set role|for schema payments|for function begin_)/.test(error.message ?? '')
  )
}

/** The next step for a deployer whose login lacks a grant. */
export const GRANT_ROLES =
  'Run in psql, with the name of that login: grant anon, authenticated, payments_service to <login>;'

/** For a call that reads much of the ledger: people wait for it, and no browser does. */
const LONG_MS = 60 * 60 * 1000

const AS_CALLER = { asCaller: true }
const OF_STRIPE = { ofStripe: true }
const WITH_TEXT_OF_STRIPE = { ofStripe: true, storable: true }

// checkout

export const beginCheckoutSession = sqlFunction('payments.begin_checkout_session', AS_CALLER)
export const beginGuestCheckoutSession = sqlFunction('payments.begin_guest_checkout_session', AS_CALLER)
export const completeCheckoutSession = sqlFunction('payments.complete_checkout_session', OF_STRIPE)
export const retryCheckoutSession = sqlFunction('payments.retry_checkout_session')
export const putOffer = sqlFunction('payments.put_offer')
export const deleteOffer = sqlFunction('payments.delete_offer', { mayBeEmpty: true })
export const unknownPrices = sqlFunction('payments_private.unknown_prices')
export const failCheckoutSession = sqlFunction('payments.fail_checkout_session')
export const findCheckoutSession = sqlFunction('payments.find_checkout_session', AS_CALLER)
export const beginConfirmation = sqlFunction('payments.begin_confirmation', AS_CALLER)
export const beginCustomerPortalSession = sqlFunction('payments.begin_customer_portal_session', AS_CALLER)
export const completeCustomerPortalSession = sqlFunction(
  'payments.complete_customer_portal_session',
  OF_STRIPE,
)
export const retryCustomerPortalSession = sqlFunction('payments.retry_customer_portal_session')
export const failCustomerPortalSession = sqlFunction('payments.fail_customer_portal_session')

// ledger and projections

export const ingestWebhookEvent = sqlFunction('payments.ingest_webhook_event')
export const ingestWebhookEvents = sqlFunction('payments.ingest_webhook_events')
export const projectStripeObjects = sqlFunction('payments.project_stripe_objects', WITH_TEXT_OF_STRIPE)
export const unknownWebhookEvents = sqlFunction('payments.unknown_webhook_events')
export const retryWebhookEvents = sqlFunction('payments.retry_webhook_events')
export const replayWebhookEvents = sqlFunction('payments.replay_webhook_events', { deadlineMs: LONG_MS })
export const rebuildProjections = sqlFunction('payments.rebuild_projections', { deadlineMs: LONG_MS })
export const pruneWebhookEvents = sqlFunction('payments.prune_webhook_events', { deadlineMs: LONG_MS })
export const pruneCheckoutSessions = sqlFunction('payments.prune_checkout_sessions', { deadlineMs: LONG_MS })

// sync and recovery

export const knownObjects = sqlFunction('payments_private.known_objects')
export const checkKnownObjects = sqlFunction('payments_private.check_known_objects')
export const sessionsWithoutItems = sqlFunction('payments_private.sessions_without_items')
export const beginSync = sqlFunction('payments.begin_sync')
export const recordSyncPage = sqlFunction('payments.record_sync_page', WITH_TEXT_OF_STRIPE)
export const completeSync = sqlFunction('payments.complete_sync', { deadlineMs: LONG_MS })
export const failSync = sqlFunction('payments.fail_sync')
export const refuseSync = sqlFunction('payments.refuse_sync')
export const touchSync = sqlFunction('payments.touch_sync')
export const dueSyncKinds = sqlFunction('payments.due_sync_kinds')
export const beginRecovery = sqlFunction('payments.begin_recovery')
export const completeRecovery = sqlFunction('payments.complete_recovery', { mayBeEmpty: true })
export const recoverableEventTypes = sqlFunction('payments.recoverable_event_types')

// catalogue

export const beginCatalogChange = sqlFunction('payments_private.begin_catalog_change', { mayBeEmpty: true })
export const endCatalogChange = sqlFunction('payments_private.end_catalog_change', { mayBeEmpty: true })

// connection

export const connectAccount = sqlFunction('payments.connect_account')
export const disconnectAccount = sqlFunction('payments.disconnect_account')
export const beginWebhookEndpoint = sqlFunction('payments.begin_webhook_endpoint')
export const completeWebhookEndpoint = sqlFunction('payments.complete_webhook_endpoint')
export const webhookEndpointDrift = sqlFunction('payments.webhook_endpoint_drift')
export const environmentHealth = sqlFunction('payments.environment_health')
export const recordRefusedSignatures = sqlFunction('payments_private.record_refused_signatures')
export const forgetRefusedSignatures = sqlFunction('payments_private.forget_refused_signatures')
export const readSecrets = sqlFunction('payments_private.read_secrets')
export const allSecrets = sqlFunction('payments_private.all_secrets')
export const replaceSecrets = sqlFunction('payments_private.replace_secrets')

// owners

export const assignSubject = sqlFunction('payments.assign_subject')
export const eraseSubject = sqlFunction('payments.erase_subject', { deadlineMs: LONG_MS })

// the login

/**
 * One row for each role that the handlers use: {role, exists, allowed, granted, login}. The handlers become `anon` and
 * `authenticated`. Since Postgres 16 that takes a right of its own, because a login that created a role is its member
 * and may not become it. The login uses the rights of `payments_service` without becoming it, so it must inherit them.
 * Membership (granted) is not enough for a login with NOINHERIT.
 */
export const ROLE_RIGHTS = `
  select r.role, p.oid is not null as exists, current_user as login,
    coalesce(pg_has_role(p.oid, 'member'), false) as granted,
    coalesce(pg_has_role(p.oid, case
      when r.role = 'payments_service' then 'usage'
      when current_setting('server_version_num')::integer >= 160000 then 'set'
      else 'member'
    end), false) as allowed
  from (values ('anon'), ('authenticated'), ('payments_service')) as r (role)
  left join pg_catalog.pg_roles as p on p.rolname = r.role`

/** What to run for a login that is a member of `payments_service` and does not inherit its rights. */
export const INHERIT_ROLE =
  'The login does not inherit the rights of payments_service. Run `pg-payments doctor`: it says what to run in psql.'

/**
 * The settings of a connection under which payments fail, with the statement that corrects each for this login, and a
 * server that is a standby: after a failover, an address may lead to the former primary. Settings
 * cannot be sent with the connection: a pooler refuses startup parameters that it does not know.
 */
const SETTING_PROBLEMS = `
  select s.code, format('%s is %s, so %s; it must be %s.', s.name, s.value, s.effect, s.wanted) as message,
    format(
      '%sRun in psql%s: %salter role %I in database %I set %s = %L;%s Then restart the handlers, and the pooler if there is one.',
      s.note, s.whom, s.before, session_user, current_database(), s.name, s.wanted, s.after
    ) as next_action
  from (values
    ('isolation_level', 'default_transaction_isolation', current_setting('default_transaction_isolation'),
      'read committed', 'every webhook and every checkout fails', '', '', '', ''),
    ('row_security', 'row_security', current_setting('row_security'), 'on', 'every checkout fails', '', '', '', ''),
    ('read_only', 'default_transaction_read_only', current_setting('default_transaction_read_only'), 'off',
      'every webhook and every checkout fails', 'Some platforms set it while the disk is full: free space first. ', '',
      'begin read write; ', ' commit;'),
    ('replication_role', 'session_replication_role', current_setting('session_replication_role'), 'origin',
      'no trigger fires and nothing is fulfilled', '', ' as a superuser', '', '')
  ) as s (code, name, value, wanted, effect, note, whom, before, after)
  where s.value <> s.wanted and s.value not in ('read uncommitted', 'local')
  union all
  select 'read_only', 'This server is a standby and accepts no writes, so every webhook and every checkout fails.',
    'Set DATABASE_URL to the address of the primary server. Then restart the handlers.'
  where pg_is_in_recovery()`

/** What to run where the settings of the database break payments; empty where they do not. */
export const settingProblems = (database: Pick<Database, 'query'>) =>
  database.query<SettingProblem>(SETTING_PROBLEMS)

/** Whether the database responds, has our schema, and lets this login call its functions and become a caller's role. */
export async function checkDatabase(
  database: Database,
): Promise<{ migrated: boolean; allowed: boolean; inherits: boolean }> {
  const [row] = await database.query<{ migrated: boolean; allowed: boolean; inherits: boolean }>(
    `select
      count(*) > 0 as migrated,
      coalesce(
        bool_and(has_schema_privilege(n.oid, 'usage') and has_function_privilege(p.oid, 'execute')),
        false
      ) and (
        select bool_and(r.allowed) from (${ROLE_RIGHTS}) as r where r.role <> 'payments_service'
      ) as allowed,
      (
        select bool_and(r.allowed or not r.granted) from (${ROLE_RIGHTS}) as r where r.role = 'payments_service'
      ) as inherits
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = 'payments' and p.proname = 'ingest_webhook_event'`,
  )
  return row ?? { migrated: false, allowed: false, inherits: true }
}
