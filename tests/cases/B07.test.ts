/** A monthly plan and a yearly add-on in one subscription: each item has its own period. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { distinct, endsOfEveryOrder, ingest, itemRows, subscriptionRow } from '../sql/support/calls.ts'
import {
  eventOf,
  type Json,
  subscription,
  subscriptionBeforeBasil,
  subscriptionItem,
  T,
} from '../sql/support/stripe.ts'

const MONTH = T + 2_592_000
const YEAR = T + 31_536_000
let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const created = (object: Json, at = T) => eventOf('customer.subscription.created', object, { created: at })
const mixed = () =>
  subscription({
    items: [
      subscriptionItem({ id: 'si_m', current_period_end: MONTH }),
      subscriptionItem({
        id: 'si_y',
        current_period_end: YEAR,
        price: { id: 'price_addon', product: 'prod_addon' },
      }),
    ],
  })

test('each item of a subscription has the period of its own, and the subscription the longest', async () => {
  const object = mixed()
  await ingest(database.sql, created(object))
  expect(await itemRows(database.sql, object.id)).toMatchObject([
    { subscription_item_id: 'si_m', current_period_start: T, current_period_end: MONTH },
    { subscription_item_id: 'si_y', current_period_start: T, current_period_end: YEAR },
  ])
  expect(await subscriptionRow(database.sql, object.id)).toMatchObject({
    current_period_start: T,
    current_period_end: YEAR,
  })
})

test('a renewal of one item moves its period alone, in every order of events', async () => {
  const object = mixed()
  const [month, year] = object.items.data
  const renewed = {
    ...object,
    items: {
      ...object.items,
      data: [{ ...month, current_period_start: MONTH, current_period_end: MONTH + 2_592_000 }, year],
    },
  }
  const ends = await endsOfEveryOrder(
    database.sql,
    [created(object), eventOf('customer.subscription.updated', renewed, { created: MONTH })],
    async (sql) =>
      (await itemRows(sql, object.id)).map((row) => [row.current_period_start, row.current_period_end]),
  )
  expect(distinct(ends)).toEqual([
    [
      [MONTH, MONTH + 2_592_000],
      [T, YEAR],
    ],
  ])
})

test('before 2025-03-31.basil an item has the period of its subscription', async () => {
  const object = subscriptionBeforeBasil({ items: [subscriptionItem(), subscriptionItem()] })
  await ingest(database.sql, created(object))
  expect(await itemRows(database.sql, object.id)).toMatchObject([
    { current_period_start: T, current_period_end: MONTH },
    { current_period_start: T, current_period_end: MONTH },
  ])
})
