/** Price → payments.stripe_prices. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { distinct, endsOfEveryOrder, ingest, ingestAll, priceRow, projectObjects } from '../support/calls.ts'
import { eventOf, price, T } from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

test('a one-time price becomes a row with every column', async () => {
  const tea = price({
    lookup_key: 'tea',
    metadata: { a: '1' },
    product: 'prod_tea',
    tax_behavior: 'inclusive',
  })
  await ingest(database.sql, eventOf('price.created', tea))
  expect(await priceRow(database.sql, tea.id)).toMatchObject({
    environment: 'test',
    price_id: tea.id,
    product_id: 'prod_tea',
    active: true,
    currency: 'usd',
    unit_amount: 1000,
    unit_amount_decimal: '1000',
    type: 'one_time',
    lookup_key: 'tea',
    billing_scheme: 'per_unit',
    tax_behavior: 'inclusive',
    recurring_interval: null,
    recurring_interval_count: null,
    metadata: { a: '1' },
    raw: tea,
    deleted: false,
  })
})

test('a recurring price has its interval', async () => {
  const plan = price({ recurring: { interval: 'month', interval_count: 3 }, type: 'recurring' })
  await ingest(database.sql, eventOf('price.created', plan))
  expect(await priceRow(database.sql, plan.id)).toMatchObject({
    type: 'recurring',
    recurring_interval: 'month',
    recurring_interval_count: 3,
  })
})

test('a price of fractions, of tiers and of a currency without minor unit is kept as Stripe has it', async () => {
  const fraction = price({ unit_amount: null, unit_amount_decimal: '0.5' })
  const tiers = price({ billing_scheme: 'tiered', unit_amount: null, unit_amount_decimal: null })
  const yen = price({ currency: 'JPY', unit_amount: 500, unit_amount_decimal: '500' })
  await ingestAll(
    database.sql,
    [fraction, tiers, yen].map((object) => eventOf('price.created', object)),
  )
  expect(await priceRow(database.sql, fraction.id)).toMatchObject({
    unit_amount: null,
    unit_amount_decimal: '0.5',
  })
  expect(await priceRow(database.sql, tiers.id)).toMatchObject({
    billing_scheme: 'tiered',
    unit_amount: null,
  })
  expect(await priceRow(database.sql, yen.id)).toMatchObject({ currency: 'jpy', unit_amount: 500 })
})

test('an expanded product is read too', async () => {
  const tea = price({ product: { id: 'prod_expanded', object: 'product' } })
  await ingest(database.sql, eventOf('price.created', tea))
  expect((await priceRow(database.sql, tea.id)).product_id).toBe('prod_expanded')
})

test('an update takes a lookup key away and archives', async () => {
  const tea = price({ lookup_key: 'tea' })
  await ingestAll(database.sql, [
    eventOf('price.created', tea),
    eventOf('price.updated', { ...tea, active: false, lookup_key: null }, { created: T + 1 }),
    eventOf('price.updated', tea, { created: T }),
  ])
  expect(await priceRow(database.sql, tea.id)).toMatchObject({ active: false, lookup_key: null })
})

test('what was deleted stays deleted, whatever arrives late and in whatever order', async () => {
  const tea = price()
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('price.created', tea),
      eventOf('price.updated', { ...tea, active: false }, { created: T + 5, previous: { active: true } }),
      eventOf('price.deleted', { ...tea, active: false }, { created: T + 5 }),
    ],
    async (sql) => {
      const { active, deleted, unit_amount } = await priceRow(sql, tea.id)
      return { active, deleted, unit_amount }
    },
  )
  expect(distinct(ends)).toEqual([{ active: false, deleted: true, unit_amount: 1000 }])
})

test('the API’s stub of a deleted price keeps what was known', async () => {
  const tea = price({ lookup_key: 'tea' })
  await ingest(database.sql, eventOf('price.created', tea))
  await projectObjects(database.sql, [{ id: tea.id, object: 'price', deleted: true }], T + 5)
  expect(await priceRow(database.sql, tea.id)).toMatchObject({
    active: false,
    currency: 'usd',
    deleted: true,
    lookup_key: 'tea',
    unit_amount: 1000,
  })
})
