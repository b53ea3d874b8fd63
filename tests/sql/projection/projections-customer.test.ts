/** Customer → payments.customers. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import {
  customerRow,
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  mappingOf,
  projectObjects,
} from '../support/calls.ts'
import { checkoutSession, customer, eventOf, subjectMetadata, T } from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

test('a customer becomes a row with every column', async () => {
  const ada = customer({ created: T - 100, metadata: { a: '1' }, phone: '+44 1' })
  await ingest(database.sql, eventOf('customer.created', ada))
  expect(await customerRow(database.sql, ada.id)).toMatchObject({
    provider: 'stripe',
    environment: 'test',
    provider_customer_id: ada.id,
    email: 'ada@example.com',
    name: 'Ada',
    phone: '+44 1',
    deleted: false,
    metadata: { a: '1' },
    raw: ada,
    provider_created_at: T - 100,
  })
})

test('an update changes every column, to nothing too, and a stale one none', async () => {
  const ada = customer({ metadata: { a: '1' }, phone: '+44 1' })
  const changed = { ...ada, email: null, metadata: {}, name: null, phone: null }
  await ingestAll(database.sql, [
    eventOf('customer.updated', changed, { created: T + 1 }),
    eventOf('customer.created', ada),
  ])
  expect(await customerRow(database.sql, ada.id)).toMatchObject({
    email: null,
    metadata: {},
    name: null,
    phone: null,
  })
})

test('a deleted customer stays deleted and keeps its name, whatever arrives late and in whatever order', async () => {
  const ada = customer()
  const renamed = { ...ada, name: 'Ada L.' }
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('customer.created', ada),
      eventOf('customer.updated', renamed, { created: T + 5, previous: { name: 'Ada' } }),
      eventOf('customer.deleted', renamed, { created: T + 5 }),
    ],
    async (sql) => {
      const { name, deleted, email } = await customerRow(sql, ada.id)
      return { name, deleted, email }
    },
  )
  expect(distinct(ends)).toEqual([{ name: 'Ada L.', deleted: true, email: 'ada@example.com' }])
})

test('the API’s stub of a deleted customer keeps what was known, and gives its place to another customer', async () => {
  const ada = customer()
  const metadata = subjectMetadata('user', 'ada')
  await ingestAll(database.sql, [
    eventOf('customer.created', ada),
    eventOf('checkout.session.completed', checkoutSession({ customer: ada.id, metadata })),
    eventOf(
      'checkout.session.completed',
      checkoutSession({ created: T + 1, customer: 'cus_ada2', metadata }),
    ),
  ])
  expect(await mappingOf(database.sql, 'user', 'ada')).toBe(ada.id)
  await projectObjects(database.sql, [{ id: ada.id, object: 'customer', deleted: true }], T + 5)
  expect(await customerRow(database.sql, ada.id)).toMatchObject({ deleted: true, name: 'Ada', raw: ada })
  expect(await mappingOf(database.sql, 'user', 'ada')).toBe('cus_ada2')
})

test('a customer that was deleted before anything else was heard of it is a tombstone', async () => {
  const ada = customer()
  await ingest(database.sql, eventOf('customer.deleted', ada, { created: T + 5 }))
  await ingest(database.sql, eventOf('customer.created', ada))
  expect(await customerRow(database.sql, ada.id)).toMatchObject({ deleted: true, provider_created_at: T })
})
