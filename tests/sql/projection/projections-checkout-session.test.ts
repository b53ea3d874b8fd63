/** Checkout Session → payments.stripe_checkout_sessions and its payment. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asCaller, createTestDatabase, service, type TestDatabase, user } from '../../setup/database.ts'
import {
  begin,
  complete,
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  paymentRow,
  paymentRows,
  projectObjects,
  sessionRow,
  stateOf,
} from '../support/calls.ts'
import {
  checkoutSession,
  eventOf,
  type Json,
  newId,
  openSession,
  paymentIntent,
  subjectMetadata,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

test('a session that was made elsewhere becomes a row with every column', async () => {
  const session = checkoutSession({
    customer: 'cus_elsewhere',
    expires_at: T + 1800,
    metadata: { ...subjectMetadata('team', '9'), a: '1' },
    payment_intent: newId('pi'),
  })
  await ingest(database.sql, eventOf('checkout.session.completed', session))
  expect(await sessionRow(database.sql, session.id)).toMatchObject({
    environment: 'test',
    mode: 'payment',
    status: 'completed',
    payment_status: 'paid',
    subject_type: 'team',
    subject_id: '9',
    success_url: session.success_url,
    cancel_url: session.cancel_url,
    metadata: session.metadata,
    checkout_session_id: session.id,
    customer_id: 'cus_elsewhere',
    payment_intent_id: session.payment_intent,
    subscription_id: null,
    url: null,
    expires_at: T + 1800,
    raw: session,
    caller_id: null,
    idempotency_key: null,
    last_error: null,
  })
})

test('a session on a page of the app’s own has a return URL, and none to cancel', async () => {
  const session = checkoutSession({
    cancel_url: null,
    return_url: 'https://shop.example/return',
    success_url: null,
    ui_mode: 'embedded_page',
  })
  await ingest(database.sql, eventOf('checkout.session.completed', session))
  expect(await sessionRow(database.sql, session.id)).toMatchObject({
    success_url: 'https://shop.example/return',
    cancel_url: '',
  })
})

test('expanded fields are read as ids', async () => {
  const session = checkoutSession({
    customer: { id: 'cus_expanded', object: 'customer' },
    mode: 'subscription',
    payment_intent: null,
    subscription: { id: 'sub_expanded', object: 'subscription' },
  })
  await projectObjects(database.sql, [session], T)
  expect(await sessionRow(database.sql, session.id)).toMatchObject({
    customer_id: 'cus_expanded',
    subscription_id: 'sub_expanded',
  })
})

test('a session without a customer has none, also when its subject has paid with one before', async () => {
  const metadata = subjectMetadata('user', 'has one')
  const guest = checkoutSession({ created: T + 5, customer: null, metadata })
  const known = checkoutSession({ customer: 'cus_has_one', metadata })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('checkout.session.completed', known),
      eventOf('checkout.session.completed', guest, { created: T + 5 }),
    ],
    async (sql) => (await sessionRow(sql, guest.id)).customer_id,
  )
  expect(distinct(ends)).toEqual([null])
})

test('each copy that a recovery link opens is a row of its own, with the items and the buyer of the expired checkout', async () => {
  const { sql } = database
  const lineItems = [{ priceId: 'price_tea', quantity: 2 }]
  const begun = await asCaller(sql, service, (as) =>
    begin(as, user('ada'), { lineItems, options: { recovery: {} } }),
  )
  const of = (more: Json) =>
    checkoutSession({ client_reference_id: begun.session.id, ...begun.params, ...more })
  const first = of({ id: newId('cs'), status: 'expired', payment_status: 'unpaid' })
  const copy = (more: Json) => of({ id: newId('cs'), recovered_from: first.id, ...more })
  const copies = [copy({}), copy({}), copy({ status: 'expired', payment_status: 'unpaid' })]
  await asCaller(sql, service, (as) =>
    complete(as, begun, openSession({ id: first.id, client_reference_id: begun.session.id }), T),
  )
  const ends = await endsOfEveryOrder(
    sql,
    [first, ...copies].map((session, place) =>
      eventOf(`checkout.session.${session.status === 'expired' ? 'expired' : 'completed'}`, session, {
        created: T + 10 + place,
      }),
    ),
    async (as) =>
      Promise.all(
        [first, ...copies].map(async ({ id }) => {
          const { status, line_items, caller_id, options } = await sessionRow(as, id as string)
          return { status, line_items, caller_id, options }
        }),
      ),
  )
  const of_checkout = { line_items: lineItems, caller_id: 'ada', options: { recovery: {} } }
  expect(distinct(ends)).toEqual([
    ['expired', 'completed', 'completed', 'expired'].map((status) => ({ status, ...of_checkout })),
  ])
})

test('a session that saves a card is a row, and no purchase', async () => {
  const session = checkoutSession({
    amount_total: null,
    currency: null,
    mode: 'setup',
    payment_status: 'no_payment_required',
  })
  expect((await ingest(database.sql, eventOf('checkout.session.completed', session))).status).toBe(
    'processed',
  )
  expect(await sessionRow(database.sql, session.id)).toMatchObject({ mode: 'setup', status: 'completed' })
  expect(await paymentRows(database.sql, session.id)).toEqual([])
})

test('sessions of versions that had no status are completed by their event', async () => {
  const { status, ...old } = checkoutSession()
  await ingest(database.sql, eventOf('checkout.session.completed', old))
  expect((await sessionRow(database.sql, old.id as string)).status).toBe('completed')
  const { status: _, ...expired } = checkoutSession({ payment_status: 'unpaid' })
  await ingest(database.sql, eventOf('checkout.session.expired', expired))
  expect((await sessionRow(database.sql, expired.id as string)).status).toBe('expired')
})

describe('settled means paid', () => {
  test('a complete session that is unpaid is pending', async () => {
    const session = checkoutSession({ payment_status: 'unpaid' })
    await ingest(database.sql, eventOf('checkout.session.completed', session, { created: T + 4 }))
    expect(await sessionRow(database.sql, session.id)).toMatchObject({
      status: 'completed',
      payment_status: 'unpaid',
    })
    expect(await paymentRow(database.sql, session.id)).toMatchObject({
      type: 'one_time_payment',
      status: 'pending',
      amount: 1000,
      paid_at: null,
      failed_at: null,
    })
  })

  test('a discount of 100 % is paid with nothing', async () => {
    const session = checkoutSession({ amount_total: 0, payment_status: 'no_payment_required' })
    await ingest(database.sql, eventOf('checkout.session.completed', session, { created: T + 4 }))
    expect(await paymentRow(database.sql, session.id)).toMatchObject({
      type: 'one_time_payment',
      status: 'succeeded',
      amount: 0,
      amount_refunded: 0,
      paid_at: T + 4,
      refunded_at: null,
      provider_object_type: 'checkout_session',
      provider_object_id: session.id,
    })
  })

  test('a session that is open or expired says nothing of money', async () => {
    const open = openSession()
    await projectObjects(database.sql, [open], T)
    await ingest(
      database.sql,
      eventOf('checkout.session.expired', { ...open, status: 'expired' }, { created: T + 86_400 }),
    )
    expect((await sessionRow(database.sql, open.id)).status).toBe('expired')
    expect(await paymentRows(database.sql, open.id)).toEqual([])
  })
})

/** A payment that takes days: completed unpaid, settled or failed later. */
const slow = (end: 'succeeded' | 'failed') => {
  const pi = paymentIntent({ status: 'processing' })
  const session = checkoutSession({ payment_intent: pi.id, payment_status: 'unpaid' })
  const ended = end === 'succeeded' ? { ...session, payment_status: 'paid' } : session
  const events = [
    eventOf('checkout.session.completed', session, { created: T + 10 }),
    eventOf(`checkout.session.async_payment_${end}`, ended, { created: T + 500 }),
    end === 'succeeded'
      ? eventOf('payment_intent.succeeded', { ...pi, status: 'succeeded' }, { created: T + 500 })
      : eventOf(
          'payment_intent.payment_failed',
          { ...pi, amount_received: 0, last_payment_error: { code: 'x' }, status: 'requires_payment_method' },
          { created: T + 499 },
        ),
  ]
  return { events, pi, session, ended }
}

