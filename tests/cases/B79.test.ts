/** B79: an order is paid twice, and one of the payments is refunded. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { undone } from '../sql/support/calls.ts'
import type { Json } from '../sql/support/stripe.ts'
import { installTwice } from '../templates/support/install.ts'
import { ingestCase, prepare, readCase } from './support/templates.ts'

let database: TestDatabase
let events: Json[]
const [FIRST, SECOND] = ['pi_3SOMb8KXBGcbgpbZ1aaaaaaa', 'pi_3SOMb8KXBGcbgpbZ1bbbbbbb']

beforeAll(async () => {
  database = await createTestDatabase()
  await installTwice(database.sql, 'one-time-orders')
  events = await prepare(database.sql, await readCase('B79'))
})
afterAll(() => database.close())

test.each([
  ['first', FIRST, SECOND],
  ['second', SECOND, FIRST],
])(
  'an order paid twice shows it, and is still paid after the %s payment was refunded',
  async (_, refunded, left) => {
    const told = events.map((event, index) =>
      index < 4 ? event : JSON.parse(JSON.stringify(event).replaceAll(FIRST.slice(3), refunded.slice(3))),
    )
    const [two, one] = [told.slice(0, 4), told.slice(4)]
    for (const order of [two, [two[2], two[0], two[3], two[1]] as Json[]]) {
      await undone(database.sql, async (sql) => {
        const row = async () => (await sql`select * from public.orders`)[0]
        await ingestCase(sql, order)
        expect(await row()).toMatchObject({ status: 'paid', standing_payments: 2, payment_intent_id: FIRST })
        const paidAt = (await row())?.paid_at
        await ingestCase(sql, one)
        expect(await row()).toMatchObject({
          status: 'paid',
          standing_payments: 1,
          payment_intent_id: left,
          paid_at: paidAt,
        })
      })
    }
  },
)
