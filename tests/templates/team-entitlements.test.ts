/** Entitlements of teams: granted, changed and taken away with their subscriptions. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anonymous, asCaller, createTestDatabase, type TestDatabase, user } from '../setup/database.ts'
import {
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  refusal,
  type Sql,
  undone,
} from '../sql/support/calls.ts'
import {
  checkoutSession,
  eventOf,
  type Json,
  newId,
  subjectMetadata,
  subscription,
  subscriptionBeforeBasil,
  subscriptionItem,
  T,
} from '../sql/support/stripe.ts'
import { installTwice } from './support/install.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await installTwice(database.sql, 'team-entitlements')
  await database.sql`
    insert into public.plans (price_id, plan, rank) values ('price_small', 'small', 1), ('price_big', 'big', 2)`
})
afterAll(() => database.close())

const entitlementOf = async (team: string, sql: Sql = database.sql) => {
  const [row] = await sql`
    select plan, seats::integer, extract(epoch from valid_until)::integer as valid_until,
      extract(epoch from ends_at)::integer as ends_at
    from public.team_plans where team_id = ${team}`
  return row
}
const item = (price: string, quantity = 1) =>
  subscriptionItem({ price: { id: price, product: 'prod_1' }, quantity })
/** A subscription of a team to a price. */
const subscribed = (team: string, price: string, { quantity = 1, ...more }: Json = {}) =>
  subscription({
    customer: newId('cus'),
    items: [item(price, quantity)],
    metadata: subjectMetadata('team', team),
    ...more,
  })
const changed = (object: Json, price: string, quantity = 1) => ({
  ...object,
  items: {
    ...object.items,
    data: [{ ...object.items.data[0], price: { id: price, product: 'prod_1' }, quantity }],
  },
})
const told = (kind: string, object: Json, created = T) =>
  eventOf(`customer.subscription.${kind}`, object, { created })

test('a subscription grants what its price gives, with its seats and until when it is paid', async () => {
  await ingest(database.sql, told('created', subscribed('a', 'price_small', { quantity: 5 })))
  expect(await entitlementOf('a')).toEqual({
    plan: 'small',
    seats: 5,
    valid_until: T + 2_592_000,
    ends_at: null,
  })
})

test('a subscription in the shape before 2025-03-31.basil grants the same', async () => {
  const object = subscriptionBeforeBasil({
    items: [item('price_small')],
    metadata: subjectMetadata('team', 'old'),
  })
  await ingest(database.sql, told('created', object))
  expect(await entitlementOf('old')).toEqual({
    plan: 'small',
    seats: 1,
    valid_until: T + 2_592_000,
    ends_at: null,
  })
})

test('a change of plan and seats changes it', async () => {
  const object = subscribed('b', 'price_small')
  await ingestAll(database.sql, [
    told('created', object),
    told('updated', changed(object, 'price_big', 9), T + 5),
  ])
  expect(await entitlementOf('b')).toMatchObject({ plan: 'big', seats: 9 })
})

test('the end of the subscription takes it away', async () => {
  const object = subscribed('c', 'price_small')
  await ingestAll(database.sql, [
    told('created', object),
    told('deleted', { ...object, status: 'canceled' }, T + 5),
  ])
  expect(await entitlementOf('c')).toBeUndefined()
})

test.each([
  ['active', true],
  ['trialing', true],
  ['past_due', true],
  ['incomplete', false],
  ['incomplete_expired', false],
  ['unpaid', false],
  ['paused', false],
  ['canceled', false],
])('a subscription that is %s gives access: %s', async (status, access) => {
  const object = subscribed(`status ${status}`, 'price_small')
  await ingestAll(database.sql, [told('created', object), told('updated', { ...object, status }, T + 5)])
  expect((await entitlementOf(`status ${status}`)) !== undefined).toBe(access)
})

test('a cancellation at the end of the period says when it ends', async () => {
  const object = subscribed('d', 'price_small')
  await ingest(database.sql, told('created', { ...object, cancel_at_period_end: true }))
  expect((await entitlementOf('d'))?.ends_at).toBe(T + 2_592_000)
  await ingest(database.sql, told('updated', { ...object, cancel_at: T + 99 }, T + 5))
  expect((await entitlementOf('d'))?.ends_at).toBe(T + 99)
  await ingest(database.sql, told('updated', object, T + 9))
  expect((await entitlementOf('d'))?.ends_at).toBeNull()
})

