/**
 * Fills a database in bulk with the rows that years of events would leave. It writes `transactions` payments with their
 * objects, invoices, receipts and sessions, and `ledger` events. It writes as many customers as payments, with their
 * mappings, owners and subscriptions. These rows belong to other customers than the measured events.
 *
 * Two things make an event slower in a full database: higher indexes, and pages that are not in memory. So ids are as
 * long as Stripe's, and ids that carry the time are older than any measured one. Payloads are short, because Postgres
 * stores long ones outside of the row and leaves a pointer of about that size.
 */
import type postgres from 'postgres'
import { connect } from './server.ts'

export type Size = { ledger: number; transactions: number }

/** Enough to be fast, few enough to log progress. */
const ROWS_PER_STATEMENT = 100_000
const ROWS_PER_LOG_LINE = 1_000_000

const at = (n: string) => `timestamptz '2024-11-18' + ${n} * interval '12 seconds'`
const version = (n: string) => `((extract(epoch from date_trunc('second', ${at(n)}))::bigint << 3) + 2)`
const id = (prefix: string, n: string) =>
  `'${prefix}A' || lpad(to_hex(${n}), 8, '0') || substr(md5('${prefix}' || ${n}), 1, 14)`
const short = (prefix: string, n: string) =>
  `'${prefix}A' || lpad(to_hex(${n}), 7, '0') || substr(md5('${prefix}' || ${n}), 1, 6)`
const session = `'cs_test_a1' || md5('cs' || n) || substr(md5('sc' || n), 1, 24)`
const paymentId = `md5('payment ' || n)::uuid`
const customer = short('cus_', 'n')
const subject = `'user', md5('user' || n)`

/**
 * `$1` and `$2` are the first and the last number of a statement. Odd payments are one-time, even ones are invoices.
 */
const PER_PAYMENT = [
  `insert into payments.customers (environment, provider_customer_id, email, name, metadata, raw, provider_created_at, version)
   select 'test', ${customer}, 'customer' || n || '@example.com', 'Customer ' || n, '{}',
     jsonb_build_object('id', ${customer}, 'object', 'customer', 'created', 1700000000, 'metadata', '{}'::jsonb), ${at('n')}, ${version('n')}
   from generate_series($1::int, $2::int) as n`,
  `insert into payments_private.customer_owners (environment, customer_id, subject_type, subject_id, named_at, named_by)
   select 'test', ${customer}, ${subject}, ${at('n')}, ${id('sub_1', 'n')}
   from generate_series($1::int, $2::int) as n`,
  `insert into payments.customer_mappings (environment, provider_customer_id, subject_type, subject_id)
   select 'test', ${customer}, ${subject}
   from generate_series($1::int, $2::int) as n`,
  `insert into payments.stripe_subscriptions (
     environment, subscription_id, customer_id, subject_type, subject_id, subject_version, status, current_period_start,
     current_period_end, latest_invoice_id, raw, version)
   select 'test', ${id('sub_1', 'n')}, ${customer}, ${subject}, ${version('n')}, 'active', ${at('n')}, ${at('n')} + interval '30 days',
     ${id('in_1', 'n')}, jsonb_build_object('id', ${id('sub_1', 'n')}, 'object', 'subscription', 'status', 'active'), ${version('n')}
   from generate_series($1::int, $2::int) as n`,
  `insert into payments.stripe_subscription_items (environment, subscription_item_id, subscription_id, product_id, price_id, quantity)
   select 'test', ${short('si_', 'n')}, ${id('sub_1', 'n')}, 'prod_filled', 'price_filled' || n % 50, 1
   from generate_series($1::int, $2::int) as n`,
  `insert into payments_private.payment_objects (
     environment, object_id, object_type, payment_id, version, state, status, amount, amount_refunded, currency, customer_id,
     customer_email, subject_type, subject_id, provider_created_at, succeeded_at)
   select 'test', o.id, o.type, ${paymentId}, ${version('n')}, 'succeeded', 'succeeded', 2000, case o.type when 'charge' then 0 end, 'usd',
     ${customer}, 'customer' || n || '@example.com', ${subject}, ${at('n')}, ${at('n')}
   from generate_series($1::int, $2::int) as n
   cross join lateral (values
     (${session}, 'checkout_session'), (${id('pi_3', 'n')}, 'payment_intent'), (${id('ch_3', 'n')}, 'charge')
   ) as o (id, type)
   where n % 2 = 1`,
  `insert into payments_private.payment_objects (
     environment, object_id, object_type, payment_id, version, state, status, amount, currency, customer_id, customer_email,
     subscription_id, product_id, price_id, subject_type, subject_id, provider_created_at, succeeded_at)
   select 'test', ${id('in_1', 'n')}, 'invoice', ${paymentId}, ${version('n')}, 'succeeded', 'paid', 4900, 'usd', ${customer},
     'customer' || n || '@example.com', ${id('sub_1', 'n')}, 'prod_filled', 'price_filled' || n % 50, ${subject}, ${at('n')}, ${at('n')}
   from generate_series($1::int, $2::int) as n
   where n % 2 = 0`,
  `insert into payments.stripe_invoices (
     environment, invoice_id, number, status, customer_id, subject_type, subject_id, subscription_id, billing_reason, currency,
     total, amount_due, amount_paid, provider_created_at, paid_at, metadata, version)
   select 'test', ${id('in_1', 'n')}, 'SHOP-' || n, 'paid', ${customer}, ${subject}, ${id('sub_1', 'n')}, 'subscription_cycle', 'usd',
     4900, 4900, 4900, ${at('n')}, ${at('n')}, '{}', ${version('n')}
   from generate_series($1::int, $2::int) as n
   where n % 2 = 0`,
  `insert into payments_private.charge_details (environment, charge_id, receipt_url, card_brand, card_last4, version)
   select 'test', ${id('ch_3', 'n')}, 'https://pay.stripe.com/receipts/' || n, 'visa', '4242', ${version('n')}
   from generate_series($1::int, $2::int) as n
   where n % 2 = 1`,
  `insert into payments.stripe_checkout_sessions (
     environment, mode, status, payment_status, subject_type, subject_id, success_url, cancel_url, checkout_session_id, customer_id,
     payment_intent_id, raw, version)
   select 'test', 'payment', 'completed', 'paid', ${subject}, 'https://shop.example/thanks', 'https://shop.example/cart', ${session},
     ${customer}, ${id('pi_3', 'n')}, '{}', ${version('n')}
   from generate_series($1::int, $2::int) as n
   where n % 2 = 1`,
  `insert into payments.transactions (
     id, environment, type, status, subject_type, subject_id, provider_customer_id, customer_email_snapshot, provider_object_type,
     provider_object_id, related_object_ids, amount, currency, paid_at, provider_created_at)
   select ${paymentId}, 'test', case when n % 2 = 1 then 'one_time_payment' else 'subscription_invoice' end, 'succeeded', ${subject},
     ${customer}, 'customer' || n || '@example.com', case when n % 2 = 1 then 'payment_intent' else 'invoice' end,
     case when n % 2 = 1 then ${id('pi_3', 'n')} else ${id('in_1', 'n')} end,
     case when n % 2 = 1
       then jsonb_build_object('payment_intent', ${id('pi_3', 'n')}, 'charge', ${id('ch_3', 'n')}, 'checkout_session', ${session})
       else jsonb_build_object('invoice', ${id('in_1', 'n')}, 'subscription', ${id('sub_1', 'n')}) end,
     case when n % 2 = 1 then 2000 else 4900 end, 'usd', ${at('n')}, ${at('n')}
   from generate_series($1::int, $2::int) as n`,
]

