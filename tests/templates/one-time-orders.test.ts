/** Fulfilment of one-time orders: what makes an order paid, and what does not. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  anonymous,
  asCaller,
  type Claims,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../setup/database.ts'
import {
  begin,
  type CheckoutRequest,
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  permutations,
  projectObjects,
  refusal,
  type Sql,
  undone,
} from '../sql/support/calls.ts'
import {
  charge,
  checkoutSession,
  dispute,
  eventOf,
  type Json,
  newId,
  paymentIntent,
  refund,
  T,
} from '../sql/support/stripe.ts'
import { installTwice } from './support/install.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await installTwice(database.sql, 'one-time-orders')
})
afterAll(() => database.close())

/** Inserts an order of two teas by u1 as the app does; `null` is a guest. */
async function order(more: Record<string, unknown> = {}): Promise<string> {
  const [row] = await database.sql`
    insert into public.orders ${database.sql({ user_id: 'u1', price_id: 'price_tea', quantity: 2, amount: 2000, currency: 'usd', ...more })}
    returning id`
  return row?.id
}
const orderRow = async (id: string, sql: Pick<typeof database.sql, 'unsafe'> = database.sql) =>
  (await sql.unsafe('select * from public.orders where id = $1', [id]))[0]

/** Begins the checkout for an order and returns its paid session as Stripe has it. */
async function paid(
  id: string,
  { caller = user('u1') as Claims, request = {} as CheckoutRequest, session = {} as Json } = {},
): Promise<Json> {
  const sub = caller?.sub
  const begun = await asCaller(database.sql, service, (sql) =>
    begin(sql, caller, {
      lineItems: [{ priceId: 'price_tea', quantity: 2 }],
      metadata: { order_id: id },
      ...(sub ? { subject: { type: 'user', id: sub } } : {}),
      ...request,
    }),
  )
  return checkoutSession({
    amount_subtotal: 2000,
    amount_total: 2000,
    client_reference_id: begun.session.id,
    metadata: begun.params.metadata,
    payment_intent: newId('pi'),
    ...session,
  })
}
const completed = (session: Json, created = T) => eventOf('checkout.session.completed', session, { created })

describe('an order is paid', () => {
  test('when the money for its price, quantity, amount and currency came from its owner', async () => {
    const id = await order()
    const session = await paid(id)
    expect((await ingest(database.sql, completed(session, T + 7))).status).toBe('processed')
    expect(await orderRow(id)).toMatchObject({
      status: 'paid',
      checkout_session_id: session.id,
      payment_intent_id: session.payment_intent,
      paid_at: new Date((T + 7) * 1000),
    })
  })

  test('once, however often and by however many events it is told', async () => {
    const id = await order()
    const session = await paid(id)
    const first = completed(session, T + 7)
    await ingestAll(database.sql, [first, first, completed(session, T + 8), first])
    await ingest(
      database.sql,
      eventOf('checkout.session.async_payment_succeeded', session, { created: T + 90 }),
    )
    expect(await orderRow(id)).toMatchObject({ status: 'paid', paid_at: new Date((T + 7) * 1000) })
  })

  test('with nothing, when a discount of 100 % says so', async () => {
    const id = await order()
    const session = await paid(id, {
      session: { amount_total: 0, payment_intent: null, payment_status: 'no_payment_required' },
    })
    await ingest(database.sql, completed(session))
    expect(await orderRow(id)).toMatchObject({ status: 'paid', payment_intent_id: null })
  })

  test('without a subject by its owner, and by no guest and no other user', async () => {
    const id = await order()
    const request = { subject: undefined }
    for (const caller of [anonymous, user('u2')]) {
      await ingest(database.sql, completed(await paid(id, { caller, request })))
      expect((await orderRow(id))?.status).toBe('mismatched')
    }
    await ingest(database.sql, completed(await paid(id, { request })))
    expect((await orderRow(id))?.status).toBe('paid')
  })

  test('of a guest, by whoever pays it', async () => {
    for (const caller of [anonymous, user('u7')]) {
      const id = await order({ user_id: null })
      await ingest(database.sql, completed(await paid(id, { caller })))
      expect((await orderRow(id))?.status).toBe('paid')
    }
  })

  test('when a slow payment has arrived, and not before', async () => {
    const id = await order()
    const session = await paid(id, { session: { payment_status: 'unpaid' } })
    await ingest(database.sql, completed(session))
    expect(await orderRow(id)).toMatchObject({ status: 'pending', checkout_session_id: null, paid_at: null })
    await ingest(
      database.sql,
      eventOf(
        'checkout.session.async_payment_succeeded',
        { ...session, payment_status: 'paid' },
        { created: T + 500 },
      ),
    )
    expect(await orderRow(id)).toMatchObject({ status: 'paid', paid_at: new Date((T + 500) * 1000) })
  })

  test('also when its first checkout was abandoned', async () => {
    const id = await order()
    const first = await paid(id, { session: { payment_status: 'unpaid', status: 'expired' } })
    await ingest(database.sql, eventOf('checkout.session.expired', first))
    await ingest(database.sql, completed(await paid(id)))
    expect((await orderRow(id))?.status).toBe('paid')
  })
})

