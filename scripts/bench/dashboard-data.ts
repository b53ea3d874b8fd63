/**
 * Fills a database with what a large shop leaves for the dashboard. It has customers with billing subjects and
 * subscriptions, payments and refunds of a year, events and sessions. Every kind of status and failure is among them.
 *
 *     npx tsx scripts/bench/dashboard-data.ts postgres://… [customers] [transactions]
 */
import { pathToFileURL } from 'node:url'
import type postgres from 'postgres'
import { connect } from './server.ts'

export type DashboardSize = {
  environment?: 'test' | 'live'
  /** 100,000 by default. */
  customers?: number
  /** 1,000,000 by default. */
  transactions?: number
  /** As many as transactions by default. */
  events?: number
  /** As many as customers by default. */
  sessions?: number
  /** None by default; half of them are of one product. */
  prices?: number
  /** As many as customers by default. */
  invoices?: number
}

const ROWS_PER_STATEMENT = 100_000

/** Payments are spread over a year, the newest an hour ago: `n` of `$4` rows. */
const at = `(now() - interval '1 hour' - ($4::int - n) * (interval '365 days' / $4::int))`
/** A product with very many prices, and very many products. */
const PRICES = [
  `insert into payments.stripe_products (environment, product_id, name, active)
   select $1, 'prod_P' || n, 'Part ' || n, n % 9 > 0 from generate_series(1, $2::int / 5) as n`,
  `insert into payments.stripe_prices (environment, price_id, product_id, active, currency, unit_amount, type, lookup_key)
   select $1, 'price_P' || n, case when n % 2 = 0 then 'prod_B1' else 'prod_P' || 1 + n % ($2::int / 5) end, n % 9 > 0, 'eur', 100 + n,
     'one_time', 'part-' || n
   from generate_series(1, $2::int) as n`,
]

const hex = (n: string) => `lpad(to_hex(${n}), 8, '0')`
const customerOf = (n: string) => `'cus_B' || ${hex(n)}`
/** The customer of a payment, of whom `$5` exist; neighbours in time are of different customers. */
const payer = `(1 + (n::bigint * 7919) % $5::int)::int`
const CURRENCY = `(array['eur', 'usd', 'gbp', 'jpy', 'kwd'])[1 + (n % 100 > 60)::int + (n % 100 > 85)::int + (n % 100 > 95)::int + (n % 100 > 98)::int]`

const CATALOGUE = [
  `insert into payments.stripe_products (environment, product_id, name, active)
   select $1, 'prod_B' || n, 'Product ' || n, n % 5 > 0 from generate_series(1, 20) as n`,
  `insert into payments.stripe_prices (
     environment, price_id, product_id, active, currency, unit_amount, type, recurring_interval, recurring_interval_count,
     recurring_usage_type, lookup_key)
   select $1, 'price_B' || n, 'prod_B' || 1 + n % 20, true, (array['eur', 'usd'])[1 + n % 2], 500 + n * 100, 'recurring',
     (array['month', 'year', 'week'])[1 + n % 3], 1, case when n % 10 = 0 then 'metered' else 'licensed' end, 'plan-' || n
   from generate_series(1, 50) as n`,
]

/**
 * `$1` is the environment, `$2` and `$3` the first and the last number, `$4` their greatest, `$5` the number of
 * customers.
 */
