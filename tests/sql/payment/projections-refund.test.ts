/** Refund → a transaction of its own, and what its payment shows of it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import {
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  paymentRow,
  paymentRows,
  projectObjects,
  refundRow,
  type Sql,
} from '../support/calls.ts'
import {
  charge,
  checkoutSession,
  eventOf,
  invoice,
  invoicePayment,
  type Json,
  newId,
  paymentIntent,
  refund,
  subjectMetadata,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

/** A payment of 1000 by u1, and how its charge looks after refunds. */
function payment() {
  const [pi, ch] = [newId('pi'), newId('ch')]
  return {
    pi,
    ch,
    succeeded: eventOf(
      'payment_intent.succeeded',
      paymentIntent({
        id: pi,
        customer: 'cus_re',
        latest_charge: ch,
        metadata: subjectMetadata('user', 'u1'),
      }),
      { created: T + 1 },
    ),
    charged: (amount_refunded: number, created: number, previous?: Json) =>
      eventOf(
        'charge.refunded',
        charge({ id: ch, amount_refunded, payment_intent: pi, refunded: amount_refunded === 1000 }),
        { created, ...(previous ? { previous } : {}) },
      ),
    refund: (amount: number, more: Json = {}) => refund({ amount, charge: ch, payment_intent: pi, ...more }),
  }
}
const shown = async (sql: Sql, id: string) => {
  const { status, amount_refunded, refunded_at } = await paymentRow(sql, id)
  return { status, amount_refunded, refunded_at }
}

test('a refund is a row with every column and the payment as its parent', async () => {
  const { pi, ch, succeeded, refund: of } = payment()
  const half = of(500, { created: T + 30, reason: 'requested_by_customer' })
  await ingestAll(database.sql, [succeeded, eventOf('refund.created', half, { created: T + 31 })])
  expect(await refundRow(database.sql, half.id)).toMatchObject({
    provider: 'stripe',
    environment: 'test',
    type: 'refund',
    status: 'succeeded',
    subject_type: 'user',
    subject_id: 'u1',
    provider_customer_id: 'cus_re',
    provider_object_type: 'refund',
    provider_object_id: half.id,
    provider_parent_object_type: 'payment_intent',
    provider_parent_object_id: pi,
    related_object_ids: { charge: ch, payment_intent: pi, refund: half.id },
    amount: 500,
    amount_refunded: 0,
    currency: 'usd',
    description: 'requested_by_customer',
    paid_at: null,
    failed_at: null,
    refunded_at: T + 31,
    provider_created_at: T + 30,
  })
  expect(await shown(database.sql, pi)).toEqual({
    status: 'partially_refunded',
    amount_refunded: 500,
    refunded_at: T + 31,
  })
})

test('a full refund, told by charge and refund, is one refund in every order, before the payment is known too', async () => {
  const { pi, succeeded, charged, refund: of } = payment()
  const full = of(1000, { created: T + 30 })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      succeeded,
      charged(1000, T + 30),
      eventOf('refund.created', { ...full, status: 'pending' }, { created: T + 30 }),
      eventOf('refund.updated', full, { created: T + 35, previous: { status: 'pending' } }),
    ],
    async (sql) => {
      const row = await refundRow(sql, full.id)
      const { type, paid_at } = await paymentRow(sql, pi)
      return {
        ...(await shown(sql, pi)),
        type,
        paid_at,
        refund: row.status,
        subject: row.subject_id,
        parent: row.provider_parent_object_id,
      }
    },
  )
  expect(distinct(ends)).toEqual([
    {
      status: 'refunded',
      amount_refunded: 1000,
      refunded_at: T + 35,
      type: 'one_time_payment',
      paid_at: T + 1,
      refund: 'succeeded',
      subject: 'u1',
      parent: pi,
    },
  ])
})

