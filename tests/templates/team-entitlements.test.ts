/** Entitlements of teams: granted, changed and taken away with their subscriptions and their payments. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anonymous, asCaller, createTestDatabase, type TestDatabase, user } from '../setup/database.ts'
import {
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  projectObjects,
  refusal,
  type Sql,
  undone,
} from '../sql/support/calls.ts'
import {
  checkoutSession,
  eventOf,
  invoice,
  type Json,
  newId,
  paymentIntent,
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

test('a change of plans shows at once, and so does a subscription that is gone without an event', async () => {
  await undone(database.sql, async (sql) => {
    await ingest(sql, told('created', subscribed('m', 'price_new')))
    expect(await entitlementOf('m', sql)).toBeUndefined()
    await sql`insert into public.plans (price_id, plan, rank) values ('price_new', 'new', 3)`
    expect((await entitlementOf('m', sql))?.plan).toBe('new')
    await sql`delete from payments.stripe_subscriptions`
    expect(await entitlementOf('m', sql)).toBeUndefined()
  })
})

describe('money', () => {
  /** A subscription that Stripe bills by the invoice `in_…`, and its payment in each state. */
  const billed = (team: string, more: Json = {}) => {
    const object = subscribed(team, 'price_small', { latest_invoice: newId('in'), ...more })
    const bill = (kind: string, state: Json, created = T + 5) =>
      eventOf(
        `invoice.${kind}`,
        invoice({
          id: object.latest_invoice,
          customer: object.customer,
          subscription: object.id,
          amount_due: 5000,
          ...state,
        }),
        { created },
      )
    const open = { amount_paid: 0, status: 'open', status_transitions: {} }
    return {
      object,
      created: told('created', object),
      failed: bill('payment_failed', { ...open, attempt_count: 1, next_payment_attempt: T + 900 }),
      paid: bill('paid', { amount_paid: 5000 }, T + 9),
      free: bill('paid', { amount_due: 0, amount_paid: 0 }, T + 9),
    }
  }
  const planOf = async (team: string, sql: Sql = database.sql) => (await entitlementOf(team, sql))?.plan

  test('that has not arrived gives nothing, and gives the plan when it arrives, in every order', async () => {
    const { created, failed, paid } = billed('n1')
    for (const events of [[created], [created, failed]]) {
      const ends = await endsOfEveryOrder(
        database.sql,
        events,
        async (sql) => (await planOf('n1', sql)) ?? null,
      )
      expect(distinct(ends)).toEqual([null])
    }
    const ends = await endsOfEveryOrder(database.sql, [created, failed, paid], (sql) => planOf('n1', sql))
    expect(distinct(ends)).toEqual(['small'])
  })

  test('of a bank debit that is under way, and then fails, gives nothing', async () => {
    const { object, created, failed } = billed('n2')
    const pi = paymentIntent({
      amount_received: 0,
      customer: object.customer,
      payment_details: { order_reference: object.latest_invoice },
      status: 'processing',
    })
    await ingestAll(database.sql, [created, eventOf('payment_intent.processing', pi)])
    expect(await planOf('n2')).toBeUndefined()
    await ingestAll(database.sql, [failed, told('updated', { ...object, status: 'past_due' }, T + 9)])
    expect(await planOf('n2')).toBeUndefined()
  })

  test('that arrived once keeps the plan while a renewal is past due, until the end of what was paid', async () => {
    const { object, created, paid } = billed('n3')
    await ingestAll(database.sql, [
      created,
      paid,
      told('updated', { ...object, latest_invoice: newId('in'), status: 'past_due' }, T + 90),
    ])
    expect(await entitlementOf('n3')).toMatchObject({ plan: 'small', valid_until: T })
  })

  test('is not needed while it is trialing, and is needed after the trial', async () => {
    const { object, created, free } = billed('n4', { status: 'trialing', trial_end: T + 50, trial_start: T })
    await ingestAll(database.sql, [created, free])
    expect(await planOf('n4')).toBe('small')
    for (const status of ['active', 'past_due']) {
      await ingest(
        database.sql,
        told(
          'updated',
          { ...object, latest_invoice: newId('in'), status },
          T + (status === 'active' ? 50 : 90),
        ),
      )
      expect(await planOf('n4')).toBeUndefined()
    }
  })

  test('after a trial may take the hour until Stripe charges', async () => {
    const now = Math.floor(Date.now() / 1000)
    const { object, created, free } = billed('n5', {
      status: 'trialing',
      trial_end: now - 60,
      trial_start: T,
    })
    const items = [
      { ...object.items.data[0], current_period_end: now + 86_400, current_period_start: now - 60 },
    ]
    const next = newId('in')
    const active = {
      ...object,
      items: { ...object.items, data: items },
      latest_invoice: next,
      status: 'active',
    }
    await ingestAll(database.sql, [created, free, told('updated', active, now - 60)])
    await database.sql`
      update payments.stripe_subscription_items
      set current_period_start = to_timestamp(${now - 60}), current_period_end = to_timestamp(${now + 86_400})
      where subscription_id = ${object.id}`
    expect(await planOf('n5')).toBe('small')
    const declinedBill = invoice({
      id: next,
      amount_due: 5000,
      amount_paid: 0,
      customer: object.customer,
      next_payment_attempt: now + 900,
      status: 'open',
      subscription: object.id,
    })
    await ingest(database.sql, eventOf('invoice.payment_failed', declinedBill, { created: now }))
    expect(await planOf('n5')).toBeUndefined()
  })

  test('is not needed for what costs nothing', async () => {
    const { created, free } = billed('n6')
    await ingestAll(database.sql, [created, free])
    expect(await planOf('n6')).toBe('small')
  })

  test('that was lost in a dispute is none', async () => {
    const { created, paid } = billed('n7')
    await ingestAll(database.sql, [created, paid])
    expect(await planOf('n7')).toBe('small')
    await database.sql`
      update payments.transactions set amount_disputed = amount
      where related_object_ids ->> 'invoice' = ${paid.data.object.id}`
    expect(await planOf('n7')).toBeUndefined()
  })

  test('of another subscription of the customer gives nothing to this one', async () => {
    const other = billed('n8', { items: [item('price_unknown')] })
    const { created } = billed('n8', { customer: other.object.customer })
    await ingestAll(database.sql, [other.created, other.paid, created])
    expect(await planOf('n8')).toBeUndefined()
  })
})

