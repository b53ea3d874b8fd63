/** B17: a cart of two prices. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { begin, undone } from '../sql/support/calls.ts'
import { installTwice } from '../templates/support/install.ts'
import { ingestCase, prepare, readCase } from './support/templates.ts'

let database: TestDatabase
const ORDER = '6b0e3c52-9f4e-4c0a-9a2f-3d1f5a3c7e11'

beforeAll(async () => {
  database = await createTestDatabase()
  await installTwice(database.sql, 'one-time-orders')
})
afterAll(() => database.close())

const poster = { priceId: 'price_poster', quantity: 1 }
const frame = { priceId: 'price_frame', quantity: 1 }

test.each<[string, unknown[], string]>([
  ['its prices', [poster, frame], 'paid'],
  ['its prices in another order', [frame, poster], 'paid'],
  ['a quantity that was left out', [{ priceId: 'price_poster' }, frame], 'paid'],
  ['one of its prices', [poster], 'mismatched'],
  ['one of its prices twice', [poster, poster], 'mismatched'],
  ['another quantity', [poster, { ...frame, quantity: 2 }], 'mismatched'],
  ['another price', [poster, { priceId: 'price_cheap', quantity: 1 }], 'mismatched'],
  ['one price more', [poster, frame, { priceId: 'price_cheap', quantity: 1 }], 'mismatched'],
])('an order with lines that was paid with %s', async (_, lines, status) => {
  await undone(database.sql, async (sql) => {
    const given = await readCase('B17')
    const [request] = given.begin
    const events = await prepare(sql, {
      ...given,
      setup: [
        `insert into public.orders (id, amount, currency) values ('${ORDER}', 3000, 'usd')`,
        `insert into public.order_lines values ('${ORDER}', 'price_poster', 1), ('${ORDER}', 'price_frame', 1)`,
      ],
      begin: [{ ...request, line_items: lines } as never],
    })
    await ingestCase(sql, events)
    expect(await sql`select status from public.orders`).toMatchObject([{ status }])
  })
})

test('an order of one price is paid by lines that add up to its quantity', async () => {
  await undone(database.sql, async (sql) => {
    const given = await readCase('B17')
    const events = await prepare(sql, {
      ...given,
      setup: [
        `insert into public.orders (id, price_id, quantity, amount, currency) values ('${ORDER}', 'price_poster', 3, 3000, 'usd')`,
      ],
      begin: [{ ...given.begin[0], line_items: [poster, { ...poster, quantity: 2 }] } as never],
    })
    await ingestCase(sql, events)
    expect(await sql`select status from public.orders`).toMatchObject([{ status: 'paid' }])
  })
})

test('an order that names one price is not paid by a cart, nor one that names none', async () => {
  for (const setup of [
    `insert into public.orders (id, price_id, amount, currency) values ('${ORDER}', 'price_poster', 3000, 'usd')`,
    `insert into public.orders (id, amount, currency) values ('${ORDER}', 3000, 'usd')`,
  ]) {
    await undone(database.sql, async (sql) => {
      const events = await prepare(sql, { ...(await readCase('B17')), setup: [setup] })
      await ingestCase(sql, events)
      expect(await sql`select status from public.orders`).toMatchObject([{ status: 'mismatched' }])
    })
  }
})

const cup = { currency: 'usd', unitAmount: 2000, product: { name: 'Cup' } }

test.each<[string, unknown[], string]>([
  ['the made-up price', [poster, { priceData: cup, quantity: 1 }], 'paid'],
  ['another amount', [poster, { priceData: { ...cup, unitAmount: 100 } }], 'mismatched'],
  ['another product', [poster, { priceData: { ...cup, product: { name: 'Cap' } } }], 'mismatched'],
  ['a price of the catalogue in its place', [poster, frame], 'mismatched'],
  ['the made-up price twice', [poster, { priceData: cup, quantity: 2 }], 'mismatched'],
])('an order with a line that the backend priced was paid with %s', async (_, lines, status) => {
  await undone(database.sql, async (sql) => {
    const given = await readCase('B17')
    const [request] = given.begin
    for (const statement of [
      `insert into public.orders (id, amount, currency) values ('${ORDER}', 3000, 'usd')`,
      `insert into public.order_lines (order_id, price_id) values ('${ORDER}', 'price_poster')`,
      `insert into public.order_lines (order_id, product, unit_amount) values ('${ORDER}', 'Cup', 2000)`,
    ])
      await sql.unsafe(statement)
    const begun = await begin(
      sql,
      { role: 'service' },
      { lineItems: lines, metadata: request?.metadata ?? {} },
    )
    await ingestCase(sql, JSON.parse(JSON.stringify(given.events).replaceAll('$ROW_0', begun.session.id)))
    expect(await sql`select status from public.orders`).toMatchObject([{ status }])
  })
})