describe('an order stays pending', () => {
  test('when a slow payment fails', async () => {
    const id = await order()
    const session = await paid(id, { session: { payment_status: 'unpaid' } })
    await ingestAll(database.sql, [
      completed(session),
      eventOf('checkout.session.async_payment_failed', session, { created: T + 500 }),
    ])
    expect((await orderRow(id))?.status).toBe('pending')
  })

  test.each([
    undefined,
    'not an id',
    '00000000-0000-4000-8000-000000000000',
    `'; drop table public.orders; --`,
  ])('and the event is processed, when the checkout names the order %j', async (named) => {
    const id = await order()
    const session = await paid(id, { session: { metadata: named ? { order_id: named } : {} } })
    expect((await ingest(database.sql, completed(session))).status).toBe('processed')
    expect((await orderRow(id))?.status).toBe('pending')
  })
})

const wrong: [string, Parameters<typeof paid>[1]][] = [
  ['a lower amount', { session: { amount_subtotal: 20, amount_total: 20 } }],
  ['another currency', { session: { currency: 'jpy' } }],
  ['another price', { request: { lineItems: [{ priceId: 'price_cheap', quantity: 2 }] } }],
  ['another quantity', { request: { lineItems: [{ priceId: 'price_tea', quantity: 1 }] } }],
  [
    'more than one line',
    {
      request: {
        lineItems: [
          { priceId: 'price_tea', quantity: 2 },
          { priceId: 'price_tea', quantity: 2 },
        ],
      },
    },
  ],
  ['another user', { caller: user('mallory') }],
  ['nobody in particular', { caller: anonymous }],
]

describe('an order is set aside', () => {
  test.each(wrong)('when it was paid with %s', async (_, how) => {
    const id = await order()
    const session = await paid(id, how)
    expect((await ingest(database.sql, completed(session))).status).toBe('processed')
    expect(await orderRow(id)).toMatchObject({ status: 'mismatched', checkout_session_id: session.id })
  })

  test('when it was paid with a session that was not begun here', async () => {
    const id = await order({ user_id: null })
    const session = checkoutSession({
      amount_subtotal: 2000,
      metadata: { order_id: id },
      payment_link: 'plink_1',
    })
    await ingest(database.sql, completed(session))
    expect((await orderRow(id))?.status).toBe('mismatched')
  })

  test.each(wrong)('and is paid all the same when its owner pays it rightly after %s', async (_, how) => {
    const id = await order()
    await ingest(database.sql, completed(await paid(id, how)))
    const session = await paid(id)
    await ingest(database.sql, completed(session, T + 60))
    expect(await orderRow(id)).toMatchObject({ status: 'paid', checkout_session_id: session.id })
  })
})

test.each(wrong)('a paid order is not touched by a later checkout with %s', async (_, how) => {
  const id = await order()
  const session = await paid(id)
  await ingest(database.sql, completed(session))
  await ingest(database.sql, completed(await paid(id, how), T + 60))
  expect(await orderRow(id)).toMatchObject({ status: 'paid', checkout_session_id: session.id })
})

