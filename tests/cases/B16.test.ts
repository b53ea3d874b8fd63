/** B16: pay what you want. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { ingest, undone } from '../sql/support/calls.ts'
import { installTwice } from '../templates/support/install.ts'
import { ingestCase, prepare, readCase } from './support/templates.ts'

let database: TestDatabase
const ORDER = '6b0e3c52-9f4e-4c0a-9a2f-3d1f5a3c7e11'

beforeAll(async () => {
  database = await createTestDatabase()
  await installTwice(database.sql, 'one-time-orders')
})
afterAll(() => database.close())

test('the catalogue shows the limits of an amount that the buyer chooses', async () => {
  await undone(database.sql, async (sql) => {
    const [created] = (await readCase('B16')).events
    await ingest(sql, created ?? {})
    expect(
      await sql`
        select unit_amount, pay_what_you_want, custom_unit_amount_minimum::integer as minimum,
          custom_unit_amount_maximum::integer as maximum, custom_unit_amount_preset::integer as preset
        from payments.stripe_prices`,
    ).toEqual([{ unit_amount: null, pay_what_you_want: true, minimum: 500, maximum: 10_000, preset: 2000 }])
  })
})

const PRICE = '"custom_unit_amount":{"maximum":10000,"minimum":500,"preset":2000}'

test.each<[string, string, string, string]>([
  ['that leaves the amount open is paid by what the buyer chose', 'null', PRICE, 'paid'],
  ['that names the amount is paid by that amount', '2500', PRICE, 'paid'],
  ['that names another amount is not paid', '500', PRICE, 'mismatched'],
  [
    'that leaves open the amount of a fixed price is not paid',
    'null',
    '"custom_unit_amount":null',
    'mismatched',
  ],
])('an order %s', async (_, amount, price, status) => {
  await undone(database.sql, async (sql) => {
    const given = await readCase('B16')
    const text = JSON.stringify(given.events)
    expect(text).toContain(PRICE)
    const events = await prepare(sql, {
      ...given,
      events: JSON.parse(text.replace(PRICE, price)),
      setup: [
        `insert into public.orders (id, price_id, amount, currency) values ('${ORDER}', 'price_poster', ${amount}, 'usd')`,
      ],
    })
    await ingestCase(sql, events)
    expect(await sql`select status from public.orders`).toMatchObject([{ status }])
  })
})
