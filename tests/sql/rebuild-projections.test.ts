/** A rebuild changes nothing that is right, also where only a part of the ledger is left. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { customerRow, ingest, paymentRow, subscriptionRow } from './support/calls.ts'
import { customer, declined, eventOf, paymentIntent, subscription, T } from './support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

test('what pruned events told of stays, although older events about it are still there', async () => {
  const { sql } = database
  const id = paymentIntent().id
  const [sub, ada] = [subscription(), customer({ name: 'New' })]
  await ingest(sql, eventOf('payment_intent.succeeded', paymentIntent({ id }), { created: T + 10 }))
  await ingest(
    sql,
    eventOf('customer.subscription.updated', { ...sub, status: 'past_due' }, { created: T + 50 }),
  )
  await ingest(sql, eventOf('customer.updated', ada, { created: T + 50 }))
  await sql`update payments.webhook_events set received_at = now() - interval '200 days'`
  await sql`select payments.prune_webhook_events(interval '90 days')`
  // These come late.
  await ingest(sql, eventOf('payment_intent.payment_failed', declined({ id }), { created: T }))
  await ingest(sql, eventOf('customer.subscription.created', sub, { created: T }))
  await ingest(sql, eventOf('customer.created', { ...ada, name: 'Old' }, { created: T }))
  const shown = async () => ({
    payment: (await paymentRow(sql, id)).status,
    subscription: (await subscriptionRow(sql, sub.id)).status,
    customer: (await customerRow(sql, ada.id)).name,
  })
  const before = await shown()
  expect(before).toEqual({ payment: 'succeeded', subscription: 'past_due', customer: 'New' })
  await sql`select payments.rebuild_projections('test')`
  expect(await shown()).toEqual(before)
})