describe('a refund', () => {
  const refunded = (session: Json, amount: number) =>
    eventOf(
      'charge.refunded',
      charge({
        amount: 2000,
        amount_captured: 2000,
        amount_refunded: amount,
        payment_intent: session.payment_intent,
        refunded: amount === 2000,
      }),
      { created: T + 60 },
    )

  test('of all of it makes the order refunded, whichever is heard of first', async () => {
    const id = await order()
    const session = await paid(id)
    for (const events of permutations([completed(session), refunded(session, 2000)])) {
      await undone(database.sql, async (sql) => {
        await ingestAll(sql, events)
        expect((await orderRow(id, sql))?.status).toBe('refunded')
      })
    }
  })

  test('of a part leaves the order paid', async () => {
    const id = await order()
    const session = await paid(id)
    await ingestAll(database.sql, [completed(session), refunded(session, 500)])
    expect((await orderRow(id))?.status).toBe('paid')
  })

  test('of a part, and then of the rest, makes it refunded', async () => {
    const id = await order()
    const session = await paid(id)
    await ingestAll(database.sql, [completed(session), refunded(session, 500), refunded(session, 2000)])
    expect((await orderRow(id))?.status).toBe('refunded')
  })

  test('that is pending makes the order refunded, and paid again when it fails, in every order', async () => {
    const id = await order()
    const session = await paid(id)
    const pending = refund({ amount: 2000, payment_intent: session.payment_intent, status: 'pending' })
    const begun = eventOf('refund.created', pending, { created: T + 60 })
    const failed = eventOf('refund.failed', { ...pending, status: 'failed' }, { created: T + 90 })
    const end = async (sql: Sql) => (await orderRow(id, sql))?.status
    expect(distinct(await endsOfEveryOrder(database.sql, [completed(session), begun], end))).toEqual([
      'refunded',
    ])
    const events = [completed(session), begun, refunded(session, 2000), failed]
    expect(distinct(await endsOfEveryOrder(database.sql, events, end))).toEqual(['paid'])
  })

  test('that fails is heard of from an endpoint that knows only of charges', async () => {
    const id = await order()
    const session = await paid(id)
    const failed = refund({ amount: 2000, payment_intent: session.payment_intent, status: 'failed' })
    await ingestAll(database.sql, [completed(session), refunded(session, 2000)])
    expect((await orderRow(id))?.status).toBe('refunded')
    await ingest(database.sql, eventOf('charge.refund.updated', failed, { created: T + 90 }))
    expect((await orderRow(id))?.status).toBe('paid')
  })

  test('that fails leaves the order refunded when another one has given the money back', async () => {
    const id = await order()
    const session = await paid(id)
    const [one, two] = [1, 2].map(() => refund({ amount: 2000, payment_intent: session.payment_intent }))
    const events = [
      completed(session),
      eventOf('refund.created', { ...one, status: 'pending' }, { created: T + 60 }),
      eventOf('refund.failed', { ...one, status: 'failed' }, { created: T + 90 }),
      eventOf('refund.created', two as Json, { created: T + 120 }),
    ]
    const ends = await endsOfEveryOrder(
      database.sql,
      events,
      async (sql) => (await orderRow(id, sql))?.status,
    )
    expect(distinct(ends)).toEqual(['refunded'])
  })

  test('that fails does not make it the first time that the order is paid', async () => {
    const id = await order()
    const session = await paid(id)
    const given = refund({ amount: 2000, payment_intent: session.payment_intent, status: 'pending' })
    await ingestAll(database.sql, [
      completed(session, T + 7),
      eventOf('refund.created', given, { created: T + 60 }),
      eventOf('refund.failed', { ...given, status: 'failed' }, { created: T + 90 }),
    ])
    expect(await orderRow(id)).toMatchObject({ status: 'paid', paid_at: new Date((T + 7) * 1000) })
  })

  test('that was heard of before its payment leaves the order unpaid until it fails', async () => {
    const id = await order()
    const session = await paid(id)
    const given = refund({ amount: 2000, payment_intent: session.payment_intent, status: 'pending' })
    await ingestAll(database.sql, [
      eventOf('refund.created', given, { created: T + 60 }),
      completed(session, T + 7),
    ])
    expect(await orderRow(id)).toMatchObject({ status: 'refunded', paid_at: null })
    await ingest(database.sql, eventOf('refund.failed', { ...given, status: 'failed' }, { created: T + 90 }))
    expect(await orderRow(id)).toMatchObject({ status: 'paid', paid_at: new Date((T + 90) * 1000) })
  })

  test('is not undone by the checkout being told again', async () => {
    const id = await order()
    const session = await paid(id)
    await ingestAll(database.sql, [completed(session), refunded(session, 2000), completed(session, T + 90)])
    expect((await orderRow(id))?.status).toBe('refunded')
  })

  test('of another payment changes nothing', async () => {
    const id = await order()
    const session = await paid(id)
    await ingestAll(database.sql, [completed(session), refunded({ payment_intent: newId('pi') }, 2000)])
    expect((await orderRow(id))?.status).toBe('paid')
  })
})