test('a payment that takes days is pending, then paid, in every order', async () => {
  const { events, session } = slow('succeeded')
  const ends = await endsOfEveryOrder(database.sql, events, async (sql) => {
    const { status, type, paid_at, failed_at, amount } = await paymentRow(sql, session.id)
    const row = await sessionRow(sql, session.id)
    return { status, type, paid_at, failed_at, amount, payment_status: row.payment_status }
  })
  expect(distinct(ends)).toEqual([
    {
      status: 'succeeded',
      type: 'one_time_payment',
      paid_at: T + 500,
      failed_at: null,
      amount: 1000,
      payment_status: 'paid',
    },
  ])
})

test('a payment that takes days is pending, then failed, in every order', async () => {
  const { events, session } = slow('failed')
  const ends = await endsOfEveryOrder(database.sql, events, async (sql) => {
    const { status, type, paid_at, failed_at } = await paymentRow(sql, session.id)
    const row = await sessionRow(sql, session.id)
    return { status, type, paid_at, failed_at, session: row.status, payment_status: row.payment_status }
  })
  expect(distinct(ends)).toEqual([
    {
      status: 'failed',
      type: 'failed_payment',
      paid_at: null,
      failed_at: T + 500,
      session: 'completed',
      payment_status: 'unpaid',
    },
  ])
})

