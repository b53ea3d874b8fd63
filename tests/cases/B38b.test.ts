/** Two customers of one billing subject: the portal and the next checkout use the one whose subscription lives. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase, user } from '../setup/database.ts'
import {
  begin,
  distinct,
  endsOfEveryOrder,
  ingestAll,
  mappingOf,
  openPortal,
  projectObjects,
  type Sql,
  stateOf,
  undone,
} from '../sql/support/calls.ts'
import {
  checkoutSession,
  customer,
  eventOf,
  type Json,
  newId,
  subjectMetadata,
  subscription,
  T,
} from '../sql/support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const metadata = subjectMetadata('user', '42')
const mapped = (sql: Sql) => mappingOf(sql, 'user', '42')

/** A checkout of the subject, and the subscription that it started. */
const bought = (customerId: string, created: number, { status = 'active', named = true } = {}) => {
  const object = subscription({
    customer: customerId,
    created,
    status,
    metadata: named ? metadata : {},
  })
  const session = checkoutSession({
    created,
    customer: customerId,
    metadata,
    mode: 'subscription',
    subscription: object.id,
  })
  return {
    object,
    events: [
      eventOf('checkout.session.completed', session, { created: created + 1 }),
      eventOf('customer.subscription.created', object, { created: created + 1 }),
    ],
  }
}
const ended = (object: Json, at: number) =>
  eventOf('customer.subscription.deleted', { ...object, status: 'canceled', ended_at: at }, { created: at })

test('while both subscriptions live the earlier customer is used; once it has canceled, the other one', async () => {
  await undone(database.sql, async (sql) => {
    const [a, b] = [bought('cus_A', T), bought('cus_B', T + 5)]
    await ingestAll(sql, [...a.events, ...b.events])
    expect(await mapped(sql)).toBe('cus_A')
    await ingestAll(sql, [ended(a.object, T + 900)])
    expect(await mapped(sql)).toBe('cus_B')

    const { session } = await openPortal(sql, user('42'), { type: 'user', id: '42' })
    expect(session.customer_id).toBe('cus_B')
    const { params } = await begin(sql, user('42'), { subject: { type: 'user', id: '42' } })
    expect(params.customer).toBe('cus_B')
  })
})

test('the customer is the same one in every order of events, and after a rebuild', async () => {
  const [a, b] = [bought('cus_A', T), bought('cus_B', T + 5)]
  const ends = await endsOfEveryOrder(
    database.sql,
    [...a.events, ...b.events, ended(a.object, T + 900)],
    async (sql) => {
      const before = await mapped(sql)
      return [before]
    },
  )
  expect(distinct(ends)).toEqual([['cus_B']])

  await undone(database.sql, async (sql) => {
    await ingestAll(sql, [...a.events, ...b.events, ended(a.object, T + 900)])
    const before = await stateOf(sql)
    await sql`select payments.rebuild_projections('test')`
    expect(await stateOf(sql)).toEqual(before)
    expect(await mapped(sql)).toBe('cus_B')
  })
})

test('a subscription that names no owner counts for the owner of its customer', async () => {
  const [a, b] = [bought('cus_A', T, { named: false }), bought('cus_B', T + 5, { named: false })]
  const ends = await endsOfEveryOrder(
    database.sql,
    [...a.events, ...b.events, ended(a.object, T + 900)],
    mapped,
  )
  expect(distinct(ends)).toEqual(['cus_B'])
})

const LIFE = ['active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete', 'hibernating', 'canceled']

describe('of two customers', () => {
  test.each(LIFE.slice(1).map((worse, i) => [LIFE[i] as string, worse]))(
    'the one whose subscription is %s comes before one that is %s',
    async (better, worse) => {
      const [a, b] = [bought('cus_A', T, { status: worse }), bought('cus_B', T + 5, { status: better })]
      const ends = await endsOfEveryOrder(database.sql, [...a.events, ...b.events], mapped)
      expect(distinct(ends)).toEqual(['cus_B'])
    },
  )

  test.each(['canceled', 'incomplete_expired'])(
    'two %s subscriptions leave the earlier customer',
    async (status) => {
      const [a, b] = [bought('cus_A', T, { status }), bought('cus_B', T + 5, { status })]
      const ends = await endsOfEveryOrder(database.sql, [...a.events, ...b.events], mapped)
      expect(distinct(ends)).toEqual(['cus_A'])
    },
  )

  test('one that was deleted comes last, whatever its subscription says', async () => {
    const [a, b] = [bought('cus_A', T, { status: 'canceled' }), bought('cus_B', T + 5)]
    const gone = eventOf('customer.deleted', customer({ id: 'cus_B' }), { created: T + 60 })
    const ends = await endsOfEveryOrder(database.sql, [...a.events, ...b.events, gone], mapped)
    expect(distinct(ends)).toEqual(['cus_A'])
  })

  test('of several subscriptions of a customer, the most alive counts', async () => {
    const [a, b, again] = [
      bought('cus_A', T, { status: 'canceled' }),
      bought('cus_B', T + 5, { status: 'past_due' }),
      bought('cus_A', T + 9, { status: 'trialing' }),
    ]
    const ends = await endsOfEveryOrder(
      database.sql,
      [...a.events, b.events[1] as Json, ...again.events],
      mapped,
    )
    expect(distinct(ends)).toEqual(['cus_A'])
  })
})

test('what a sync finds counts like an event', async () => {
  await undone(database.sql, async (sql) => {
    const [a, b] = [bought('cus_A', T), bought('cus_B', T + 5)]
    await ingestAll(sql, [...a.events, ...b.events])
    await projectObjects(sql, [{ ...a.object, status: 'canceled' }], T + 900)
    expect(await mapped(sql)).toBe('cus_B')
    await projectObjects(
      sql,
      [subscription({ customer: 'cus_A', created: T + 950 }), { ...b.object, status: 'canceled' }],
      T + 960,
    )
    expect(await mapped(sql)).toBe('cus_A')
  })
})

test('the customer of one subject has nothing to do with subscriptions of another', async () => {
  await undone(database.sql, async (sql) => {
    const a = bought('cus_A', T, { status: 'canceled' })
    const other = subscription({
      customer: 'cus_other',
      metadata: subjectMetadata('user', '43'),
      id: newId('sub'),
    })
    await ingestAll(sql, [...a.events, eventOf('customer.subscription.created', other)])
    expect(await mapped(sql)).toBe('cus_A')
  })
})
