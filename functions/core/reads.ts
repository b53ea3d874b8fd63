/**
 * What the admin API reads: lists and single rows, through the same connections as everything else. Kysely only writes the
 * statements, typed by `types/database.ts`; it opens nothing. Loaded with the first admin request.
 *
 * A list is ordered by a key without ties, and a page begins after the key of the row where the last one ended, so that a list of
 * millions costs the same on every page.
 */
import {
  type CompiledQuery,
  DummyDriver,
  type ExpressionBuilder,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
  type SelectQueryBuilder,
  sql,
} from 'kysely'
import type {
  PaymentTransactionStatus,
  PaymentTransactionType,
  StripeEnvironment,
  StripeSubscriptionStatus,
  WebhookEventStatus,
} from '../../types/api.ts'
import type { DB } from '../../types/database.ts'
import type { Position } from './cursor.ts'
import type { Database, Value } from './database.ts'
import { asService } from './sql.ts'

const db = new Kysely<DB>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (instance) => new PostgresIntrospector(instance),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

/** Values travel as text, and Postgres knows the type of each from where it stands. */
const asText = (value: unknown): Value => (value === null || value === undefined ? null : String(value))

async function run<Row extends object>(database: Database, query: CompiledQuery<Row>): Promise<Row[]> {
  return asService(database.query<Row>(query.sql, query.parameters.map(asText)))
}

// Pages

export type PageArgs = { environment: StripeEnvironment; limit: number; after: Position | null }

/** A page of rows, and where it ended: null when nothing follows. */
export type PageOf<Row> = { rows: Row[]; end: Position | null }

