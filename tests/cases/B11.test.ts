/** B11: an order is authorized at its checkout, and captured later. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { distinct, endsOfEveryOrder, undone } from '../sql/support/calls.ts'
import { eventOf, type Json, T } from '../sql/support/stripe.ts'
import { installTwice } from '../templates/support/install.ts'
import { ingestCase, prepare, readCase } from './support/templates.ts'

let database: TestDatabase
let events: Json[]
const PROJECTED = /completed|refunded|succeeded/

beforeAll(async () => {
  database = await createTestDatabase()
  await installTwice(database.sql, 'one-time-orders')
  events = await prepare(database.sql, await readCase('B11'))
})
afterAll(() => database.close())

test('an order is paid when its money is captured, also a part of it, in every order', async () => {
  const ends = await endsOfEveryOrder(
    database.sql,
    events.filter(({ type }) => PROJECTED.test(type)),
    async (sql) =>
      await sql`
      select o.status, o.payment_intent_id, t.status as payment, t.amount::integer
      from public.orders as o, payments.transactions as t`,
  )
  expect(distinct(ends.map((rows) => [...rows]))).toEqual([
    [{ status: 'paid', payment_intent_id: 'pi_3SOMb8KXBGcbgpbZ1aaaaaaa', payment: 'succeeded', amount: 500 }],
  ])
})

test('an order is not paid before the capture, nor by an authorization that is canceled', async () => {
  await undone(database.sql, async (sql) => {
    const status = async () => (await sql`select status from public.orders`)[0]?.status
    await ingestCase(sql, events.slice(0, 2))
    expect(await status()).toBe('pending')
    const canceled = {
      ...events[1]?.data.object,
      amount_capturable: 0,
      canceled_at: T + 900,
      status: 'canceled',
    }
    await ingestCase(sql, [eventOf('payment_intent.canceled', canceled, { created: T + 900 })])
    expect(await status()).toBe('pending')
  })
})
