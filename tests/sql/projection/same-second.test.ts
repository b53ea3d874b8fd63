/** Several changes of one object within one second: the end is Stripe's, in whatever order they arrive. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import {
  customerRow,
  distinct,
  ingest,
  ingestAll,
  permutations,
  projectObjects,
  subscriptionRow,
  undone,
} from '../support/calls.ts'
import {
  customer,
  eventOf,
  type Json,
  product,
  subscription,
  subscriptionItem,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const updated = (object: Json, previous: Json, created = T) =>
  eventOf('customer.subscription.updated', object, { created, previous })

/** The status of a subscription after the events in each order, with what was to be fetched in the end. */
async function statuses(id: string, events: Json[], before: Json[] = []) {
  const ends: unknown[] = []
  for (const order of permutations(events)) {
    ends.push(
      await undone(database.sql, async (sql) => {
        await ingestAll(sql, before)
        const results = await ingestAll(sql, order)
        expect(results.map(({ status }) => status)).toEqual(order.map(() => 'processed'))
        return (await subscriptionRow(sql, id)).status
      }),
    )
  }
  return distinct(ends)
}

describe('in the same second', () => {
  test('created comes before updated', async () => {
    const object = subscription()
    expect(
      await statuses(object.id, [
        eventOf('customer.subscription.created', { ...object, status: 'incomplete' }),
        updated(object, { status: 'incomplete' }),
      ]),
    ).toEqual(['active'])
  })

  test('of two updates the one whose former values match the other comes last', async () => {
    const object = subscription()
    expect(
      await statuses(object.id, [
        updated({ ...object, status: 'past_due' }, { status: 'active' }),
        updated({ ...object, status: 'unpaid' }, { status: 'past_due' }),
      ]),
    ).toEqual(['unpaid'])
  })

  test('an event that says null for its former values is read as one that has none', async () => {
    const object = subscription()
    const created = eventOf('customer.subscription.created', { ...object, status: 'incomplete' })
    const events = [created, updated({ ...object, status: 'active' }, { status: 'incomplete' })]
    const { data, ...rest } = updated({ ...object, status: 'active' }, {})
    const odd = { ...rest, data: { object: data.object, previous_attributes: null } }
    expect(await statuses(object.id, [...events, odd])).toEqual(['active'])
  })

  test('three updates end as the third, in all six orders', async () => {
    const object = subscription()
    expect(
      await statuses(object.id, [
        updated({ ...object, status: 'active' }, { status: 'incomplete' }),
        updated({ ...object, status: 'past_due' }, { status: 'active' }),
        updated({ ...object, status: 'unpaid' }, { status: 'past_due' }),
      ]),
    ).toEqual(['unpaid'])
  })

  test('three updates of different fields end with all of them', async () => {
    const base = subscription({ metadata: {} })
    const first = { ...base, metadata: { a: '1' } }
    const second = { ...first, cancel_at_period_end: true, cancel_at: T + 99, canceled_at: T }
    const third = { ...second, status: 'past_due' }
    const events = [
      updated(first, { metadata: { a: null } }),
      updated(second, { cancel_at_period_end: false, cancel_at: null, canceled_at: null }),
      updated(third, { status: 'active' }),
    ]
    for (const order of permutations(events)) {
      await undone(database.sql, async (sql) => {
        await ingestAll(sql, order)
        expect((await subscriptionRow(sql, base.id)).raw).toEqual(third)
      })
    }
  })

  test('where an update between two others never arrives, former values still tell which came last', async () => {
    const object = subscription()
    const first = updated({ ...object, status: 'past_due' }, { status: 'active' })
    const third = updated({ ...object, cancel_at: T + 99, status: 'unpaid' }, { status: 'past_due' })
    expect(await statuses(object.id, [first, third])).toEqual(['unpaid'])
  })

  test('created and three updates end as the third, in all 24 orders', async () => {
    const object = subscription({ status: 'incomplete' })
    expect(
      await statuses(object.id, [
        eventOf('customer.subscription.created', object),
        updated({ ...object, status: 'active' }, { status: 'incomplete' }),
        updated({ ...object, status: 'past_due' }, { status: 'active' }),
        updated({ ...object, status: 'unpaid' }, { status: 'past_due' }),
      ]),
    ).toEqual(['unpaid'])
  })

  test('trial_will_end says nothing new beside an update, whether it was sent before or after', async () => {
    const trialing = subscription({ status: 'trialing' })
    const active = { ...trialing, status: 'active' }
    for (const moment of [trialing, active]) {
      expect(
        await statuses(trialing.id, [
          eventOf('customer.subscription.trial_will_end', moment),
          updated(active, { status: 'trialing' }),
        ]),
      ).toEqual(['active'])
    }
  })

  test('paused and resumed stand beside their update', async () => {
    const object = subscription()
    const paused = { ...object, status: 'paused' }
    expect(
      await statuses(object.id, [
        eventOf('customer.subscription.paused', paused),
        updated(paused, { status: 'active' }),
      ]),
    ).toEqual(['paused'])
    expect(
      await statuses(object.id, [
        eventOf('customer.subscription.resumed', object),
        updated(object, { status: 'paused' }),
        updated(paused, { status: 'active' }, T - 1),
      ]),
    ).toEqual(['active'])
  })

  test('a change there and back ends where it began, in all six orders with created', async () => {
    const object = subscription()
    expect(
      await statuses(object.id, [
        eventOf('customer.subscription.created', object),
        updated({ ...object, status: 'past_due' }, { status: 'active' }),
        updated(object, { status: 'past_due' }),
      ]),
    ).toEqual(['active'])
  })

  test('a change there and back ends where it began when the state before it is known', async () => {
    const object = subscription()
    expect(
      await statuses(
        object.id,
        [
          updated({ ...object, status: 'past_due' }, { status: 'active' }),
          updated(object, { status: 'past_due' }),
        ],
        [eventOf('customer.subscription.created', object, { created: T - 60 })],
      ),
    ).toEqual(['active'])
  })

  test('a change there and back ends where it began when the state before it arrives late', async () => {
    const object = subscription()
    expect(
      await statuses(object.id, [
        eventOf('customer.subscription.created', object, { created: T - 60 }),
        updated({ ...object, status: 'past_due' }, { status: 'active' }),
        updated(object, { status: 'past_due' }),
      ]),
    ).toEqual(['active'])
  })

  test('there, back and there again ends there, in all six orders', async () => {
    const object = subscription()
    const there = { ...object, status: 'past_due' }
    expect(
      await statuses(object.id, [
        updated(there, { status: 'active' }),
        updated(object, { status: 'past_due' }),
        { ...updated(there, { status: 'active' }) },
      ]),
    ).toEqual(['past_due'])
  })

  test('an update that is delivered twice, and one under a second id, change nothing', async () => {
    const object = subscription()
    const one = updated({ ...object, status: 'past_due' }, { status: 'active' })
    const two = updated({ ...object, status: 'unpaid' }, { status: 'past_due' })
    await undone(database.sql, async (sql) => {
      await ingestAll(sql, [two, one, two, one])
      expect((await subscriptionRow(sql, object.id)).status).toBe('unpaid')
    })
  })

  test('lists that changed are compared as a whole', async () => {
    const [item, more] = [subscriptionItem(), subscriptionItem({ quantity: 9 })]
    const base = subscription({ items: [item] })
    const grown = { ...base, items: { ...base.items, data: [item, more] } }
    const cut = { ...base, items: { ...base.items, data: [more] } }
    const events = [
      updated(grown, { items: { data: [item] } }),
      updated(cut, { items: { data: [item, more] } }),
    ]
    for (const order of permutations(events)) {
      await undone(database.sql, async (sql) => {
        await ingestAll(sql, order)
        const rows = await sql`
          select quantity from payments.stripe_subscription_items where subscription_id = ${base.id}`
        expect(rows).toEqual([{ quantity: '9' }])
      })
    }
  })

  test('customers and products are no different', async () => {
    const ada = customer({ name: 'A' })
    const events = [
      eventOf('customer.updated', { ...ada, name: 'B' }, { previous: { name: 'A' } }),
      eventOf('customer.updated', { ...ada, name: 'C' }, { previous: { name: 'B' } }),
    ]
    for (const order of permutations(events)) {
      await undone(database.sql, async (sql) => {
        await ingestAll(sql, order)
        expect((await customerRow(sql, ada.id)).name).toBe('C')
      })
    }
    const tea = product({ description: 'one' })
    const changes = [
      eventOf('product.updated', { ...tea, description: 'two' }, { previous: { description: 'one' } }),
      eventOf('product.updated', { ...tea, description: null }, { previous: { description: 'two' } }),
    ]
    for (const order of permutations(changes)) {
      await undone(database.sql, async (sql) => {
        await ingestAll(sql, order)
        const [row] = await sql`select description from payments.stripe_products where product_id = ${tea.id}`
        expect(row?.description).toBeNull()
      })
    }
  })

  test('a later second wins whatever stood in the earlier one', async () => {
    const object = subscription()
    expect(
      await statuses(object.id, [
        updated({ ...object, status: 'past_due' }, { status: 'active' }),
        updated({ ...object, status: 'unpaid' }, { status: 'past_due' }),
        updated(object, { status: 'unpaid' }, T + 1),
      ]),
    ).toEqual(['active'])
  })
})