test('a refund that is known before its payment has a row, and its payment has none yet', async () => {
  const { pi, succeeded, refund: of } = payment()
  const full = of(1000)
  await ingest(database.sql, eventOf('refund.created', full))
  expect(await paymentRows(database.sql, pi)).toEqual([])
  expect(await refundRow(database.sql, full.id)).toMatchObject({
    provider_parent_object_type: 'payment_intent',
    provider_parent_object_id: pi,
    subject_id: null,
  })
  await ingest(database.sql, succeeded)
  expect((await shown(database.sql, pi)).status).toBe('refunded')
  expect(await refundRow(database.sql, full.id)).toMatchObject({ subject_id: 'u1' })
})

test('a full refund, then a stale partial one: refunded, in every order', async () => {
  const { pi, succeeded, charged, refund: of } = payment()
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      succeeded,
      charged(300, T + 20, { amount_refunded: 0 }),
      charged(1000, T + 40, { amount_refunded: 300 }),
      eventOf('refund.created', of(300, { created: T + 20 }), { created: T + 20 }),
      eventOf('refund.created', of(700, { created: T + 40 }), { created: T + 40 }),
    ],
    (sql) => shown(sql, pi),
  )
  expect(distinct(ends)).toEqual([{ status: 'refunded', amount_refunded: 1000, refunded_at: T + 40 }])
})

test('partial refunds of which only the charge tells count', async () => {
  const { pi, succeeded, charged } = payment()
  const ends = await endsOfEveryOrder(
    database.sql,
    [succeeded, charged(300, T + 20), charged(450, T + 40)],
    (sql) => shown(sql, pi),
  )
  expect(distinct(ends)).toEqual([
    { status: 'partially_refunded', amount_refunded: 450, refunded_at: T + 40 },
  ])
})

test('partial refunds of which only refunds tell count, in every order', async () => {
  const { pi, succeeded, refund: of } = payment()
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      succeeded,
      ...[100, 200, 300].map((amount, i) =>
        eventOf('refund.created', of(amount, { created: T + 20 + i }), { created: T + 20 + i }),
      ),
    ],
    (sql) => shown(sql, pi),
  )
  expect(distinct(ends)).toEqual([
    { status: 'partially_refunded', amount_refunded: 600, refunded_at: T + 22 },
  ])
})

describe('a refund that fails later', () => {
  test('is no refund: the payment is whole again, in every order', async () => {
    const { pi, succeeded, charged, refund: of } = payment()
    const full = of(1000, { created: T + 20 })
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        succeeded,
        charged(1000, T + 20),
        eventOf('refund.created', full, { created: T + 20 }),
        eventOf(
          'refund.failed',
          { ...full, failure_reason: 'lost_or_stolen_card', status: 'failed' },
          { created: T + 900 },
        ),
      ],
      async (sql) => {
        const row = await refundRow(sql, full.id)
        return {
          ...(await shown(sql, pi)),
          refund: row.status,
          failed_at: row.failed_at,
          gone: row.refunded_at,
        }
      },
    )
    expect(distinct(ends)).toEqual([
      {
        status: 'succeeded',
        amount_refunded: 0,
        refunded_at: null,
        refund: 'failed',
        failed_at: T + 900,
        gone: null,
      },
    ])
  })

  test('leaves the other refunds, in every order', async () => {
    const { pi, succeeded, charged, refund: of } = payment()
    const [kept, failed] = [of(300, { created: T + 20 }), of(700, { created: T + 30 })]
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        succeeded,
        charged(1000, T + 30),
        eventOf('refund.created', kept, { created: T + 20 }),
        eventOf('refund.created', failed, { created: T + 30 }),
        eventOf('refund.failed', { ...failed, status: 'failed' }, { created: T + 900 }),
      ],
      (sql) => shown(sql, pi),
    )
    expect(distinct(ends)).toEqual([
      { status: 'partially_refunded', amount_refunded: 300, refunded_at: T + 20 },
    ])
  })

  test('and is made again counts once, in every order', async () => {
    const { pi, succeeded, charged, refund: of } = payment()
    const [failed, second] = [of(1000, { created: T + 20 }), of(1000, { created: T + 950 })]
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        succeeded,
        eventOf('refund.failed', { ...failed, status: 'failed' }, { created: T + 900 }),
        eventOf('refund.created', second, { created: T + 950 }),
        charged(1000, T + 950),
        eventOf('refund.created', failed, { created: T + 20 }),
      ],
      (sql) => shown(sql, pi),
    )
    expect(distinct(ends)).toEqual([{ status: 'refunded', amount_refunded: 1000, refunded_at: T + 950 }])
  })

  test('of which only the failure and the charge are known is not counted', async () => {
    const { pi, succeeded, charged, refund: of } = payment()
    await ingestAll(database.sql, [
      succeeded,
      charged(1000, T + 20),
      eventOf('refund.failed', of(1000, { created: T + 20, status: 'failed' }), { created: T + 900 }),
    ])
    expect(await shown(database.sql, pi)).toEqual({
      status: 'succeeded',
      amount_refunded: 0,
      refunded_at: null,
    })
  })

  test('is settled by what the API says of the charge', async () => {
    const { pi, ch, succeeded, charged } = payment()
    await ingestAll(database.sql, [succeeded, charged(1000, T + 20)])
    await projectObjects(database.sql, [charge({ id: ch, amount_refunded: 0, payment_intent: pi })], T + 999)
    expect(await shown(database.sql, pi)).toEqual({
      status: 'succeeded',
      amount_refunded: 0,
      refunded_at: null,
    })
  })
})

