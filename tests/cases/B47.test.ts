/** B47: save a card without a purchase. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asCaller, createTestDatabase, service, type TestDatabase, user } from '../setup/database.ts'
import { begin, complete, ingest, mappingOf, sessionRow } from '../sql/support/calls.ts'
import { openSession, T } from '../sql/support/stripe.ts'
import { readCase } from './support/templates.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

test('a setup checkout is sent to Stripe without items, and its row is complete once the card is saved', async () => {
  const { sql } = database
  const [event] = (await readCase('B47')).events
  const checkout = await asCaller(sql, service, (as) =>
    begin(as, user('u1'), {
      mode: 'setup',
      lineItems: [],
      subject: { type: 'user', id: 'u1' },
      options: { currency: 'eur' },
    }),
  )
  expect(checkout.params).toMatchObject({ mode: 'setup', currency: 'eur' })
  expect(checkout.params).not.toHaveProperty('line_items')
  const reference = { client_reference_id: checkout.session.id }
  await asCaller(sql, service, (as) =>
    complete(as, checkout, openSession({ id: 'cs_1', mode: 'setup', ...reference }), T),
  )
  const { status } = await ingest(sql, {
    ...event,
    data: { object: { ...event?.data.object, ...reference } },
  })
  expect(status).toBe('processed')
  expect(await sessionRow(sql, 'cs_1')).toMatchObject({
    id: checkout.session.id,
    mode: 'setup',
    status: 'completed',
    payment_status: 'no_payment_required',
    customer_id: 'cus_1',
  })
  expect(await mappingOf(sql, 'user', 'u1')).toBe('cus_1')
  expect(await sql`select from payments.transactions`).toHaveLength(0)
})