const LEDGER = `insert into payments.webhook_events (
    environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload, processing_status,
    attempt_count, received_at, processed_at)
  select 'test', ${id('evt_1', 'n')}, case when n % 2 = 1 then 'payment_intent.succeeded' else 'invoice.paid' end, false,
    case when n % 2 = 1 then 'payment_intent' else 'invoice' end,
    case when n % 2 = 1 then ${id('pi_3', '(n / 5)')} else ${id('in_1', '(n / 5)')} end,
    ${at('n')}, jsonb_build_object('id', ${id('evt_1', 'n')}, 'object', 'event', 'data', '{}'::jsonb), 'processed', 1, ${at('n')}, ${at('n')}
  from generate_series($1::int, $2::int) as n`

/** Grows the tables from one size to a larger one and updates their statistics. */
export async function fill(
  url: string,
  from: Size,
  to: Size,
  log: (line: string) => void = () => {},
): Promise<void> {
  const sql = connect(url)
  try {
    // These rows may be lost in a crash, and no trigger has to add anything to them.
    await sql`set synchronous_commit = off`
    await sql`set session_replication_role = replica`
    await inSteps(sql, PER_PAYMENT, from.transactions, to.transactions, (done) =>
      log(`filled ${done} transactions`),
    )
    await inSteps(sql, [LEDGER], from.ledger, to.ledger, (done) => log(`filled ${done} ledger rows`))
    log('vacuum and analyze')
    await sql`vacuum (analyze)`
  } finally {
    await sql.end()
  }
}

async function inSteps(
  sql: postgres.Sql,
  statements: string[],
  from: number,
  to: number,
  done: (count: number) => void,
): Promise<void> {
  for (let first = from + 1; first <= to; first += ROWS_PER_STATEMENT) {
    const last = Math.min(first + ROWS_PER_STATEMENT - 1, to)
    for (const statement of statements) await sql.unsafe(statement, [first, last])
    if (last === to || last % ROWS_PER_LOG_LINE === 0) done(last)
  }
}
