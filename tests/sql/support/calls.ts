/** Calls of the SQL functions, and the rows that are there afterwards. */
import type postgres from 'postgres'
import type { Claims } from '../../setup/database.ts'
import { at, type Json } from './stripe.ts'

/** A pool, a reserved connection or a transaction. */
export type Sql = postgres.Sql | postgres.TransactionSql

export type Ingested = {
  status: 'processed' | 'ignored' | 'duplicate' | 'failed'
  event: Json
  fetch: Json[]
}

export async function ingest(sql: Sql, event: Json, environment = 'test'): Promise<Ingested> {
  const [row] = await sql<{ result: Ingested }[]>`
    select payments.ingest_webhook_event(${environment}, ${sql.json(event)}) as result`
  if (!row) throw new Error('ingest_webhook_event answered nothing')
  return row.result
}

/** One event after the other, each in a call of its own, in one round trip. */
export async function ingestAll(sql: Sql, events: Json[]): Promise<Ingested[]> {
  const rows = await sql<{ result: Ingested }[]>`
    select payments.ingest_webhook_event('test', e.event) as result
    from (select * from jsonb_array_elements(${sql.json(events)}) with ordinality order by 2) as e (event, place)`
  return rows.map(({ result }) => result)
}

/** Hands in answers of the API that were true at `second`. */
export async function projectObjects(sql: Sql, objects: Json[], second: number, environment = 'test') {
  const [row] = await sql<{ applied: number }[]>`
    select payments.project_stripe_objects(${environment}, ${sql.json(objects)}, ${at(second)}) as applied`
  return row?.applied
}

export type CheckoutRequest = {
  environment?: string | null
  mode?: string | null
  lineItems?: unknown
  successUrl?: string | null
  cancelUrl?: string | null
  subject?: { type: string | null; id: string | null }
  customerEmail?: string
  metadata?: Json | null
  idempotencyKey?: string
  options?: Json
}

export type Begun = {
  action: 'send' | 'return' | 'fetch'
  session: Json
  attempt: number
  checkout_session_id: string | null
  idempotency_key: string
  params: Json
}

/** Begins a checkout as the handlers do: as the service, for a caller with these claims. */
export async function begin(sql: Sql, caller: Claims, request: CheckoutRequest = {}): Promise<Begun> {
  const {
    environment = 'test',
    mode = 'payment',
    lineItems = [{ priceId: 'price_tea', quantity: 1 }],
    successUrl = 'https://shop.example/success',
    cancelUrl = 'https://shop.example/cancel',
    subject,
    customerEmail = null,
    metadata = {},
    idempotencyKey = null,
    options = {},
  } = request
  const [row] = await sql<{ result: Begun }[]>`
    select payments.begin_checkout_session(
      environment => ${environment},
      caller => ${sql.json((caller ?? { role: 'anon' }) as never)},
      mode => ${mode},
      line_items => ${lineItems === null ? null : sql.json(lineItems as never)},
      success_url => ${successUrl},
      cancel_url => ${cancelUrl},
      subject_type => ${subject?.type ?? null},
      subject_id => ${subject?.id ?? null},
      customer_email => ${customerEmail},
      metadata => ${metadata === null ? null : sql.json(metadata)},
      idempotency_key => ${idempotencyKey},
      options => ${sql.json(options as never)}
    ) as result`
  if (!row) throw new Error('begin_checkout_session answered nothing')
  return row.result
}

/** Hands in Stripe's answer to a checkout. */
export async function complete(
  sql: Sql,
  begun: Pick<Begun, 'session' | 'attempt'>,
  session: Json,
  second: number,
) {
  const [row] = await sql<{ row: Json }[]>`
    select to_jsonb(t) as row from payments.complete_checkout_session(
      ${begun.session.environment}, ${begun.session.id}::uuid, ${begun.attempt}, ${sql.json(session)}, ${at(second)}) t`
  return plain(row as { row: Json })
}