const CUSTOMERS = [
  `insert into payments.customers (environment, provider_customer_id, email, name, raw, provider_created_at)
   select $1, ${customerOf('n')}, (array['ada', 'bob', 'chi', 'dan', 'eve', 'fay', 'gus'])[1 + n % 7] || '.' || n || '@example' || n % 50 || '.com',
     'Customer ' || n, jsonb_build_object('id', ${customerOf('n')}, 'object', 'customer'), ${at}
   from generate_series($2::int, $3::int) as n where $5::int > 0`,
  `insert into payments.customer_mappings (environment, provider_customer_id, subject_type, subject_id)
   select $1, ${customerOf('n')}, 'team', 'team-' || n from generate_series($2::int, $3::int) as n
   where $4::int > 0 and $5::int > 0`,
  `insert into payments_private.customer_owners (environment, customer_id, subject_type, subject_id, named_at, named_by)
   select $1, ${customerOf('n')}, 'team', 'team-' || n, ${at}, 'cs_B' || n from generate_series($2::int, $3::int) as n
   where $5::int > 0`,
  `insert into payments.stripe_subscriptions (
     environment, subscription_id, customer_id, subject_type, subject_id, status, latest_invoice_id, current_period_start,
     current_period_end, cancel_at_period_end, raw, updated_at)
   select $1, 'sub_B' || ${hex('n')}, ${customerOf('n')}, 'team', 'team-' || n,
     case when n % 10 < 6 then 'active' when n % 10 = 6 then 'trialing' when n % 10 = 7 then 'past_due' else 'canceled' end,
     'in_B' || ${hex('n')}, ${at}, ${at} + interval '1 month', n % 97 = 0, '{}', ${at}
   from generate_series($2::int, $3::int) as n where n % 5 < 3 and $5::int > 0`,
  `insert into payments.stripe_subscription_items (environment, subscription_item_id, subscription_id, product_id, price_id, quantity)
   select $1, 'si_B' || ${hex('n')}, 'sub_B' || ${hex('n')}, 'prod_B' || 1 + (1 + n % 50) % 20, 'price_B' || 1 + n % 50, 1 + n % 3
   from generate_series($2::int, $3::int) as n where n % 5 < 3 and $4::int > 0 and $5::int > 0`,
]

const INVOICES = [
  `insert into payments.stripe_invoices (
     environment, invoice_id, number, status, customer_id, subject_type, subject_id, subscription_id, currency, subtotal, total, amount_due,
     amount_paid, amount_remaining, provider_created_at)
   select $1, 'in_B' || ${hex('n')}, 'B-' || n, case when n % 20 = 0 then 'open' else 'paid' end, ${customerOf('n')}, 'team', 'team-' || n,
     case when n % 5 < 3 then 'sub_B' || ${hex('n')} end, 'eur', 1900, 1900, 1900, case when n % 20 = 0 then 0 else 1900 end, case when n % 20 = 0 then 1900 else 0 end, ${at}
   from generate_series($2::int, $3::int) as n where $5::int > 0`,
]

const IDS = `'pi_B' || ${hex('n')}`
const TRANSACTIONS = [
  `insert into payments_private.payment_objects (environment, object_id, object_type, payment_id, version, state, status, amount, currency, provider_created_at)
   select $1, o.id, o.type, md5($1 || ' payment ' || n)::uuid, 1, 'succeeded', 'succeeded', 1900, 'eur', ${at}
   from generate_series($2::int, $3::int) as n
   cross join lateral (values (${IDS}, 'payment_intent'), ('ch_B' || ${hex('n')}, 'charge')) as o (id, type)
   where $5::int > 0`,
  `insert into payments.transactions (
     id, environment, type, status, subject_type, subject_id, provider_customer_id, customer_email_snapshot, provider_object_type,
     provider_object_id, related_object_ids, amount, amount_refunded, currency, description, paid_at, failed_at, refunded_at,
     provider_created_at, disputed_at, dispute_amount, dispute_status)
   select md5($1 || ' payment ' || n)::uuid, $1, k.type,
     case k.type when 'failed_payment' then 'failed' when 'refund' then 'succeeded'
       else case when n % 50 = 7 then 'refunded' when n % 1000 = 9 then 'pending' else 'succeeded' end end,
     'team', 'team-' || ${payer}, ${customerOf(payer)}, 'payer' || ${payer} || '@example.com',
     case k.type when 'refund' then 'refund' else 'payment_intent' end, case k.type when 'refund' then 're_B' || ${hex('n')} else ${IDS} end,
     jsonb_build_object('payment_intent', ${IDS}, 'charge', 'ch_B' || ${hex('n')}), 100 + (n::bigint * 37) % 50000,
     case when n % 50 = 7 and k.type <> 'refund' then 100 + (n::bigint * 37) % 50000 else 0 end, ${CURRENCY}, 'Order ' || n,
     case when k.type in ('one_time_payment', 'subscription_invoice') and n % 1000 <> 9 then ${at} end,
     case when k.type = 'failed_payment' then ${at} end, case when k.type = 'refund' then ${at} end, ${at},
     case when n % 2000 = 3 then ${at} end, case when n % 2000 = 3 then 1900 end, case when n % 2000 = 3 then 'needs_response' end
   from generate_series($2::int, $3::int) as n
   cross join lateral (
     select case when n % 20 = 0 then 'refund' when n % 20 = 1 then 'failed_payment' when n % 2 = 0 then 'one_time_payment'
       else 'subscription_invoice' end as type
   ) as k`,
]

