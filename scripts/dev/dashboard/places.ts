/** Every page of the dashboard, with an object to show where a page is about one. */
import type postgres from 'postgres'

type Shown = {
  failed: string | null
  customer: string | null
  subscription: string | null
  product: string | null
  payment: string | null
  run: string | null
  held: string | null
  invoice: string | null
  planned: string | null
}

export async function placesOf(sql: postgres.Sql): Promise<[name: string, path: string][]> {
  const [row] = await sql<Shown[]>`
    select
      (select provider_event_id from payments.webhook_events where processing_status = 'failed' limit 1) as failed,
      (select customer_id from payments.stripe_subscriptions order by subject_id limit 1) as customer,
      (select subscription_id from payments.stripe_subscriptions order by subject_id limit 1) as subscription,
      (select product_id from payments.stripe_products where name = 'Team plan' limit 1) as product,
      (select id::text from payments.transactions where dispute_status is not null limit 1) as payment,
      (select id::text from payments.sync_runs order by started_at desc limit 1) as run,
      (select id::text from payments.transactions where description like 'Workshop%' limit 1) as held,
      (select invoice_id from payments.stripe_credit_notes limit 1) as invoice,
      (select subscription_id from payments.stripe_subscriptions where schedule_id is not null limit 1) as planned`
  return [
    ['overview', 'test/overview'],
    ['overview-live', 'live/overview'],
    ['catalogue', 'test/catalogue'],
    ['product', `test/catalogue/${row?.product}`],
    ['offers', 'test/offers'],
    ['customers', 'test/customers'],
    ['customer', `test/customers/${row?.customer}`],
    ['subscriptions', 'test/subscriptions'],
    ['subscription', `test/subscriptions/${row?.subscription}`],
    ['subscription-planned', `test/subscriptions/${row?.planned}`],
    ['payments', 'test/payments'],
    ['payment', `test/payments/${row?.payment}`],
    ['payment-held', `test/payments/${row?.held}`],
    ['invoices', 'test/invoices'],
    ['credit-notes', 'test/invoices/credit-notes'],
    ['invoice', `test/invoices/${row?.invoice}`],
    ['events', 'test/events'],
    ['event', `test/events/${row?.failed}`],
    ['sessions', 'test/sessions'],
    ['sessions-portal', 'test/sessions/portal'],
    ['sync', 'test/sync'],
    ['sync-run', `test/sync/${row?.run}`],
    ['settings', 'test/settings'],
    ['settings-live', 'live/settings'],
  ]
}