test('a price that is in no plan gives nothing, whatever was asked for', async () => {
  await ingest(database.sql, told('created', subscribed('e', 'price_forged')))
  expect(await entitlementOf('e')).toBeUndefined()
  const object = subscribed('e2', 'price_small')
  await ingestAll(database.sql, [
    told('created', object),
    told('updated', changed(object, 'price_forged'), T + 5),
  ])
  expect(await entitlementOf('e2')).toBeUndefined()
})

test('of several subscriptions the highest counts, and the other remains when it ends', async () => {
  const [small, big] = [subscribed('f', 'price_small'), subscribed('f', 'price_big')]
  const ends = await endsOfEveryOrder(
    database.sql,
    [told('created', small), told('created', big)],
    async (sql) => (await entitlementOf('f', sql))?.plan,
  )
  expect(distinct(ends)).toEqual(['big'])
  await ingestAll(database.sql, [
    told('created', big),
    told('created', small),
    told('deleted', { ...big, status: 'canceled' }, T + 5),
  ])
  expect((await entitlementOf('f'))?.plan).toBe('small')
})

test('events in any order end with what the subscription is', async () => {
  const object = subscribed('g', 'price_small')
  const upgraded = changed(object, 'price_big', 3)
  const granted = await endsOfEveryOrder(
    database.sql,
    [
      told('created', { ...object, status: 'incomplete' }),
      told('updated', object, T + 5),
      told('updated', upgraded, T + 9),
    ],
    async (sql) => await entitlementOf('g', sql),
  )
  expect(distinct(granted)).toMatchObject([{ plan: 'big', seats: 3 }])
  const revoked = await endsOfEveryOrder(
    database.sql,
    [
      told('created', object),
      told('updated', upgraded, T + 9),
      told('deleted', { ...upgraded, status: 'canceled' }, T + 20),
    ],
    async (sql) => (await entitlementOf('g', sql)) ?? null,
  )
  expect(distinct(revoked)).toEqual([null])
})

test('a redelivered event changes nothing', async () => {
  const object = subscribed('h', 'price_small')
  const [created, deleted] = [
    told('created', object),
    told('deleted', { ...object, status: 'canceled' }, T + 5),
  ]
  await ingestAll(database.sql, [created, deleted, created, deleted, created])
  expect(await entitlementOf('h')).toBeUndefined()
})

describe('teams and environments are apart', () => {
  test('a subscription of another team or of a user changes nothing', async () => {
    await ingest(database.sql, told('created', subscribed('i', 'price_small')))
    const before = await entitlementOf('i')
    await ingestAll(database.sql, [
      told('deleted', { ...subscribed('j', 'price_big'), status: 'canceled' }),
      told('created', subscription({ items: [item('price_big')], metadata: subjectMetadata('user', 'i') })),
      told('created', subscription({ customer: newId('cus'), items: [item('price_big')] })),
    ])
    expect(await entitlementOf('i')).toEqual(before)
  })

  test('what happens in test mode does not touch what was bought in live mode', async () => {
    const live = subscribed('k', 'price_big', { livemode: true })
    await ingest(database.sql, { ...told('created', live), livemode: true }, 'live')
    const before = await entitlementOf('k')
    expect(before).toMatchObject({ plan: 'big' })
    const test = subscribed('k', 'price_unknown_in_live')
    await ingestAll(database.sql, [
      told('created', test),
      told('deleted', { ...test, status: 'canceled' }, T + 5),
    ])
    expect(await entitlementOf('k')).toEqual(before)
  })
})

test('a subscription whose team only its checkout names is granted when the checkout is told of, in every order', async () => {
  const object = subscription({ customer: newId('cus'), items: [item('price_small')] })
  const session = checkoutSession({
    customer: object.customer,
    metadata: subjectMetadata('team', 'l'),
    mode: 'subscription',
    subscription: object.id,
  })
  const ends = await endsOfEveryOrder(
    database.sql,
    [told('created', object), eventOf('checkout.session.completed', session, { created: T + 5 })],
    async (sql) => (await entitlementOf('l', sql))?.plan,
  )
  expect(distinct(ends)).toEqual(['small'])
})