const EVENTS = [
  `insert into payments.webhook_events (
     environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload, processing_status,
     attempt_count, received_at, processed_at, last_error, next_attempt_at)
   select $1, 'evt_B' || ${hex('n')},
     case when n % 5000 = 0 then 'charge.dispute.created' when n % 2 = 1 then 'payment_intent.succeeded' else 'invoice.paid' end,
     $1 = 'live', 'payment_intent', ${IDS}, ${at}, jsonb_build_object('id', 'evt_B' || ${hex('n')}, 'object', 'event'), s.status, 1,
     ${at} + interval '2 seconds', case when s.status <> 'failed' then ${at} + interval '3 seconds' end,
     case when s.status = 'failed' then 'The order ' || n % 3 || ' is unknown.' end,
     case when s.status = 'failed' and n % 4000 = 0 then now() + interval '1 hour' end
   from generate_series($2::int, $3::int) as n
   cross join lateral (select case when n % 2000 = 0 then 'failed' when n % 500 = 1 then 'ignored' else 'processed' end as status) as s
   where $5::int > 0`,
]

const SESSIONS = [
  `insert into payments.stripe_checkout_sessions (
     environment, mode, status, subject_type, subject_id, success_url, cancel_url, checkout_session_id, customer_id, last_error, created_at)
   select $1, case when n % 2 = 0 then 'payment' else 'subscription' end,
     case when n % 100 = 0 then 'failed' when n % 100 < 5 then 'expired' when n % 100 < 7 then 'open' else 'completed' end, 'team',
     'team-' || ${payer}, 'https://shop.example/thanks', 'https://shop.example/cart',
     case when n % 100 > 0 then 'cs_test_B' || ${hex('n')} end, ${customerOf(payer)},
     case when n % 100 = 0 then 'Stripe refused the price.' end, ${at}
   from generate_series($2::int, $3::int) as n`,
  `insert into payments.stripe_customer_portal_sessions (environment, status, subject_type, subject_id, customer_id, last_error, created_at)
   select $1, case when n % 50 = 0 then 'failed' else 'created' end, 'team', 'team-' || ${payer}, ${customerOf(payer)},
     case when n % 50 = 0 then 'There is no configuration.' end, ${at}
   from generate_series($2::int, $3::int) as n where n % 5 = 0`,
]

/** Fills the tables and updates their statistics. The login must be a superuser. */
export async function fillDashboard(
  url: string,
  { environment = 'test', customers = 100_000, transactions = 1_000_000, ...more }: DashboardSize = {},
  log: (line: string) => void = () => {},
): Promise<void> {
  const { events = transactions, sessions = customers, prices = 0, invoices = customers } = more
  const sql = connect(url)
  const insert = async (statements: string[], rows: number) => {
    for (let from = 1; from <= rows; from += ROWS_PER_STATEMENT) {
      const to = Math.min(rows, from + ROWS_PER_STATEMENT - 1)
      for (const statement of statements)
        await sql.unsafe(statement, [
          environment,
          from,
          to,
          rows,
          customers,
        ] as postgres.ParameterOrJSON<never>[])
    }
  }
  try {
    // These rows may be lost in a crash, and no trigger has to add anything to them.
    await sql`set synchronous_commit = off`
    await sql`set session_replication_role = replica`
    for (const statement of CATALOGUE) await sql.unsafe(statement, [environment])
    if (prices >= 5) for (const statement of PRICES) await sql.unsafe(statement, [environment, prices])
    await insert(CUSTOMERS, customers)
    await insert(INVOICES, invoices)
    log(`filled ${customers} customers`)
    await insert(TRANSACTIONS, transactions)
    log(`filled ${transactions} transactions`)
    await insert(EVENTS, events)
    log(`filled ${events} events`)
    await insert(SESSIONS, sessions)
    await sql`vacuum (analyze)`
    log('vacuumed and analyzed')
  } finally {
    await sql.end()
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [url = '', customers = '100000', transactions = '1000000'] = process.argv.slice(2)
  await fillDashboard(url, { customers: Number(customers), transactions: Number(transactions) }, console.log)
}