describe('what stays undecided', () => {
  const object = subscription()
  const events = [
    updated({ ...object, status: 'past_due', quantity: 1 }, { status: 'active' }),
    updated({ ...object, status: 'unpaid', quantity: 2 }, { quantity: 9 }),
  ]

  test('is to be fetched from Stripe, and nothing fails', async () => {
    for (const order of permutations(events)) {
      await undone(database.sql, async (sql) => {
        const [first, second] = await ingestAll(sql, order)
        expect(first).toMatchObject({ status: 'processed', fetch: [] })
        expect(second).toMatchObject({
          status: 'processed',
          fetch: [{ object: 'subscription', id: object.id }],
        })
      })
    }
  })

  test('is decided by what Stripe answers', async () => {
    await undone(database.sql, async (sql) => {
      await ingestAll(sql, events)
      await projectObjects(sql, [{ ...object, status: 'trialing' }], T)
      expect((await subscriptionRow(sql, object.id)).status).toBe('trialing')
    })
  })

  test('is decided by the event that was missing', async () => {
    const missing = updated({ ...object, status: 'past_due', quantity: 9 }, { quantity: 1 })
    const last = updated({ ...object, status: 'unpaid', quantity: 2 }, { quantity: 9, status: 'past_due' })
    expect(await statuses(object.id, [events[0] as Json, missing, last])).toEqual(['unpaid'])
  })

  test('is not asked for again by an event that is stale', async () => {
    await undone(database.sql, async (sql) => {
      await ingestAll(sql, events)
      await projectObjects(sql, [object], T + 5)
      const { fetch } = await ingest(sql, updated(object, { status: 'trialing' }, T - 9))
      expect(fetch).toEqual([])
    })
  })
})
