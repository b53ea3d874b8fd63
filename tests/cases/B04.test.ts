/** B04: a dispute about an order is lost. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { distinct, endsOfEveryOrder, ingest } from '../sql/support/calls.ts'
import type { Json } from '../sql/support/stripe.ts'
import { installTwice } from '../templates/support/install.ts'
import { prepare, readCase } from './support/templates.ts'

let database: TestDatabase
let events: Json[]

beforeAll(async () => {
  database = await createTestDatabase()
  await installTwice(database.sql, 'one-time-orders')
  events = await prepare(database.sql, await readCase('B04'))
})
afterAll(() => database.close())

test('an order whose dispute was lost is no longer paid, and the payment says what it cost, in every order', async () => {
  const ends = await endsOfEveryOrder(database.sql, events, async (sql) => [
    ...(await sql`select status, standing_payments from public.orders`),
    ...(await sql`select status, amount::integer, amount_refunded::integer, amount_disputed::integer, dispute_status from payments.transactions`),
  ])
  expect(distinct(ends)).toEqual([
    [
      { status: 'charged_back', standing_payments: 0 },
      {
        status: 'succeeded',
        amount: 1000,
        amount_refunded: 0,
        amount_disputed: 1000,
        dispute_status: 'lost',
      },
    ],
  ])
})

test('an order whose dispute is open or won stays paid', async () => {
  const status = async () => (await database.sql`select status from public.orders`)[0]?.status
  const closed = events.at(-1) as Json
  for (const event of events.slice(0, -1)) await ingest(database.sql, event)
  expect(await status()).toBe('paid')
  await ingest(database.sql, { ...closed, data: { object: { ...closed.data.object, status: 'won' } } })
  expect(await status()).toBe('paid')
})