test('a refund, then a repeated invoice.paid or a late checkout.session.completed: still refunded, in every order', async () => {
  const { pi, succeeded, charged } = payment()
  const paid = invoice({ subscription: newId('sub') })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      charged(1000, T + 40),
      succeeded,
      eventOf('invoice.paid', paid, { created: T + 2 }),
      eventOf(
        'invoice_payment.paid',
        invoicePayment({ invoice: paid.id, payment: { payment_intent: pi, type: 'payment_intent' } }),
      ),
      eventOf(
        'checkout.session.completed',
        checkoutSession({
          invoice: paid.id,
          mode: 'subscription',
          subscription: paid.parent.subscription_details.subscription,
        }),
        { created: T + 3 },
      ),
    ],
    async (sql) => {
      await ingest(sql, eventOf('invoice.paid', paid, { created: T + 2 }))
      return shown(sql, pi)
    },
  )
  expect(distinct(ends)).toEqual([{ status: 'refunded', amount_refunded: 1000, refunded_at: T + 40 }])
})

test('a refund in a currency without minor unit is counted as Stripe counts', async () => {
  const pi = paymentIntent({ amount: 500, amount_received: 500, currency: 'jpy' })
  await ingestAll(database.sql, [
    eventOf('payment_intent.succeeded', pi),
    eventOf('refund.created', refund({ amount: 200, currency: 'jpy', payment_intent: pi.id })),
  ])
  expect(await paymentRow(database.sql, pi.id)).toMatchObject({
    amount: 500,
    amount_refunded: 200,
    currency: 'jpy',
    status: 'partially_refunded',
  })
})

test('a pending refund and a canceled one are shown as pending and as failed', async () => {
  const { pi, succeeded, refund: of } = payment()
  const [pending, canceled] = [of(100, { status: 'pending' }), of(200, { status: 'canceled' })]
  await ingestAll(database.sql, [
    succeeded,
    eventOf('refund.created', pending),
    eventOf('refund.updated', canceled, { created: T + 60 }),
  ])
  expect(await refundRow(database.sql, pending.id)).toMatchObject({ status: 'pending', refunded_at: null })
  expect(await refundRow(database.sql, canceled.id)).toMatchObject({ status: 'failed', failed_at: T + 60 })
  expect(await shown(database.sql, pi)).toMatchObject({ status: 'partially_refunded', amount_refunded: 100 })
})