describe('a subscription that moves to another team', () => {
  const teams = (sql: Sql) => sql`select team_id, plan from public.team_plans where team_id in ('from', 'to')`
  const first = subscribed('from', 'price_small')
  const moved = { ...first, metadata: subjectMetadata('team', 'to') }
  const created = told('created', first)
  const updated = eventOf('customer.subscription.updated', moved, {
    created: T + 10,
    previous: { metadata: first.metadata },
  })
  const deleted = told('deleted', { ...moved, status: 'canceled' }, T + 20)

  test('gives its plan to the one team that its row names, in every order', async () => {
    const ends = await endsOfEveryOrder(database.sql, [created, updated], async (sql) => ({
      teams: await teams(sql),
      row: await sql`select subject_id from payments.stripe_subscriptions where subscription_id = ${first.id}`,
    }))
    expect(distinct(ends)).toEqual([
      { teams: [{ team_id: 'from', plan: 'small' }], row: [{ subject_id: 'from' }] },
    ])
  })

  test('gives none to either team once it is canceled, in every order', async () => {
    const ends = await endsOfEveryOrder(database.sql, [created, updated, deleted], teams)
    expect(distinct(ends.map((rows) => [...rows]))).toEqual([[]])
  })

  test('leaves the other subscriptions of both teams as they are, in every order', async () => {
    const [stays, there] = [subscribed('from', 'price_big'), subscribed('to', 'price_small', { quantity: 4 })]
    const ends = await endsOfEveryOrder(
      database.sql,
      [created, updated, told('created', stays), told('created', there, T + 1)],
      async (sql) => [await entitlementOf('from', sql), await entitlementOf('to', sql)],
    )
    expect(distinct(ends)).toMatchObject([[{ plan: 'big' }, { plan: 'small', seats: 4 }]])
  })

  test('takes its plan along when a late event is the first to say whose it is', async () => {
    await undone(database.sql, async (sql) => {
      await ingest(sql, updated)
      expect([...(await teams(sql))]).toEqual([{ team_id: 'to', plan: 'small' }])
      await ingest(sql, created)
      expect([...(await teams(sql))]).toEqual([{ team_id: 'from', plan: 'small' }])
    })
  })
})

test('a subscription that names nobody is its customer’s, also when another one says later whose that is, in every order', async () => {
  const unnamed = subscription({ customer: newId('cus'), items: [item('price_small')] })
  const named = subscribed('o', 'price_unknown', { customer: unnamed.customer })
  const ends = await endsOfEveryOrder(
    database.sql,
    [told('created', unnamed), told('created', named, T + 5)],
    async (sql) => (await entitlementOf('o', sql))?.plan,
  )
  expect(distinct(ends)).toEqual(['small'])
})

test('after a change of plans all of them are derived with one statement, the one in the template', async () => {
  const text = await readFile(new URL('../../sql/templates/team-entitlements.sql', import.meta.url), 'utf8')
  const [statement = ''] = /select public\.derive_team_entitlement[\s\S]*?;/.exec(text) ?? []
  await undone(database.sql, async (sql) => {
    await ingest(sql, told('created', subscribed('m', 'price_new')))
    expect(await entitlementOf('m', sql)).toBeUndefined()
    await sql`insert into public.plans (price_id, plan, rank) values ('price_new', 'new', 3)`
    await sql.unsafe(statement.replaceAll(/^ \* ?/gm, ''))
    expect((await entitlementOf('m', sql))?.plan).toBe('new')
    await sql`delete from payments.stripe_subscriptions`
    await sql.unsafe(statement.replaceAll(/^ \* ?/gm, ''))
    expect(await entitlementOf('m', sql)).toBeUndefined()
  })
})

test('app users read neither plans nor entitlements without a policy of the app, and write none', async () => {
  for (const caller of [user('u1'), anonymous]) {
    for (const statement of [
      'select from public.team_entitlements',
      'select from public.team_plans',
      `select public.derive_team_entitlement('test', 'sub_1')`,
      'select from public.plans',
      `insert into public.plans values ('price_mine', 'big', 9)`,
    ]) {
      expect(await refusal(asCaller(database.sql, caller, (sql) => sql.unsafe(statement)))).toMatchObject({
        code: '42501',
      })
    }
  }
})
