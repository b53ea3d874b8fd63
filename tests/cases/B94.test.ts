/** B94: invoices and receipts for the billing page of a user. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asCaller, createTestDatabase, type TestDatabase, user } from '../setup/database.ts'
import { ingest } from '../sql/support/calls.ts'
import { charge, eventOf, paymentIntent } from '../sql/support/stripe.ts'
import { installTwice } from '../templates/support/install.ts'
import { ingestCase, readCase } from './support/templates.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  for (const name of ['team-billing-policies', 'team-entitlements', 'one-time-orders', 'read-access'])
    await installTwice(database.sql, name)
})
afterAll(() => database.close())

test('the payer reads the number, the pages, the tax and the receipt of a payment, and nobody else does', async () => {
  const { sql } = database
  const { events } = await readCase('B94')
  const metadata = { payments_subject_type: 'user', payments_subject_id: 'ada' }
  await ingestCase(
    sql,
    events.map((event) => ({ ...event, data: { object: { ...event.data.object, metadata } } })),
  )
  const paid = paymentIntent({ metadata, customer: 'cus_1', latest_charge: 'ch_of_ada' })
  await ingest(
    sql,
    eventOf(
      'charge.succeeded',
      charge({ id: 'ch_of_ada', payment_intent: paid.id, receipt_url: 'https://pay.stripe.com/receipts/x' }),
    ),
  )
  await ingest(sql, eventOf('payment_intent.succeeded', paid))
  const page = (id: string) =>
    asCaller(sql, user(id), async (as) => ({
      invoices: await as`
        select number, status, total::integer as total, tax::integer as tax, hosted_invoice_url, invoice_pdf
        from payments.stripe_invoices`,
      receipts: await as`select receipt_url from payments.transactions where receipt_url is not null`,
    }))
  expect(await page('ada')).toEqual({
    invoices: [
      {
        number: 'A-0001',
        status: 'paid',
        total: 1190,
        tax: 190,
        hosted_invoice_url: 'https://invoice.stripe.com/i/x',
        invoice_pdf: 'https://pay.stripe.com/invoice/x/pdf',
      },
    ],
    receipts: [{ receipt_url: 'https://pay.stripe.com/receipts/x' }],
  })
  expect(await page('bob')).toEqual({ invoices: [], receipts: [] })
})