test('an endpoint made by hand tells of a failed refund as charge.refund.updated alone, in every order', async () => {
  const { pi, succeeded, charged, refund: of } = payment()
  const whole = of(1000, { created: T + 40 })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      succeeded,
      charged(1000, T + 40),
      eventOf('refund.created', whole, { created: T + 40 }),
      eventOf(
        'charge.refund.updated',
        { ...whole, status: 'failed' },
        { created: T + 900, previous: { status: 'succeeded' } },
      ),
    ],
    async (sql) => [
      await shown(sql, pi),
      (await refundRow(sql, whole.id)).status,
      (await refundRow(sql, whole.id)).failed_at,
    ],
  )
  expect(distinct(ends)).toEqual([
    [{ status: 'succeeded', amount_refunded: 0, refunded_at: null }, 'failed', T + 900],
  ])
})

describe('what was authorized and not captured is a refund to Stripe, of which no money moved', () => {
  /** 1000 authorized, 400 captured. Stripe counts the 600 among what the charge has refunded. */
  function captured() {
    const [pi, ch] = [newId('pi'), newId('ch')]
    const succeeded = paymentIntent({ id: pi, amount_received: 400, latest_charge: ch })
    const refundOf = (amount: number, created: number) =>
      eventOf('refund.created', refund({ amount, charge: ch, created, payment_intent: pi }), { created })
    return {
      pi,
      succeeded: eventOf('payment_intent.succeeded', succeeded, { created: T + 20 }),
      released: refundOf(600, T + 20),
      refundOf,
      charged: (amount_refunded: number, created: number) =>
        eventOf(
          'charge.refunded',
          charge({ id: ch, amount_captured: 400, amount_refunded, captured: true, payment_intent: pi }),
          { created },
        ),
    }
  }
  const end = async (sql: Sql, pi: string, refundIds: string[]) => [
    await shown(sql, pi),
    (await paymentRow(sql, pi)).amount,
    (
      await sql`
      select provider_object_id from payments.transactions
      where provider_object_id in ${sql(refundIds)} order by provider_created_at`
    ).map(({ provider_object_id }) => provider_object_id),
  ]

  test('a capture in part is paid in full, in every order', async () => {
    const { pi, succeeded, released, charged } = captured()
    const events = [succeeded, released, charged(600, T + 20)]
    const ends = await endsOfEveryOrder(database.sql, events, (sql) =>
      end(sql, pi, [released.data.object.id]),
    )
    expect(distinct(ends)).toEqual([
      [{ status: 'succeeded', amount_refunded: 0, refunded_at: null }, 400, []],
    ])
  })

  for (const [title, isTold] of [
    ['told', true],
    ['not told', false],
  ] as const) {
    test(`what is refunded of the captured part counts by itself, in every order; the release is ${title}`, async () => {
      const { pi, succeeded, released, refundOf, charged } = captured()
      const back = refundOf(100, T + 90)
      const events = [succeeded, ...(isTold ? [released] : []), back, charged(700, T + 91)]
      const ids = [released.data.object.id, back.data.object.id]
      const ends = await endsOfEveryOrder(database.sql, events, (sql) => end(sql, pi, ids))
      expect(distinct(ends)).toEqual([
        [
          { status: 'partially_refunded', amount_refunded: 100, refunded_at: T + 90 },
          400,
          [back.data.object.id],
        ],
      ])
    })

    test(`a refund of all that was captured is one, also when it is as much as was released; the release is ${title}`, async () => {
      const [pi, ch] = [newId('pi'), newId('ch')]
      const of = (created: number) =>
        eventOf('refund.created', refund({ amount: 500, charge: ch, created, payment_intent: pi }), {
          created,
        })
      const [released, back] = [of(T + 20), of(T + 90)]
      const events = [
        eventOf(
          'payment_intent.succeeded',
          paymentIntent({ id: pi, amount_received: 500, latest_charge: ch }),
          { created: T + 20 },
        ),
        ...(isTold ? [released] : []),
        back,
        eventOf(
          'charge.refunded',
          charge({ id: ch, amount_captured: 500, amount_refunded: 1000, payment_intent: pi, refunded: true }),
          { created: T + 91 },
        ),
      ]
      const ids = [released.data.object.id, back.data.object.id]
      const ends = await endsOfEveryOrder(database.sql, events, (sql) => end(sql, pi, ids))
      expect(distinct(ends)).toEqual([
        [{ status: 'refunded', amount_refunded: 500, refunded_at: T + 90 }, 500, [back.data.object.id]],
      ])
    })
  }

  test('a charge that was authorized without a PaymentIntent and then canceled has failed, in every order', async () => {
    const ch = newId('ch')
    const released = eventOf('refund.created', refund({ charge: ch, created: T + 50 }), { created: T + 50 })
    const events = [
      released,
      eventOf(
        'charge.refunded',
        charge({ id: ch, amount_captured: 0, amount_refunded: 1000, captured: false, refunded: true }),
        { created: T + 50 },
      ),
    ]
    const ends = await endsOfEveryOrder(database.sql, events, async (sql) => [
      await paymentRow(sql, ch),
      await sql`select from payments.transactions where provider_object_id = ${released.data.object.id}`,
    ])
    for (const [payment, refunds] of ends) {
      expect(payment).toMatchObject({
        type: 'failed_payment',
        status: 'failed',
        failed_at: T + 50,
        refunded_at: null,
        amount_refunded: 0,
        provider_object_type: 'charge',
      })
      expect(refunds).toEqual([])
    }
  })
})