export async function fail(
  sql: Sql,
  begun: Pick<Begun, 'session' | 'attempt'>,
  error: string,
  { stripeMayHaveActed = false } = {},
) {
  const [row] = await sql<{ row: Json }[]>`
    select to_jsonb(t) as row from payments.fail_checkout_session(
      ${begun.session.environment}, ${begun.session.id}::uuid, ${begun.attempt}, ${error}, ${stripeMayHaveActed}) t`
  return plain(row as { row: Json })
}

export async function openPortal(
  sql: Sql,
  caller: Claims,
  subject: { type: string | null; id: string | null },
  {
    environment = 'test',
    returnUrl = null as string | null,
    configuration = null as string | null,
    options = {} as Json,
  } = {},
) {
  const [row] = await sql<{ result: { session: Json; params: Json; idempotency_key: string } }[]>`
    select payments.begin_customer_portal_session(
      ${environment}, ${sql.json((caller ?? { role: 'anon' }) as never)}, ${subject.type}, ${subject.id},
      ${returnUrl}, ${configuration}, ${sql.json(options as never)}) as result`
  if (!row) throw new Error('begin_customer_portal_session answered nothing')
  return row.result
}

/** What Postgres refused with. */
export type Refusal = { code: string; message: string; hint?: string }

/** The error of a call that must fail. */
export async function refusal(work: Promise<unknown>): Promise<Refusal> {
  try {
    await work
  } catch (error) {
    const { code, message, hint } = error as Refusal
    return hint === undefined ? { code, message } : { code, message, hint }
  }
  throw new Error('the call was expected to fail, and did not')
}

/** A row as JSON has it, its instants as seconds since 1970, like Stripe's. */
function plain({ row }: { row: Json }): Json {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      typeof value === 'string' && /_(at|start|end)$/.test(column) ? Date.parse(value) / 1000 : value,
    ]),
  )
}

/** Rows of a table of the contract, in no order. */
async function rowsOf(sql: Sql, table: string, column: string, value: string): Promise<Json[]> {
  const rows = await sql<{ row: Json }[]>`
    select to_jsonb(t) as row from payments.${sql(table)} t where t.${sql(column)} = ${value}`
  return rows.map(plain)
}

async function rowOf(sql: Sql, table: string, column: string, value: string): Promise<Json> {
  const rows = await rowsOf(sql, table, column, value)
  if (rows.length !== 1) throw new Error(`${table} has ${rows.length} rows with ${column} ${value}`)
  return rows[0] as Json
}

export const sessionRow = (sql: Sql, id: string) =>
  rowOf(sql, 'stripe_checkout_sessions', /^cs_/.test(id) ? 'checkout_session_id' : 'id', id)
export const portalRow = (sql: Sql, id: string) => rowOf(sql, 'stripe_customer_portal_sessions', 'id', id)
export const subscriptionRow = (sql: Sql, id: string) =>
  rowOf(sql, 'stripe_subscriptions', 'subscription_id', id)
export const customerRow = (sql: Sql, id: string) => rowOf(sql, 'customers', 'provider_customer_id', id)
export const productRow = (sql: Sql, id: string) => rowOf(sql, 'stripe_products', 'product_id', id)
export const priceRow = (sql: Sql, id: string) => rowOf(sql, 'stripe_prices', 'price_id', id)
export const eventRow = (sql: Sql, id: string) => rowOf(sql, 'webhook_events', 'provider_event_id', id)

export async function itemRows(sql: Sql, subscriptionId: string): Promise<Json[]> {
  const rows = await rowsOf(sql, 'stripe_subscription_items', 'subscription_id', subscriptionId)
  return rows.sort((a, b) => (a.subscription_item_id < b.subscription_item_id ? -1 : 1))
}

/** The payments (not the refunds) that any of these objects belongs to. */
export async function paymentRows(sql: Sql, ...ids: string[]): Promise<Json[]> {
  const rows = await sql<{ row: Json }[]>`
    select to_jsonb(t) as row from payments.transactions t
    where t.type <> 'refund' and exists (
      select from jsonb_each_text(t.related_object_ids) r where r.value in ${sql(ids)})`
  return rows.map(plain)
}