describe('a lost dispute', () => {
  const closed = (more: Json, created = T + 90) =>
    eventOf('charge.dispute.closed', dispute({ amount: 2000, status: 'lost', ...more }), { created })

  test('about a part makes the order charged back as well', async () => {
    const id = await order()
    const session = await paid(id)
    await ingestAll(database.sql, [
      completed(session, T + 7),
      closed({ amount: 500, payment_intent: session.payment_intent }),
    ])
    expect(await orderRow(id)).toMatchObject({
      status: 'charged_back',
      standing_payments: 0,
      paid_at: new Date((T + 7) * 1000),
    })
  })

  test('that names only the charge reaches the order, in every order of events', async () => {
    const id = await order()
    const session = await paid(id)
    const pi = paymentIntent({ id: session.payment_intent, amount: 2000, latest_charge: newId('ch') })
    const events = [
      completed(session),
      eventOf('payment_intent.succeeded', pi),
      closed({ charge: pi.latest_charge }),
    ]
    const end = async (sql: Sql) => (await orderRow(id, sql))?.status
    expect(distinct(await endsOfEveryOrder(database.sql, events, end))).toEqual(['charged_back'])
  })

  test('that is won after all makes the order paid again', async () => {
    const id = await order()
    const session = await paid(id)
    const lost = closed({ payment_intent: session.payment_intent })
    await ingestAll(database.sql, [completed(session), lost])
    expect((await orderRow(id))?.status).toBe('charged_back')
    const won = { ...lost.data.object, status: 'won' }
    await ingest(database.sql, eventOf('charge.dispute.closed', won, { created: T + 900 }))
    expect((await orderRow(id))?.status).toBe('paid')
  })

  test('of one of two payments leaves the order paid by the other', async () => {
    const id = await order()
    const [one, two] = [await paid(id), await paid(id)]
    await ingestAll(database.sql, [
      completed(one),
      completed(two, T + 5),
      closed({ payment_intent: one.payment_intent }),
    ])
    expect(await orderRow(id)).toMatchObject({
      status: 'paid',
      standing_payments: 1,
      payment_intent_id: two.payment_intent,
    })
  })
})

test('a payment of a mismatched order that a person accepts makes it paid', async () => {
  const id = await order()
  const session = await paid(id, { session: { amount_subtotal: 1900 } })
  await ingest(database.sql, completed(session))
  await database.sql`update public.order_payments set fits = true where checkout_session_id = ${session.id}`
  await database.sql`select public.derive_order(${id})`
  expect((await orderRow(id))?.status).toBe('paid')
})

test('orders follow a sync that came without an event, with one statement, the one in the template', async () => {
  const text = await readFile(new URL('../../sql/templates/one-time-orders.sql', import.meta.url), 'utf8')
  const [statement = ''] = /select public\.derive_order[\s\S]*?;/.exec(text) ?? []
  const id = await order()
  const session = await paid(id)
  await ingest(database.sql, completed(session))
  await projectObjects(
    database.sql,
    [refund({ amount: 2000, created: T + 60, payment_intent: session.payment_intent })],
    T + 90,
  )
  await database.sql.unsafe(statement)
  expect((await orderRow(id))?.status).toBe('refunded')
})

describe('orders', () => {
  test('are read by their owner and written by no app user', async () => {
    const id = await order()
    const readBy = (caller: Claims) =>
      asCaller(database.sql, caller, (sql) => sql`select id from public.orders where id = ${id}`)
    expect(await readBy(user('u1'))).toHaveLength(1)
    expect(await readBy(user('u2'))).toHaveLength(0)
    expect(await refusal(readBy(anonymous))).toMatchObject({ code: '42501' })
    expect(
      await refusal(
        asCaller(database.sql, user('u1'), (sql) => sql`update public.orders set status = 'paid'`),
      ),
    ).toMatchObject({ code: '42501' })
  })

  test('that are paid in several lines of one app stay apart', async () => {
    const [one, two] = [await order(), await order()]
    await ingest(database.sql, completed(await paid(one)))
    expect((await orderRow(two))?.status).toBe('pending')
  })
})