describe('refunds of which only the charge tells', () => {
  for (const [failed, standing, status] of [
    [1000, 1000, 'refunded'],
    [400, 300, 'partially_refunded'],
  ] as const) {
    test(`a refund of ${failed} that failed does not stand for one of ${standing} that was made after it`, async () => {
      const { pi, succeeded, charged, refund } = payment()
      const events = [
        succeeded,
        charged(failed, T + 100),
        eventOf('charge.refund.updated', refund(failed, { status: 'failed' }), { created: T + 200 }),
        charged(standing, T + 300),
      ]
      const ends = await endsOfEveryOrder(database.sql, events, async (sql) => {
        const { amount_refunded, refunded_at, status } = await paymentRow(sql, pi)
        return { amount_refunded, refunded_at, status }
      })
      expect(distinct(ends)).toEqual([{ amount_refunded: standing, refunded_at: T + 300, status }])
    })
  }

  test('those inside of a charge, as before 2022-11-15, are rows; an event of their own says more', async () => {
    const { pi, ch, succeeded, refund } = payment()
    const [first, second] = [
      refund(300, { created: T + 100, status: 'pending' }),
      refund(200, { created: T + 200 }),
    ]
    const charged = (amount_refunded: number, created: number, data: Json[]) =>
      eventOf(
        'charge.refunded',
        charge({ amount_refunded, id: ch, payment_intent: pi, refunds: { data, object: 'list' } }),
        { created },
      )
    const events = [
      succeeded,
      charged(300, T + 100, [first]),
      charged(500, T + 200, [second, first]),
      eventOf('charge.refund.updated', { ...first, status: 'succeeded' }, { created: T + 200 }),
    ]
    const ends = await endsOfEveryOrder(database.sql, events, async (sql) => {
      const row = ({ amount, provider_parent_object_id, refunded_at, status }: Json) => [
        status,
        amount,
        provider_parent_object_id,
        refunded_at,
      ]
      return [
        (await paymentRow(sql, pi)).amount_refunded,
        row(await refundRow(sql, first.id)),
        row(await refundRow(sql, second.id)),
      ]
    })
    expect(distinct(ends)).toEqual([[500, ['succeeded', 300, pi, T + 200], ['succeeded', 200, pi, T + 200]]])
  })
})

