/** Customer → payments.customers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import {
  customerRow,
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  mappingOf,
  permutations,
  priceRow,
  productRow,
  projectObjects,
  type Sql,
  undone,
} from '../support/calls.ts'
import {
  checkoutSession,
  customer,
  eventOf,
  type Json,
  newId,
  price,
  product,
  subjectMetadata,
  T,
} from '../support/stripe.ts'

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

describe('the API’s stub of what was deleted, {id, deleted}, leaves the same row in every order', () => {
  const ada = customer({ metadata: { a: '1' }, phone: '+44 1' })
  const renamed = { ...ada, name: 'Ada L.' }
  const tea = product({ description: 'Green' })
  const cup = price({ lookup_key: 'cup', recurring: { interval: 'month', interval_count: 2 } })
  const cases: [kind: string, object: Json, changed: Json, read: (sql: Sql, id: string) => Promise<Json>][] =
    [
      ['customer', ada, renamed, customerRow],
      ['product', tea, { ...tea, name: 'Black tea' }, productRow],
      ['price', cup, { ...cup, nickname: 'Cup' }, priceRow],
    ]

  test.each(cases)('of a %s', async (kind, object, changed, read) => {
    const stub = { id: object.id, object: kind, deleted: true }
    const created = eventOf(`${kind}.created`, object)
    const updated = eventOf(`${kind}.updated`, changed, { created: T + 5 })
    const deleted = eventOf(`${kind}.deleted`, changed, { created: T + 9 })
    for (const told of [
      [created, updated, stub],
      [created, updated, deleted, stub],
      [updated, { ...updated, id: newId('evt') }, stub, { ...object, livemode: false }],
    ]) {
      const ends = []
      for (const order of permutations(told)) {
        const row = await undone(database.sql, async (sql) => {
          for (const item of order) {
            if (item.object === 'event') await ingest(sql, item)
            else await projectObjects(sql, [item], item === stub ? T + 20 : T + 3)
          }
          const { id: _, synced_at, created_at, updated_at, ...rest } = await read(sql, object.id)
          return rest
        })
        ends.push(row)
      }
      expect(distinct(ends)).toEqual([expect.objectContaining({ deleted: true, raw: changed })])
      expect(ends[0]).toMatchObject({
        metadata: object.metadata,
        ...(kind === 'customer' ? { email: 'ada@example.com', name: 'Ada L.', provider_created_at: T } : {}),
        ...(kind === 'product' ? { name: 'Black tea', description: 'Green', active: false } : {}),
        ...(kind === 'price' ? { lookup_key: 'cup', unit_amount: 1000, active: false } : {}),
      })
    }
  })

  test('also when it comes first, two updates share a second, and everything is rebuilt', async () => {
    const { id } = customer()
    const first = customer({ id, name: 'B' })
    const second = customer({ id, name: 'C' })
    const events = [
      eventOf('customer.updated', first, { created: T + 5, previous: { name: 'A' } }),
      eventOf('customer.updated', second, { created: T + 5, previous: { name: 'B' } }),
    ]
    const ends = []
    for (const order of permutations<Json>([...events, { id, object: 'customer', deleted: true }])) {
      ends.push(
        await undone(database.sql, async (sql) => {
          for (const item of order) {
            if (item.object === 'event') await ingest(sql, item)
            else await projectObjects(sql, [item], T + 20)
          }
          const { name, deleted, version } = await customerRow(sql, id)
          await sql`select payments.rebuild_projections('test')`
          expect(await customerRow(sql, id)).toMatchObject({ name, deleted, version })
          return { name, deleted, version }
        }),
      )
    }
    expect(distinct(ends)).toEqual([expect.objectContaining({ name: 'C', deleted: true })])
  })

  test('and an answer of the same second as the deletion does not outlive it', async () => {
    const eve = customer()
    await projectObjects(database.sql, [eve], T + 5)
    await ingest(database.sql, eventOf('customer.deleted', eve, { created: T + 5 }))
    expect(await customerRow(database.sql, eve.id)).toMatchObject({ deleted: true, name: 'Ada' })
  })
})