test('all of it within one second ends as it ended', async () => {
  for (const end of ['succeeded', 'failed'] as const) {
    const { events, session } = slow(end)
    const pressed = events.map((event) => ({ ...event, created: T + 500 }))
    const ends = await endsOfEveryOrder(
      database.sql,
      pressed,
      async (sql) => (await paymentRow(sql, session.id)).status,
    )
    expect(distinct(ends)).toEqual([end])
  }
})

test('a payment that is under way and fails within one second has failed, in every order', async () => {
  const { events, pi, session } = slow('failed')
  const pressed = [eventOf('payment_intent.processing', { ...pi, amount_received: 0 }), ...events].map(
    (event) => ({ ...event, created: T + 500 }),
  )
  const ends = await endsOfEveryOrder(database.sql, pressed, async (sql) => {
    const { status, failed_at, amount } = await paymentRow(sql, session.id)
    return { status, failed_at, amount }
  })
  expect(distinct(ends)).toEqual([{ status: 'failed', failed_at: T + 500, amount: 1000 }])
})

test('what the API says of a failed session later does not make it pending again', async () => {
  const { events, session } = slow('failed')
  await ingestAll(database.sql, events)
  await projectObjects(database.sql, [session], T + 900)
  expect(await paymentRow(database.sql, session.id)).toMatchObject({ status: 'failed', failed_at: T + 500 })
})

test('a session with null for metadata, or with a subject that is too long, is a purchase of nobody', async () => {
  for (const metadata of [
    null,
    subjectMetadata('user', 'x'.repeat(256)),
    subjectMetadata('t'.repeat(101), '1'),
  ]) {
    const session = checkoutSession({ metadata })
    const { status } = await ingest(database.sql, eventOf('checkout.session.completed', session))
    expect(status).toBe('processed')
    expect(await sessionRow(database.sql, session.id)).toMatchObject({
      metadata: metadata ?? {},
      subject_type: null,
      subject_id: null,
    })
  }
})

describe('metadata that changes after the session was paid', () => {
  const later = (id: string, metadata: Json, created: number) =>
    eventOf('checkout.session.async_payment_succeeded', checkoutSession({ id, metadata }), { created })
  const earlier = (id: string, metadata: Json) =>
    eventOf('checkout.session.completed', checkoutSession({ id, metadata, payment_status: 'unpaid' }), {
      created: T + 10,
    })
  const ends = (first: Json, second: Json) => {
    const [id, customer] = [newId('cs'), newId('cus')]
    const events = [earlier(id, first), later(id, second, T + 900)].map((event) => ({
      ...event,
      data: { object: { ...event.data.object, customer } },
    }))
    return endsOfEveryOrder(database.sql, events, async (sql) => {
      const { metadata, subject_id } = await sessionRow(sql, id)
      const [mapping] = await sql`
        select subject_id from payments.customer_mappings where provider_customer_id = ${customer}`
      const payment = await paymentRow(sql, id)
      return { metadata, row: subject_id, payment: payment.subject_id, mapping: mapping?.subject_id }
    })
  }

  test('names the subject when it had none, in every order', async () => {
    const named = { ...subjectMetadata('team', '4'), order: '7' }
    expect(distinct(await ends({}, named))).toEqual([
      { metadata: named, row: '4', payment: '4', mapping: '4' },
    ])
  })

  test('does not change the subject that was named first, and is shown, in every order', async () => {
    for (const [first, second] of [
      ['aaa', 'zzz'],
      ['zzz', 'aaa'],
    ] as const) {
      const all = await ends(subjectMetadata('team', first), subjectMetadata('team', second))
      expect(distinct(all)).toEqual([
        { metadata: subjectMetadata('team', second), row: first, payment: first, mapping: first },
      ])
    }
  })

  test('does not reach a checkout that was begun here: it keeps its subject and its metadata', async () => {
    const subject = { type: 'user', id: 'keeper' }
    const begun = await asCaller(database.sql, service, (sql) => begin(sql, user('keeper'), { subject }))
    const session = checkoutSession({
      client_reference_id: begun.session.id,
      metadata: { ...begun.params.metadata, ...subjectMetadata('team', 'other'), note: 'changed' },
    })
    await ingest(database.sql, eventOf('checkout.session.completed', session, { created: T + 10 }))
    expect(await sessionRow(database.sql, begun.session.id)).toMatchObject({
      subject_type: 'user',
      subject_id: 'keeper',
      metadata: begun.session.metadata,
    })
    expect(await paymentRow(database.sql, session.id)).toMatchObject({ subject_id: 'keeper' })
  })
})