/** The one row of a payment; none and several are an error. */
export async function paymentRow(sql: Sql, ...ids: string[]): Promise<Json> {
  const rows = await paymentRows(sql, ...ids)
  if (rows.length !== 1) throw new Error(`${rows.length} payments have ${ids.join(', ')}`)
  return rows[0] as Json
}

export const refundRow = (sql: Sql, id: string) => rowOf(sql, 'transactions', 'provider_object_id', id)

export async function mappingOf(sql: Sql, type: string, id: string): Promise<string | undefined> {
  const [row] = await sql<{ provider_customer_id: string }[]>`
    select provider_customer_id from payments.customer_mappings where subject_type = ${type} and subject_id = ${id}`
  return row?.provider_customer_id
}

/** The projections. */
export const TABLES = [
  'stripe_products',
  'stripe_prices',
  'customers',
  'customer_mappings',
  'stripe_checkout_sessions',
  'stripe_subscriptions',
  'stripe_subscription_items',
  'stripe_invoices',
  'stripe_credit_notes',
  'transactions',
]
const WRITTEN = [
  ...TABLES.map((table) => `payments.${table}`),
  'payments.webhook_events',
  'payments_private.payment_objects',
  'payments_private.customer_owners',
]
const ALL_ROWS = TABLES.map(
  (table) => `
    '${table}', (select coalesce(jsonb_agg(r.row order by r.row ->> 'type' = 'refund', r.row ->> 'provider_object_id', r.row::text), '[]') from (
      select to_jsonb(t) ${table === 'stripe_checkout_sessions' ? '' : "- 'id'"}
        - '{created_at,updated_at,synced_at}'::text[] as row from payments.${table} t) r)`,
)

/** The rows that a person or a trigger reads, without what differs from run to run, in one order. */
export async function stateOf(sql: Sql): Promise<Record<string, Json[]>> {
  const [row] = await sql.unsafe(`select jsonb_build_object(${ALL_ROWS}) as state`)
  return row?.state
}

/** Every order of the items. */
export function permutations<Item>(items: Item[]): Item[][] {
  if (items.length < 2) return [items]
  return items.flatMap((item, i) =>
    permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]),
  )
}

/** Runs `work` in a transaction that leaves nothing behind, and gives what it returned. */
export async function undone<Result>(
  sql: postgres.Sql,
  work: (sql: postgres.TransactionSql) => Promise<Result>,
): Promise<Result> {
  const done = new Error('done')
  let result: { value: Result } | undefined
  await sql
    .begin(async (transaction) => {
      result = { value: await work(transaction) }
      throw done
    })
    .catch((error) => {
      if (error !== done) throw error
    })
  return (result as { value: Result }).value
}

/**
 * Ingests the events in every order, each time from an empty start. Returns the state at the end of each order as text:
 * equal ends are equal texts. An event that failed is an error.
 */
export async function endsOfEveryOrder<Result>(
  sql: postgres.Sql,
  events: Json[],
  read: (sql: postgres.TransactionSql) => Promise<Result>,
): Promise<Result[]> {
  const ends: Result[] = []
  for (const order of permutations(events)) {
    // What was rolled back is dead weight for every search of the same ids.
    if (ends.length % 30 === 29) await sql.unsafe(`vacuum ${WRITTEN}`)
    ends.push(
      await undone(sql, async (transaction) => {
        for (const [i, { status, event }] of (await ingestAll(transaction, order)).entries()) {
          if (status !== 'processed') throw new Error(`${order[i]?.type} was ${status}: ${event.last_error}`)
        }
        return read(transaction)
      }),
    )
  }
  return ends
}

/** The different values among these, so that a test can say: there is one, and it is this. */
export function distinct<Item>(items: Item[]): Item[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()]
}
