/** Subscription → payments.stripe_subscriptions and its items. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import {
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  itemRows,
  mappingOf,
  paymentRow,
  projectObjects,
  subscriptionRow,
} from '../support/calls.ts'
import {
  checkoutSession,
  customer,
  eventOf,
  invoice,
  type Json,
  newId,
  subjectMetadata,
  subscription,
  subscriptionBeforeBasil,
  subscriptionItem,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const ingested = (type: string, object: Json, created = T) =>
  ingest(database.sql, eventOf(type, object, { created }))

describe('a subscription becomes a row with every column', () => {
  const more = {
    cancel_at: T + 5_000_000,
    cancel_at_period_end: true,
    canceled_at: T + 60,
    customer: 'cus_columns',
    latest_invoice: 'in_latest',
    metadata: { ...subjectMetadata('team', 'columns'), a: '1' },
    status: 'trialing',
    trial_end: T + 1_209_600,
    trial_start: T,
  }

  test.each([
    ['today', subscription],
    ['before 2025-03-31.basil', subscriptionBeforeBasil],
  ])('in the shape of %s', async (_, shape) => {
    const object = shape(more)
    await ingested('customer.subscription.created', object)
    expect(await subscriptionRow(database.sql, object.id)).toMatchObject({
      environment: 'test',
      subscription_id: object.id,
      customer_id: 'cus_columns',
      subject_type: 'team',
      subject_id: 'columns',
      status: 'trialing',
      current_period_start: T,
      current_period_end: T + 2_592_000,
      cancel_at_period_end: true,
      cancel_at: T + 5_000_000,
      canceled_at: T + 60,
      trial_start: T,
      trial_end: T + 1_209_600,
      latest_invoice_id: 'in_latest',
      metadata: object.metadata,
      raw: object,
    })
    expect(await itemRows(database.sql, object.id)).toMatchObject([
      {
        environment: 'test',
        subscription_item_id: object.items.data[0].id,
        subscription_id: object.id,
        product_id: 'prod_team',
        price_id: 'price_team',
        quantity: 1,
        metadata: {},
      },
    ])
  })

  test('both shapes give the same rows', async () => {
    const items = [subscriptionItem()]
    const [now, before] = [subscription({ items }), subscriptionBeforeBasil({ items })]
    const rows = []
    for (const object of [now, { ...before, id: now.id }]) {
      await database.sql`delete from payments.stripe_subscriptions where subscription_id = ${now.id}`
      await ingested('customer.subscription.updated', object)
      const { id, created_at, updated_at, synced_at, raw, ...row } = await subscriptionRow(
        database.sql,
        now.id,
      )
      rows.push(row)
    }
    expect(rows[1]).toEqual(rows[0])
  })
})

test('the period of several items reaches from the first start to the last end', async () => {
  const object = subscription({
    items: [
      subscriptionItem({ current_period_end: T + 200, current_period_start: T + 100 }),
      subscriptionItem({ current_period_end: T + 900, current_period_start: T }),
    ],
  })
  await ingested('customer.subscription.created', object)
  expect(await subscriptionRow(database.sql, object.id)).toMatchObject({
    current_period_start: T,
    current_period_end: T + 900,
  })
})

test('items of plans, expanded products and metered prices without a quantity are read', async () => {
  const object = subscription({
    items: [
      subscriptionItem({ id: newId('si'), plan: { id: 'plan_old', product: 'prod_old' }, price: undefined }),
      subscriptionItem({
        price: { id: 'price_x', product: { id: 'prod_x', object: 'product' } },
        quantity: undefined,
        metadata: { a: '1' },
      }),
    ],
  })
  await ingested('customer.subscription.created', object)
  expect(await itemRows(database.sql, object.id)).toMatchObject([
    { price_id: 'plan_old', product_id: 'prod_old', quantity: 1 },
    { price_id: 'price_x', product_id: 'prod_x', quantity: null, metadata: { a: '1' } },
  ])
})

test('items are replaced by those of the newest snapshot, and a stale one brings none back', async () => {
  const [kept, dropped, added] = [subscriptionItem(), subscriptionItem(), subscriptionItem({ quantity: 7 })]
  const first = subscription({ items: [kept, dropped] })
  const second = { ...first, items: { object: 'list', data: [{ ...kept, quantity: 5 }, added] } }
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('customer.subscription.created', first),
      eventOf('customer.subscription.updated', second, { created: T + 5 }),
    ],
    async (sql) =>
      (await itemRows(sql, first.id)).map(({ subscription_item_id, quantity }) => [
        subscription_item_id,
        quantity,
      ]),
  )
  expect(distinct(ends)).toEqual([
    [
      [kept.id, 5],
      [added.id, 7],
    ],
  ])
})

test('the items of one subscription are not touched by another', async () => {
  const [a, b] = [subscription(), subscription()]
  await ingested('customer.subscription.created', a)
  await ingested('customer.subscription.created', b)
  await ingested('customer.subscription.updated', { ...a, items: { object: 'list', data: [] } }, T + 1)
  expect(await itemRows(database.sql, a.id)).toHaveLength(0)
  expect(await itemRows(database.sql, b.id)).toHaveLength(1)
})

test.each(['canceled', 'incomplete_expired'])(
  'a subscription that is %s stays so, whatever arrives late',
  async (status) => {
    const object = subscription()
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('customer.subscription.created', { ...object, status: 'incomplete' }),
        eventOf('customer.subscription.updated', object, {
          created: T + 5,
          previous: { status: 'incomplete' },
        }),
        eventOf(
          'customer.subscription.deleted',
          { ...object, canceled_at: T + 9, ended_at: T + 9, status },
          { created: T + 9 },
        ),
      ],
      async (sql) => (await subscriptionRow(sql, object.id)).status,
    )
    expect(distinct(ends)).toEqual([status])
  },
)

test('a deleted subscription is shown as its end, not as an update of the same second', async () => {
  const object = subscription()
  const canceled = { ...object, canceled_at: T + 5, status: 'canceled' }
  const deleted = { ...canceled, cancellation_details: { reason: 'cancellation_requested' }, ended_at: T + 5 }
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('customer.subscription.updated', canceled, {
        created: T + 5,
        previous: { canceled_at: null, status: 'active' },
      }),
      eventOf('customer.subscription.deleted', deleted, { created: T + 5 }),
    ],
    async (sql) => (await subscriptionRow(sql, object.id)).raw.ended_at,
  )
  expect(distinct(ends)).toEqual([T + 5])
})

test('metadata of a canceled subscription can still change', async () => {
  const object = subscription({ status: 'canceled' })
  await ingested('customer.subscription.deleted', object, T + 5)
  await ingested('customer.subscription.updated', { ...object, metadata: { note: '1' } }, T + 50)
  expect(await subscriptionRow(database.sql, object.id)).toMatchObject({
    metadata: { note: '1' },
    status: 'canceled',
  })
})

test.each(['paused', 'resumed', 'trial_will_end'])(
  'customer.subscription.%s carries the state of its moment',
  async (kind) => {
    const object = subscription({ status: kind === 'paused' ? 'paused' : 'active' })
    await ingested('customer.subscription.created', { ...object, status: 'incomplete' })
    await ingested(`customer.subscription.${kind}`, object, T + 5)
    expect((await subscriptionRow(database.sql, object.id)).status).toBe(object.status)
  },
)

describe('the owner', () => {
  test('once known is not erased by an event that does not mention it, in every order', async () => {
    const object = subscription({ customer: newId('cus'), metadata: subjectMetadata('team', 'once') })
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('customer.subscription.created', object),
        eventOf('customer.subscription.updated', { ...object, metadata: {} }, { created: T + 5 }),
        eventOf(
          'customer.subscription.deleted',
          { ...object, metadata: {}, status: 'canceled' },
          { created: T + 9 },
        ),
      ],
      async (sql) => {
        const row = await subscriptionRow(sql, object.id)
        return [row.subject_type, row.subject_id, row.status, await mappingOf(sql, 'team', 'once')]
      },
    )
    expect(distinct(ends)).toEqual([['team', 'once', 'canceled', object.customer]])
  })

  test('is the first that was named, when the metadata changes later, in every order', async () => {
    for (const [first, second] of [
      ['aaa', 'zzz'],
      ['zzz', 'aaa'],
    ] as const) {
      const object = subscription({ customer: newId('cus'), metadata: subjectMetadata('team', first) })
      const ends = await endsOfEveryOrder(
        database.sql,
        [
          eventOf('customer.subscription.created', object),
          eventOf(
            'customer.subscription.updated',
            { ...object, metadata: subjectMetadata('team', second) },
            { created: T + 5 },
          ),
        ],
        async (sql) => {
          const [claim] = await sql`
            select subject_id from payments.customer_mappings where provider_customer_id = ${object.customer}`
          return [(await subscriptionRow(sql, object.id)).subject_id, claim?.subject_id]
        },
      )
      expect(distinct(ends)).toEqual([[first, first]])
    }
  })

  test('is the same in every order when two are named within one second', async () => {
    const object = subscription({ customer: newId('cus'), metadata: subjectMetadata('team', 'b') })
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('customer.subscription.updated', object, { previous: { cancel_at_period_end: true } }),
        eventOf(
          'customer.subscription.updated',
          { ...object, metadata: subjectMetadata('team', 'a') },
          { previous: { metadata: subjectMetadata('team', 'b') } },
        ),
      ],
      async (sql) => [
        (await subscriptionRow(sql, object.id)).subject_id,
        await mappingOf(sql, 'team', 'a'),
        await mappingOf(sql, 'team', 'b'),
      ],
    )
    expect(distinct(ends)).toEqual([['a', object.customer, undefined]])
  })

  test('is that of the customer when the subscription names none, in every order', async () => {
    const object = subscription({ customer: newId('cus') })
    const paid = invoice({ customer: object.customer, subscription: object.id })
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('customer.subscription.created', object),
        eventOf('invoice.paid', paid),
        eventOf(
          'checkout.session.completed',
          checkoutSession({ customer: object.customer, metadata: subjectMetadata('user', 'by customer') }),
        ),
      ],
      async (sql) => [
        (await subscriptionRow(sql, object.id)).subject_id,
        (await paymentRow(sql, paid.id)).subject_id,
      ],
    )
    expect(distinct(ends)).toEqual([['by customer', 'by customer']])
  })

  test('of the subscription’s own goes before that of the customer, in every order', async () => {
    const object = subscription({
      created: T + 50,
      customer: newId('cus'),
      metadata: subjectMetadata('team', 'own'),
    })
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('customer.subscription.created', object, { created: T + 50 }),
        eventOf(
          'checkout.session.completed',
          checkoutSession({ customer: object.customer, metadata: subjectMetadata('user', 'payer') }),
        ),
        eventOf('customer.subscription.updated', { ...object, metadata: {} }, { created: T + 60 }),
      ],
      async (sql) => (await subscriptionRow(sql, object.id)).subject_id,
    )
    expect(distinct(ends)).toEqual(['own'])
  })

  test('stays when the customer is deleted first', async () => {
    const known = customer()
    const object = subscription({ customer: known.id, metadata: subjectMetadata('team', 'left') })
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('customer.subscription.created', object),
        eventOf('customer.deleted', known, { created: T + 5 }),
        eventOf(
          'customer.subscription.deleted',
          { ...object, metadata: {}, status: 'canceled' },
          { created: T + 5 },
        ),
      ],
      async (sql) => {
        const { subject_type, subject_id, status } = await subscriptionRow(sql, object.id)
        return [subject_type, subject_id, status]
      },
    )
    expect(distinct(ends)).toEqual([['team', 'left', 'canceled']])
  })

  test('that becomes known late reaches the payments of the subscription', async () => {
    const object = subscription({ customer: newId('cus') })
    const paid = invoice({ customer: object.customer, subscription: object.id })
    await ingestAll(database.sql, [
      eventOf('customer.subscription.created', object),
      eventOf('invoice.paid', paid),
    ])
    expect((await paymentRow(database.sql, paid.id)).subject_id).toBeNull()
    await ingested(
      'customer.subscription.updated',
      { ...object, metadata: subjectMetadata('team', 'late') },
      T + 5,
    )
    expect(await paymentRow(database.sql, paid.id)).toMatchObject({
      subject_type: 'team',
      subject_id: 'late',
    })
  })
})

test('an answer of the API is newer than an event of its second, and older than one of the next', async () => {
  const object = subscription()
  await ingested('customer.subscription.updated', { ...object, status: 'past_due' }, T + 5)
  await projectObjects(database.sql, [{ ...object, status: 'unpaid' }], T + 4)
  expect((await subscriptionRow(database.sql, object.id)).status).toBe('past_due')
  await projectObjects(database.sql, [{ ...object, status: 'unpaid' }], T + 5)
  expect((await subscriptionRow(database.sql, object.id)).status).toBe('unpaid')
  await ingested('customer.subscription.updated', { ...object, status: 'active' }, T + 6)
  expect((await subscriptionRow(database.sql, object.id)).status).toBe('active')
})

test('items that a snapshot leaves out, because it shows the first ones only, stay and are asked for', async () => {
  const items = Array.from({ length: 12 }, () => subscriptionItem())
  const whole = subscription({ items })
  const part = { ...whole, items: { ...whole.items, data: items.slice(0, 10), has_more: true } }
  await projectObjects(database.sql, [whole], T)
  const { fetch } = await ingested('customer.subscription.updated', part, T + 5)
  expect(fetch).toEqual([{ object: 'subscription', id: whole.id }])
  expect(await itemRows(database.sql, whole.id)).toHaveLength(12)
  // The answer to that shows all that there are.
  const fewer = { ...whole, items: { ...whole.items, data: items.slice(0, 11), has_more: false } }
  await projectObjects(database.sql, [fewer], T + 5)
  expect(await itemRows(database.sql, whole.id)).toHaveLength(11)
})

describe('a pause of the collection is in columns', () => {
  const paused = async (pause: unknown) => {
    const object = subscription({ pause_collection: pause })
    await ingested('customer.subscription.updated', object)
    const row = await subscriptionRow(database.sql, object.id)
    return [row.status, row.pause_collection_behavior, row.pause_collection_resumes_at]
  }

  test.each([
    [{ behavior: 'void', resumes_at: null }, ['active', 'void', null]],
    [{ behavior: 'keep_as_draft', resumes_at: T + 900 }, ['active', 'keep_as_draft', T + 900]],
    [{ behavior: 'a_new_word', resumes_at: null }, ['active', 'a_new_word', null]],
    [{ resumes_at: null }, ['active', 'unknown', null]],
    [null, ['active', null, null]],
    [undefined, ['active', null, null]],
  ])('%j', async (pause, columns) => {
    expect(await paused(pause)).toEqual(columns)
  })

  test('and gone when it is resumed', async () => {
    const object = subscription({ pause_collection: { behavior: 'void', resumes_at: T + 900 } })
    await ingested('customer.subscription.updated', object)
    await ingest(
      database.sql,
      eventOf('customer.subscription.updated', { ...object, pause_collection: null }, { created: T + 50 }),
    )
    expect(await subscriptionRow(database.sql, object.id)).toMatchObject({
      pause_collection_behavior: null,
      pause_collection_resumes_at: null,
    })
  })
})