test('a stale completion does not undo what settled', async () => {
  const { events, session, ended } = slow('succeeded')
  await ingestAll(database.sql, events.slice(1))
  await ingest(database.sql, events[0] as Json)
  await projectObjects(database.sql, [session], T + 20)
  expect(await sessionRow(database.sql, session.id)).toMatchObject({ payment_status: 'paid', raw: ended })
  expect((await paymentRow(database.sql, session.id)).status).toBe('succeeded')
})

test('a row that was begun here ends the same whether the answer or the webhooks come first', async () => {
  const begun = await asCaller(database.sql, service, (sql) =>
    begin(sql, user('order'), { subject: { type: 'user', id: 'order' } }),
  )
  const open = openSession({ client_reference_id: begun.session.id, metadata: begun.params.metadata })
  const done = {
    ...open,
    customer: 'cus_order',
    payment_intent: newId('pi'),
    payment_status: 'paid',
    status: 'complete',
    url: null,
  }
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('checkout.session.completed', done, { created: T + 30 }),
      eventOf(
        'payment_intent.succeeded',
        paymentIntent({ id: done.payment_intent, customer: 'cus_order', metadata: begun.params.metadata }),
        { created: T + 30 },
      ),
    ],
    async (sql) => {
      await projectObjects(sql, [open], T)
      const { transactions, customer_mappings, stripe_checkout_sessions } = await stateOf(sql)
      return {
        transactions: transactions?.filter(({ subject_id }) => subject_id === 'order'),
        mappings: customer_mappings?.filter(({ subject_id }) => subject_id === 'order'),
        sessions: stripe_checkout_sessions?.filter(({ id }) => id === begun.session.id),
      }
    },
  )
  expect(distinct(ends)).toHaveLength(1)
  expect(ends[0]?.transactions).toHaveLength(1)
  expect(ends[0]?.sessions).toMatchObject([{ status: 'completed', customer_id: 'cus_order' }])
})

describe('a session that was not begun here, with a client_reference_id that names a row that was', () => {
  const begun = (more: { metadata?: Json } = {}) =>
    asCaller(database.sql, service, (sql) =>
      begin(sql, user('buyer'), { subject: { type: 'user', id: 'buyer' }, ...more }),
    )

  test('does not take it over without what the row asks for: a buyer may have chosen that id', async () => {
    const { session } = await begun({ metadata: { order_id: 'o1' } })
    const cheap = checkoutSession({ client_reference_id: session.id, metadata: {} })
    await ingest(database.sql, eventOf('checkout.session.completed', cheap))
    expect(await sessionRow(database.sql, session.id)).toMatchObject({
      checkout_session_id: null,
      status: 'initialized',
    })
    expect(await paymentRow(database.sql, cheap.id)).toMatchObject({ subject_id: null })
  })

  test('does not take it over when it says that it is the session of another row, or has another mode', async () => {
    const { session } = await begun()
    for (const more of [
      { metadata: { payments_checkout_session_id: session.id.replace(/.$/, 'x') } },
      { mode: 'setup' },
    ])
      await ingest(
        database.sql,
        eventOf('checkout.session.completed', checkoutSession({ client_reference_id: session.id, ...more })),
      )
    expect((await sessionRow(database.sql, session.id)).status).toBe('initialized')
  })

  test('does not take it over with the mode and the metadata that it asks for: anybody may know them', async () => {
    for (const wanted of [{}, { order_id: 'o1' }]) {
      const { session } = await begun({ metadata: wanted })
      const cheap = checkoutSession({
        amount_total: 1,
        client_reference_id: session.id,
        metadata: { ...wanted, more: 'x' },
      })
      await ingest(database.sql, eventOf('checkout.session.completed', cheap))
      expect(await sessionRow(database.sql, session.id)).toMatchObject({
        checkout_session_id: null,
        status: 'initialized',
        payment_status: null,
      })
      expect(await sessionRow(database.sql, cheap.id)).toMatchObject({ status: 'completed', line_items: [] })
    }
  })

  test.each(['payments_checkout_session_id', 'insforge_checkout_session_id'])(
    'completes it when its metadata names the row: %s',
    async (key) => {
      const { session } = await begun({ metadata: { order_id: 'o1' } })
      const paid = checkoutSession({ client_reference_id: session.id, metadata: { [key]: session.id } })
      await ingest(database.sql, eventOf('checkout.session.completed', paid))
      expect(await sessionRow(database.sql, session.id)).toMatchObject({
        checkout_session_id: paid.id,
        status: 'completed',
      })
    },
  )
})