/** With every microsecond, which a `Date` would lose. */
const exactly = (column: RawBuilder<unknown>) =>
  sql<string | null>`to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

/** One row more than asked for tells whether another page follows. */
async function page<Row extends { at: string | null; key: string }>(
  database: Database,
  limit: number,
  query: SelectQueryBuilder<DB, never, Row> | { limit(count: number): { compile(): CompiledQuery<Row> } },
): Promise<PageOf<Row>> {
  const rows = await run(database, query.limit(limit + 1).compile())
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return { rows: rows.slice(0, limit), end: last ? [last.at, last.key] : null }
}

/** Rows after a position, newest first; where the instant is not known, first of all, as Postgres orders them. */
function afterNewest(instant: RawBuilder<unknown>, key: RawBuilder<unknown>, [at, id]: Position) {
  if (at === null || at === undefined)
    return sql<boolean>`(${instant} is not null or ${key} < ${id ?? ''}::uuid)`
  return sql<boolean>`(${instant} <= ${at}::timestamptz and (${instant} < ${at}::timestamptz or ${key} < ${id ?? ''}::uuid))`
}

/** The rows of a table, newest first. */
const newest = (table: string, column: string) => {
  const instant = sql.ref(`${table}.${column}`)
  const key = sql.ref(`${table}.id`)
  return {
    at: exactly(instant).as('at'),
    key: sql<string>`${key}::text`.as('key'),
    order: sql`${instant} desc, ${key} desc`,
    after: (position: Position) => afterNewest(instant, key, position),
    from: (text: string) => sql<boolean>`${instant} >= ${text}::timestamptz`,
    before: (text: string) => sql<boolean>`${instant} < ${text}::timestamptz`,
  }
}

export type RangeFilter = { from?: string | undefined; to?: string | undefined }
export type SubjectFilter = { subjectType?: string | undefined; subjectId?: string | undefined }

// Connections and keys

const connectionColumns = [
  'c.environment',
  'c.status',
  'c.provider_account_id',
  'c.account_email',
  'c.account_livemode',
  'c.webhook_endpoint_id',
  'c.webhook_endpoint_url',
  'c.webhook_configured_at',
  'c.last_synced_at',
  'c.last_sync_status',
  'c.last_sync_error',
  'c.last_sync_counts',
] as const

/** The connections that there are, at most one for each environment. */
export function readConnections(database: Database) {
  const query = db
    .selectFrom('payments.provider_connections as c')
    .select(connectionColumns)
    .where('c.provider', '=', 'stripe')
  return run(database, query.compile())
}

/** What may be shown of the stored secret keys. */
export function readStoredKeys(database: Database) {
  const query = db
    .selectFrom('payments_private.secrets as s')
    .select(['s.environment', 's.masked'])
    .where('s.kind', '=', 'secret_key')
    .orderBy('s.created_at', 'desc')
  return run(database, query.compile())
}

// Catalog

const productColumns = [
  'p.environment',
  'p.product_id',
  'p.name',
  'p.description',
  'p.active',
  'p.default_price_id',
  'p.metadata',
  'p.synced_at',
] as const

const priceColumns = [
  'p.environment',
  'p.price_id',
  'p.product_id',
  'p.active',
  'p.currency',
  'p.unit_amount',
  'p.unit_amount_decimal',
  'p.type',
  'p.lookup_key',
  'p.billing_scheme',
  'p.tax_behavior',
  'p.recurring_interval',
  'p.recurring_interval_count',
  'p.metadata',
  'p.synced_at',
] as const

/** Products by name, as far as a cursor can carry one: it travels in an address. */
export function listProducts(database: Database, { environment, limit, after }: PageArgs) {
  const beginning = sql<string>`left(p.name, 250)`
  const name = sql`${beginning} collate "C"`
  const query = db
    .selectFrom('payments.stripe_products as p')
    .select(productColumns)
    .select([beginning.as('at'), sql<string>`p.product_id`.as('key')])
    .where('p.environment', '=', environment)
    .where('p.deleted', '=', false)
    .$if(after !== null, (q) =>
      q.where(sql<boolean>`(${name}, p.product_id collate "C") > (${after?.[0]}, ${after?.[1]})`),
    )
    .orderBy(sql`${name}, p.product_id collate "C"`)
  return page(database, limit, query)
}

export async function readProduct(database: Database, environment: StripeEnvironment, productId: string) {
  const query = db
    .selectFrom('payments.stripe_products as p')
    .select(productColumns)
    .where('p.product_id', '=', productId)
    .where('p.environment', '=', environment)
    .where('p.deleted', '=', false)
  return (await run(database, query.compile()))[0] ?? null
}

/** Prices by product, then by id. */
export function listPrices(
  database: Database,
  { environment, limit, after, productId }: PageArgs & { productId?: string | undefined },
) {
  const product = sql`coalesce(p.product_id, '') collate "C"`
  const query = db
    .selectFrom('payments.stripe_prices as p')
    .select(priceColumns)
    .select([sql<string>`coalesce(p.product_id, '')`.as('at'), sql<string>`p.price_id`.as('key')])
    .where('p.environment', '=', environment)
    .where('p.deleted', '=', false)
    .$if(productId !== undefined, (q) => q.where('p.product_id', '=', productId ?? ''))
    .$if(after !== null, (q) =>
      q.where(sql<boolean>`(${product}, p.price_id collate "C") > (${after?.[0]}, ${after?.[1]})`),
    )
    .orderBy(sql`${product}, p.price_id collate "C"`)
  return page(database, limit, query)
}

export async function readPrice(database: Database, environment: StripeEnvironment, priceId: string) {
  const query = db
    .selectFrom('payments.stripe_prices as p')
    .select(priceColumns)
    .where('p.price_id', '=', priceId)
    .where('p.environment', '=', environment)
    .where('p.deleted', '=', false)
  return (await run(database, query.compile()))[0] ?? null
}

// What was bought

/** Subscriptions, the newest change first. */
export function listSubscriptions(
  database: Database,
  args: PageArgs &
    RangeFilter &
    SubjectFilter & { customerId?: string | undefined; status?: StripeSubscriptionStatus | undefined },
) {
  const { environment, limit, after, subjectType, subjectId, customerId, status, from, to } = args
  const order = newest('s', 'updated_at')
  const query = db
    .selectFrom('payments.stripe_subscriptions as s')
    .select([
      's.environment',
      's.subscription_id',
      's.customer_id',
      's.subject_type',
      's.subject_id',
      's.status',
      's.current_period_start',
      's.current_period_end',
      's.cancel_at_period_end',
      's.cancel_at',
      's.canceled_at',
      's.trial_start',
      's.trial_end',
      's.latest_invoice_id',
      's.metadata',
      's.synced_at',
      's.created_at',
      's.updated_at',
      order.at,
      order.key,
    ])
    .where('s.environment', '=', environment)
    .$if(subjectId !== undefined, (q) =>
      q.where('s.subject_id', '=', subjectId ?? '').where('s.subject_type', '=', subjectType ?? ''),
    )
    .$if(customerId !== undefined, (q) => q.where('s.customer_id', '=', customerId ?? ''))
    .$if(status !== undefined, (q) => q.where('s.status', '=', status ?? ''))
    .$if(from !== undefined, (q) => q.where(order.from(from ?? '')))
    .$if(to !== undefined, (q) => q.where(order.before(to ?? '')))
    .$if(after !== null, (q) => q.where(order.after(after ?? [])))
    .orderBy(order.order)
  return page(database, limit, query)
}

/** The items of these subscriptions. */
export function readSubscriptionItems(
  database: Database,
  environment: StripeEnvironment,
  subscriptionIds: string[],
) {
  if (subscriptionIds.length === 0) return Promise.resolve([])
  const query = db
    .selectFrom('payments.stripe_subscription_items as i')
    .select([
      'i.environment',
      'i.subscription_item_id',
      'i.subscription_id',
      'i.product_id',
      'i.price_id',
      'i.quantity',
      'i.metadata',
      'i.created_at',
      'i.updated_at',
    ])
    .where('i.subscription_id', 'in', subscriptionIds)
    .where('i.environment', '=', environment)
    .orderBy('i.subscription_item_id')
  return run(database, query.compile())
}

/** Payments and refunds, the newest at Stripe first. */
export function listTransactions(
  database: Database,
  args: PageArgs &
    RangeFilter &
    SubjectFilter & {
      customerId?: string | undefined
      status?: PaymentTransactionStatus | undefined
      type?: PaymentTransactionType | undefined
    },
) {
  const { environment, limit, after, subjectType, subjectId, customerId, status, type, from, to } = args
  const order = newest('t', 'provider_created_at')
  const query = db
    .selectFrom('payments.transactions as t')
    .select([
      't.environment',
      't.type',
      't.status',
      't.subject_type',
      't.subject_id',
      't.provider_customer_id',
      't.customer_email_snapshot',
      't.provider_object_id',
      't.provider_object_type',
      't.amount',
      't.amount_refunded',
      't.currency',
      't.description',
      't.paid_at',
      't.failed_at',
      't.refunded_at',
      't.provider_created_at',
      't.created_at',
      't.updated_at',
      't.related_object_ids',
      order.at,
      order.key,
    ])
    .where('t.environment', '=', environment)
    .where('t.provider', '=', 'stripe')
    .$if(subjectId !== undefined, (q) =>
      q.where('t.subject_id', '=', subjectId ?? '').where('t.subject_type', '=', subjectType ?? ''),
    )
    .$if(customerId !== undefined, (q) => q.where('t.provider_customer_id', '=', customerId ?? ''))
    .$if(status !== undefined, (q) => q.where('t.status', '=', status ?? ''))
    .$if(type !== undefined, (q) => q.where('t.type', '=', type ?? ''))
    .$if(from !== undefined, (q) => q.where(order.from(from ?? '')))
    .$if(to !== undefined, (q) => q.where(order.before(to ?? '')))
    .$if(after !== null, (q) => q.where(order.after(after ?? [])))
    .orderBy(order.order)
  return page(database, limit, query)
}

/** Customers, the newest at Stripe first. What they paid is summed up for the page only. */
export function listCustomers(
  database: Database,
  args: PageArgs &
    RangeFilter &
    SubjectFilter & {
      customerId?: string | undefined
      email?: string | undefined
      status?: 'active' | 'deleted' | undefined
    },
) {
  const { environment, limit, after, subjectType, subjectId, customerId, email, status, from, to } = args
  const order = newest('c', 'provider_created_at')
  const ofSubject = (eb: ExpressionBuilder<DB & { c: DB['payments.customers'] }, 'c'>) =>
    eb.exists(
      eb
        .selectFrom('payments.customer_mappings as m')
        .select(sql`1`.as('one'))
        .where('m.subject_id', '=', subjectId ?? '')
        .where('m.subject_type', '=', subjectType ?? '')
        .where('m.environment', '=', environment)
        .whereRef('m.provider_customer_id', '=', 'c.provider_customer_id'),
    )
  const rows = db
    .selectFrom('payments.customers as c')
    .select([
      'c.id',
      'c.environment',
      'c.provider_customer_id',
      'c.email',
      'c.name',
      'c.phone',
      'c.deleted',
      'c.metadata',
      'c.provider_created_at',
      'c.synced_at',
      sql<string | null>`upper(substring(c.raw #>> '{address,country}' from '^[A-Za-z]{2}$'))`.as('country'),
      sql<string | null>`c.raw #>> '{invoice_settings,default_payment_method,card,brand}'`.as('brand'),
      sql<string | null>`c.raw #>> '{invoice_settings,default_payment_method,card,last4}'`.as('last4'),
      order.at,
      order.key,
    ])
    .where('c.environment', '=', environment)
    .where('c.provider', '=', 'stripe')
    .$if(customerId !== undefined, (q) => q.where('c.provider_customer_id', '=', customerId ?? ''))
    .$if(email !== undefined, (q) => q.where('c.email', '=', email ?? ''))
    .$if(status !== undefined, (q) => q.where('c.deleted', '=', status === 'deleted'))
    .$if(subjectId !== undefined, (q) => q.where(ofSubject as never))
    .$if(from !== undefined, (q) => q.where(order.from(from ?? '')))
    .$if(to !== undefined, (q) => q.where(order.before(to ?? '')))
    .$if(after !== null, (q) => q.where(order.after(after ?? [])))
    .orderBy(order.order)
    .limit(limit + 1)
  const paid = sql`t.type <> 'refund' and t.status in ('succeeded', 'refunded', 'partially_refunded')`
  const query = db
    .selectFrom(rows.as('page'))
    .leftJoinLateral(
      (eb) =>
        eb
          .selectFrom('payments.transactions as t')
          .select([
            sql<string>`count(*) filter (where ${paid})`.as('payments_count'),
            sql<Date | null>`max(t.paid_at)`.as('last_payment_at'),
            sql<string>`count(distinct t.currency) filter (where ${paid})`.as('currencies'),
            sql<string | null>`min(t.currency) filter (where ${paid})`.as('currency'),
            sql<string | null>`sum(t.amount - t.amount_refunded) filter (where ${paid})`.as('spend'),
          ])
          .whereRef('t.provider_customer_id', '=', 'page.provider_customer_id')
          .where('t.environment', '=', environment)
          .where('t.provider', '=', 'stripe')
          .as('sums'),
      (join) => join.onTrue(),
    )
    .selectAll()
    .orderBy(sql`page.provider_created_at desc, page.id desc`)
  return page(database, limit, query)
}

