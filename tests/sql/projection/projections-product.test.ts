/** Product → payments.stripe_products. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import {
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  productRow,
  projectObjects,
} from '../support/calls.ts'
import { eventOf, product, T } from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

test('a product becomes a row with every column', async () => {
  const tea = product({
    default_price: 'price_tea',
    description: 'Loose leaves',
    metadata: { shelf: '3' },
    name: 'Green tea',
  })
  await ingest(database.sql, eventOf('product.created', tea))
  const row = await productRow(database.sql, tea.id)
  expect(row).toMatchObject({
    environment: 'test',
    product_id: tea.id,
    name: 'Green tea',
    description: 'Loose leaves',
    active: true,
    default_price_id: 'price_tea',
    metadata: { shelf: '3' },
    raw: tea,
    deleted: false,
  })
  expect(row.synced_at).toBeGreaterThan(T)
})

test('an expanded default price is read too', async () => {
  const tea = product({ default_price: { id: 'price_expanded', object: 'price' } })
  await ingest(database.sql, eventOf('product.created', tea))
  expect((await productRow(database.sql, tea.id)).default_price_id).toBe('price_expanded')
})

test('an update changes every column, to nothing too', async () => {
  const tea = product({ default_price: 'price_tea', description: 'Loose', metadata: { a: '1' } })
  const changed = { ...tea, active: false, default_price: null, description: null, metadata: {}, name: 'Tee' }
  await ingestAll(database.sql, [
    eventOf('product.created', tea),
    eventOf('product.updated', changed, { created: T + 1 }),
  ])
  expect(await productRow(database.sql, tea.id)).toMatchObject({
    name: 'Tee',
    description: null,
    active: false,
    default_price_id: null,
    metadata: {},
    raw: changed,
  })
})

test('a stale update changes nothing', async () => {
  const tea = product({ name: 'New' })
  await ingestAll(database.sql, [
    eventOf('product.updated', tea, { created: T + 10 }),
    eventOf('product.updated', { ...tea, name: 'Old' }, { created: T + 9 }),
    eventOf('product.created', { ...tea, name: 'Oldest' }),
  ])
  expect((await productRow(database.sql, tea.id)).name).toBe('New')
})

test('what was deleted stays deleted, whatever arrives late and in whatever order', async () => {
  const tea = product()
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('product.created', tea),
      eventOf('product.updated', { ...tea, name: 'Tee' }, { created: T + 5, previous: { name: 'Tea' } }),
      eventOf('product.deleted', { ...tea, name: 'Tee' }, { created: T + 5 }),
    ],
    async (sql) => {
      const { name, active, deleted } = await productRow(sql, tea.id)
      return { name, active, deleted }
    },
  )
  expect(distinct(ends)).toEqual([{ name: 'Tee', active: false, deleted: true }])
})

test('the API’s stub of a deleted product is a tombstone that keeps what was known', async () => {
  const tea = product({ name: 'Remembered' })
  await ingest(database.sql, eventOf('product.created', tea))
  await projectObjects(database.sql, [{ id: tea.id, object: 'product', deleted: true }], T + 5)
  expect(await productRow(database.sql, tea.id)).toMatchObject({
    name: 'Remembered',
    active: false,
    deleted: true,
  })
  // As in the other order of arrival, the late update tells what the product was, and does not bring it back.
  await ingest(database.sql, eventOf('product.updated', { ...tea, name: 'Late' }, { created: T + 9 }))
  expect(await productRow(database.sql, tea.id)).toMatchObject({ name: 'Late', active: false, deleted: true })
})