test('what a sync changed without an event shows at once', async () => {
  const object = subscribed('p', 'price_small')
  await ingest(database.sql, told('created', object))
  await projectObjects(database.sql, [{ ...object, status: 'canceled' }], T + 50)
  expect(await entitlementOf('p')).toBeUndefined()
})

test('the period is that of the item that grants the plan', async () => {
  const object = subscribed('q', 'price_small')
  await ingest(database.sql, told('created', object))
  await database.sql`
    update payments.stripe_subscription_items set current_period_end = to_timestamp(${T + 7000})
    where subscription_id = ${object.id}`
  expect((await entitlementOf('q'))?.valid_until).toBe(T + 7000)
})

test('the plan of one team is looked up by index', async () => {
  const plan = await undone(database.sql, async (sql) => {
    await sql`set local enable_seqscan = off`
    return await sql`explain select plan from public.team_plans where team_id = 'a'`
  })
  expect(plan.map((row) => row['QUERY PLAN']).join('\n')).toMatch(/Index Cond: \(\(?subject_id = 'a'/)
})

test('app users read neither plans nor entitlements without a policy of the app, and write none', async () => {
  for (const caller of [user('u1'), anonymous]) {
    for (const statement of [
      'select from public.team_entitlements',
      'select from public.team_plans',
      'select from public.plans',
      `insert into public.plans values ('price_mine', 'big', 9)`,
    ]) {
      expect(await refusal(asCaller(database.sql, caller, (sql) => sql.unsafe(statement)))).toMatchObject({
        code: '42501',
      })
    }
  }
})