// The ledger

const eventColumns = [
  'e.id',
  'e.environment',
  'e.event_type',
  'e.livemode',
  'e.object_type',
  'e.object_id',
  'e.processing_status',
  'e.attempt_count',
  'e.last_error',
  'e.received_at',
  'e.processed_at',
  'e.created_at',
  'e.updated_at',
  'e.provider_event_id',
  'e.provider_account_id',
] as const

/** Kept events without payloads, the last to arrive first. */
export function listWebhookEvents(
  database: Database,
  args: PageArgs &
    RangeFilter & {
      status?: WebhookEventStatus | undefined
      type?: string | undefined
      objectType?: string | undefined
      objectId?: string | undefined
    },
) {
  const { environment, limit, after, status, type, objectType, objectId, from, to } = args
  const order = newest('e', 'received_at')
  const query = db
    .selectFrom('payments.webhook_events as e')
    .select([...eventColumns, order.at, order.key])
    .where('e.environment', '=', environment)
    .where('e.provider', '=', 'stripe')
    .$if(status !== undefined, (q) => q.where('e.processing_status', '=', status ?? ''))
    .$if(type !== undefined, (q) => q.where('e.event_type', '=', type ?? ''))
    .$if(objectType !== undefined, (q) => q.where('e.object_type', '=', objectType ?? ''))
    .$if(objectId !== undefined, (q) => q.where('e.object_id', '=', objectId ?? ''))
    .$if(from !== undefined, (q) => q.where(order.from(from ?? '')))
    .$if(to !== undefined, (q) => q.where(order.before(to ?? '')))
    .$if(after !== null, (q) => q.where(order.after(after ?? [])))
    .orderBy(order.order)
  return page(database, limit, query)
}

/** An event with its payload, which is `{}` once it was pruned. */
export async function readWebhookEvent(database: Database, environment: StripeEnvironment, eventId: string) {
  const query = db
    .selectFrom('payments.webhook_events as e')
    .select([...eventColumns, 'e.payload'])
    .where('e.provider_event_id', '=', eventId)
    .where('e.environment', '=', environment)
    .where('e.provider', '=', 'stripe')
  return (await run(database, query.compile()))[0] ?? null
}