test('the row of a refund that might be a release has one id, live and after a rebuild', async () => {
  const { pi, refund } = payment()
  const captured = { amount: 1000, amount_received: 500, id: pi }
  const [release, real] = [refund(500, { created: T + 1 }), refund(500, { created: T + 90 })]
  const events = [
    eventOf('payment_intent.succeeded', paymentIntent(captured), { created: T + 1 }),
    eventOf('refund.created', release, { created: T + 1 }),
    eventOf('refund.created', real, { created: T + 90 }),
  ]
  const ids = await endsOfEveryOrder(database.sql, events, async (sql) => {
    const before = await refundRow(sql, real.id)
    await sql`select payments.rebuild_projections('test')`
    expect((await refundRow(sql, real.id)).id).toBe(before.id)
    return before.id
  })
  expect(distinct(ids)).toHaveLength(1)
})

test('a refund that was made long after the capture is none of what was let go with it', async () => {
  const { pi, refund } = payment()
  const real = refund(500, { created: T + 3600 })
  const events = [
    eventOf('payment_intent.succeeded', paymentIntent({ amount: 1000, amount_received: 500, id: pi }), {
      created: T + 1,
    }),
    eventOf('refund.created', real, { created: T + 3600 }),
  ]
  const ends = await endsOfEveryOrder(database.sql, events, async (sql) => {
    const { amount_refunded, status } = await paymentRow(sql, pi)
    return [status, amount_refunded, (await refundRow(sql, real.id)).amount]
  })
  expect(distinct(ends)).toEqual([['refunded', 500, 500]])
})

test('more captured than authorized is nothing let go', async () => {
  const ch = newId('ch')
  const sql = database.sql
  await ingest(
    sql,
    eventOf('charge.refunded', charge({ amount: 1000, amount_captured: 1200, amount_refunded: 100, id: ch })),
  )
  expect(await paymentRow(sql, ch)).toMatchObject({
    amount: 1200,
    amount_refunded: 100,
    status: 'partially_refunded',
  })
})

test('an answer of the API about a refund that failed does not say that it failed just now', async () => {
  const { pi, succeeded, charged, refund } = payment()
  const sql = database.sql
  const failed = refund(400, { status: 'failed' })
  await ingestAll(sql, [
    succeeded,
    charged(400, T + 100),
    eventOf('charge.refund.updated', failed, { created: T + 200 }),
    charged(600, T + 300),
  ])
  expect((await paymentRow(sql, pi)).amount_refunded).toBe(600)
  await projectObjects(sql, [failed], T + 900)
  expect((await paymentRow(sql, pi)).amount_refunded).toBe(600)
  expect((await refundRow(sql, failed.id)).failed_at).toEqual(T + 200)
})

test('what was let go with the capture is no row, also while a refund that the charge shows is not known', async () => {
  const { pi, ch, refund } = payment()
  const released = refund(400, { created: T + 1 })
  const events = [
    eventOf(
      'payment_intent.succeeded',
      paymentIntent({ amount: 1000, amount_received: 600, id: pi, latest_charge: ch }),
      {
        created: T + 1,
      },
    ),
    eventOf('refund.created', released, { created: T + 1 }),
    eventOf(
      'charge.refunded',
      charge({ id: ch, amount_captured: 600, amount_refunded: 500, payment_intent: pi }),
      { created: T + 90 },
    ),
  ]
  const ends = await endsOfEveryOrder(database.sql, events, async (sql) => [
    (await paymentRow(sql, pi)).amount_refunded,
    await sql`select from payments.transactions where provider_object_id = ${released.id}`,
  ])
  expect(distinct(ends)).toEqual([[100, []]])
})
