/** PaymentIntent → its payment in payments.transactions. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import {
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  paymentRow,
  paymentRows,
  permutations,
  projectObjects,
  type Sql,
  undone,
} from '../support/calls.ts'
import {
  charge,
  checkoutSession,
  declined,
  eventOf,
  invoice,
  newId,
  paymentIntent,
  subjectMetadata,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

test('a PaymentIntent that succeeded is a payment with every column', async () => {
  const pi = paymentIntent({
    created: T - 60,
    customer: 'cus_pi',
    description: 'Tea',
    latest_charge: newId('ch'),
    metadata: subjectMetadata('user', 'u1'),
    receipt_email: 'receipt@example.com',
  })
  await ingest(database.sql, eventOf('payment_intent.succeeded', pi, { created: T + 2 }))
  expect(await paymentRow(database.sql, pi.id)).toMatchObject({
    provider: 'stripe',
    environment: 'test',
    type: 'one_time_payment',
    status: 'succeeded',
    subject_type: 'user',
    subject_id: 'u1',
    provider_customer_id: 'cus_pi',
    customer_email_snapshot: 'receipt@example.com',
    provider_object_type: 'payment_intent',
    provider_object_id: pi.id,
    provider_parent_object_type: null,
    provider_parent_object_id: null,
    related_object_ids: { payment_intent: pi.id, charge: pi.latest_charge },
    amount: 1000,
    amount_refunded: 0,
    currency: 'usd',
    description: 'Tea',
    paid_at: T + 2,
    failed_at: null,
    refunded_at: null,
    provider_created_at: T - 60,
    disputed_at: null,
    dispute_amount: null,
    dispute_status: null,
    amount_disputed: 0,
  })
})

test('of an amount that was captured in part, what was received counts', async () => {
  const pi = paymentIntent({ amount: 5000, amount_received: 3000 })
  await ingest(database.sql, eventOf('payment_intent.succeeded', pi))
  expect((await paymentRow(database.sql, pi.id)).amount).toBe(3000)
})

test('a currency without minor unit is taken as Stripe counts it', async () => {
  const pi = paymentIntent({ amount: 500, amount_received: 500, currency: 'jpy' })
  await ingest(database.sql, eventOf('payment_intent.succeeded', pi))
  expect(await paymentRow(database.sql, pi.id)).toMatchObject({ amount: 500, currency: 'jpy' })
})

test('amounts beyond 32 bits are whole', async () => {
  const pi = paymentIntent({ amount: 99_999_999_999, amount_received: 99_999_999_999, currency: 'idr' })
  await ingest(database.sql, eventOf('payment_intent.succeeded', pi))
  expect((await paymentRow(database.sql, pi.id)).amount).toBe(99_999_999_999)
})

test('a declined payment is a failed one, with the instant of the latest attempt', async () => {
  const pi = declined()
  await ingestAll(database.sql, [
    eventOf('payment_intent.payment_failed', pi, { created: T + 60 }),
    eventOf('payment_intent.payment_failed', pi, { created: T + 5 }),
  ])
  expect(await paymentRow(database.sql, pi.id)).toMatchObject({
    type: 'failed_payment',
    status: 'failed',
    amount: 1000,
    paid_at: null,
    failed_at: T + 60,
  })
})

test('failed, then paid: a payment, without a failure, in every order', async () => {
  const pi = paymentIntent({ latest_charge: newId('ch') })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('payment_intent.payment_failed', declined({ id: pi.id, latest_charge: newId('ch') }), {
        created: T + 5,
      }),
      eventOf('payment_intent.payment_failed', declined({ id: pi.id, latest_charge: newId('ch') }), {
        created: T + 7,
      }),
      eventOf('payment_intent.succeeded', pi, { created: T + 9 }),
    ],
    async (sql) => {
      const { type, status, paid_at, failed_at } = await paymentRow(sql, pi.id)
      return { type, status, paid_at, failed_at }
    },
  )
  expect(distinct(ends)).toEqual([
    { type: 'one_time_payment', status: 'succeeded', paid_at: T + 9, failed_at: null },
  ])
})

test('failed and paid in the same second is paid, in every order', async () => {
  const pi = paymentIntent()
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('payment_intent.payment_failed', declined({ id: pi.id })),
      eventOf('payment_intent.succeeded', pi),
    ],
    async (sql) => (await paymentRow(sql, pi.id)).status,
  )
  expect(distinct(ends)).toEqual(['succeeded'])
})

test('an authorization that is let go has failed, when it was canceled', async () => {
  const pi = paymentIntent({
    amount_received: 0,
    status: 'canceled',
    canceled_at: T + 90,
    latest_charge: newId('ch'),
  })
  const session = checkoutSession({ payment_intent: pi.id, payment_status: 'unpaid' })
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('checkout.session.completed', session, { created: T + 3 }),
      eventOf('payment_intent.canceled', pi, { created: T + 91 }),
    ],
    async (sql) => {
      const { type, status, failed_at } = await paymentRow(sql, pi.id)
      return { type, status, failed_at }
    },
  )
  expect(distinct(ends)).toEqual([{ type: 'failed_payment', status: 'failed', failed_at: T + 90 }])
})

test('an intent that is canceled before anybody has tried to pay it is no payment', async () => {
  const pi = paymentIntent({
    amount_received: 0,
    status: 'canceled',
    canceled_at: T + 90,
    latest_charge: null,
  })
  await ingest(database.sql, eventOf('payment_intent.canceled', pi))
  expect(await database.sql`select from payments.transactions where provider_object_id = ${pi.id}`).toEqual(
    [],
  )
})

test('an intent that nobody has tried to pay is no payment', async () => {
  const pi = paymentIntent({ amount_received: 0, status: 'requires_payment_method' })
  await projectObjects(database.sql, [pi], T)
  expect(await paymentRows(database.sql, pi.id)).toEqual([])
})

test('an intent that was canceled before anybody paid is no payment, in every order', async () => {
  const pi = paymentIntent({ amount_received: 0, status: 'requires_payment_method' })
  await projectObjects(database.sql, [{ ...pi, status: 'processing' }], T)
  expect((await paymentRow(database.sql, pi.id)).status).toBe('pending')
  await projectObjects(database.sql, [{ ...pi, status: 'canceled' }], T + 5)
  expect(await paymentRows(database.sql, pi.id)).toEqual([])
  await projectObjects(database.sql, [{ ...pi, status: 'processing' }], T)
  expect(await paymentRows(database.sql, pi.id)).toEqual([])
})

test('versions before 2022-11-15 list their charges, and the newest belongs to the payment', async () => {
  const { latest_charge, ...old } = paymentIntent({ invoice: newId('in') })
  const paid = charge({ payment_intent: old.id })
  await ingestAll(database.sql, [
    eventOf('payment_intent.succeeded', {
      ...old,
      charges: { object: 'list', data: [paid, charge({ status: 'failed', paid: false })] },
    }),
  ])
  expect((await paymentRow(database.sql, old.id as string)).related_object_ids).toEqual({
    payment_intent: old.id,
    charge: paid.id,
    invoice: old.invoice,
  })
})

test('an answer of the API tells of a payment that no event told of', async () => {
  const pi = paymentIntent({ latest_charge: charge() })
  await projectObjects(database.sql, [pi], T + 100)
  expect(await paymentRow(database.sql, pi.id)).toMatchObject({
    status: 'succeeded',
    paid_at: T,
    related_object_ids: { payment_intent: pi.id, charge: pi.latest_charge.id },
  })
})

test('the subject is the first that was named, in every order', async () => {
  for (const [first, second] of [
    ['aaa', 'zzz'],
    ['zzz', 'aaa'],
  ] as const) {
    const id = newId('pi')
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('payment_intent.payment_failed', declined({ id, metadata: subjectMetadata('team', first) })),
        eventOf(
          'payment_intent.payment_failed',
          declined({ id, metadata: subjectMetadata('team', second) }),
          {
            created: T + 60,
          },
        ),
        eventOf('payment_intent.succeeded', paymentIntent({ id }), { created: T + 90 }),
      ],
      async (sql) => (await paymentRow(sql, id)).subject_id,
    )
    expect(distinct(ends)).toEqual([first])
  }
})

test('one that is tried again and takes days is pending, in every order', async () => {
  const id = newId('pi')
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      eventOf('payment_intent.payment_failed', declined({ id })),
      eventOf('payment_intent.processing', paymentIntent({ id, amount_received: 0, status: 'processing' }), {
        created: T + 60,
      }),
    ],
    async (sql) => (await paymentRow(sql, id)).status,
  )
  expect(distinct(ends)).toEqual(['pending'])
})

describe('Stripe clears last_payment_error with every later update', () => {
  const read = async (sql: Sql, id: string) => {
    const { type, status, amount, currency, failed_at } = await paymentRow(sql, id)
    return { type, status, amount, currency, failed_at }
  }
  const failure = {
    type: 'failed_payment',
    status: 'failed',
    amount: 1000,
    currency: 'usd',
    failed_at: T + 5,
  }

  test.each([null, newId('ch')])(
    'and a declined payment that is canceled keeps its amount and the time of its failure, in every order: %s',
    async (latest_charge) => {
      const id = newId('pi')
      const canceled = paymentIntent({
        id,
        amount_received: 0,
        canceled_at: T + 90,
        latest_charge,
        status: 'canceled',
      })
      const ends = await endsOfEveryOrder(
        database.sql,
        [
          eventOf('payment_intent.payment_failed', declined({ id, latest_charge }), { created: T + 5 }),
          eventOf('payment_intent.canceled', canceled, { created: T + 90 }),
        ],
        (sql) => read(sql, id),
      )
      expect(distinct(ends)).toEqual([failure])
    },
  )

  test.each(['requires_payment_method', 'requires_confirmation', 'canceled'])(
    'and an answer of the API with the status %s changes nothing of the failure',
    async (status) => {
      for (const isTold of [true, false]) {
        const id = newId('pi')
        const latest_charge = newId('ch')
        const before = declined({ id, latest_charge })
        const after = { ...before, last_payment_error: null, status, canceled_at: T + 40 }
        if (isTold)
          await ingest(database.sql, eventOf('payment_intent.payment_failed', before, { created: T + 5 }))
        else await projectObjects(database.sql, [before], T + 5)
        await projectObjects(database.sql, [after], T + 50)
        expect(await read(database.sql, id)).toEqual(failure)
        await projectObjects(database.sql, [after], T + 5000)
        expect(await read(database.sql, id)).toEqual(failure)
      }
    },
  )

  test('and what was declined, then authorized, then let go has failed when it was canceled, in every order', async () => {
    const [id, declinedCharge, held] = [newId('pi'), newId('ch'), newId('ch')]
    const canceled = paymentIntent({
      id,
      amount_received: 0,
      canceled_at: T + 90,
      latest_charge: held,
      status: 'canceled',
    })
    const ends = await endsOfEveryOrder(
      database.sql,
      [
        eventOf('payment_intent.payment_failed', declined({ id, latest_charge: declinedCharge }), {
          created: T + 5,
        }),
        eventOf(
          'checkout.session.completed',
          checkoutSession({ payment_intent: id, payment_status: 'unpaid' }),
          {
            created: T + 7,
          },
        ),
        eventOf('payment_intent.canceled', canceled, { created: T + 91 }),
      ],
      (sql) => read(sql, id),
    )
    expect(distinct(ends)).toEqual([{ ...failure, failed_at: T + 90 }])
  })

  test('and an authorization that waits after a declined card is not a failure', async () => {
    const id = newId('pi')
    const session = checkoutSession({ payment_intent: id, payment_status: 'unpaid' })
    await ingestAll(database.sql, [
      eventOf('payment_intent.payment_failed', declined({ id }), { created: T + 5 }),
      eventOf('checkout.session.completed', session, { created: T + 7 }),
    ])
    const held = paymentIntent({
      id,
      amount_received: 0,
      latest_charge: newId('ch'),
      status: 'requires_capture',
    })
    await projectObjects(database.sql, [held], T + 90)
    expect((await paymentRow(database.sql, id)).status).toBe('pending')
  })
})

describe('what only answers of the API have told of a payment', () => {
  test('has failed when its charge did, and every further look changes nothing', async () => {
    const id = newId('pi')
    const first = charge({ created: T + 5, paid: false, payment_intent: id, status: 'failed' })
    const last = charge({ created: T + 60, paid: false, payment_intent: id, status: 'failed' })
    const look = async (second: number) => {
      await projectObjects(database.sql, [declined({ id, latest_charge: last.id }), first, last], second)
      return paymentRow(database.sql, id)
    }
    const row = await look(T + 900)
    expect(row).toMatchObject({ status: 'failed', amount: 1000, failed_at: T + 60 })
    expect(await look(T + 5000)).toEqual(row)
  })

  test('has failed when that was first seen, if no charge is known, in every order of looks', async () => {
    for (const seconds of permutations([T + 100, T + 200, T + 300])) {
      const pi = declined()
      for (const second of seconds) await projectObjects(database.sql, [pi], second)
      expect(await paymentRow(database.sql, pi.id)).toMatchObject({ status: 'failed', failed_at: T + 100 })
      await ingest(database.sql, eventOf('payment_intent.payment_failed', pi, { created: T + 5 }))
      expect(await paymentRow(database.sql, pi.id)).toMatchObject({ status: 'failed', failed_at: T + 5 })
    }
  })

  test('fails after a bank debit that was under way, although a card was declined before', async () => {
    const pi = declined()
    const session = checkoutSession({ payment_intent: pi.id, payment_status: 'unpaid' })
    await projectObjects(database.sql, [pi], T + 5)
    await ingest(database.sql, eventOf('checkout.session.completed', session, { created: T + 10 }))
    expect((await paymentRow(database.sql, pi.id)).status).toBe('pending')
    await projectObjects(database.sql, [{ ...pi, last_payment_error: null }], T + 900)
    expect(await paymentRow(database.sql, pi.id)).toMatchObject({ status: 'failed', amount: 1000 })
  })

  test('was paid when its charge succeeded, not when the PaymentIntent was made', async () => {
    const paid = charge({ created: T + 60 })
    const pi = paymentIntent({ latest_charge: paid.id })
    const session = checkoutSession({ payment_intent: pi.id })
    for (const order of permutations([pi, { ...paid, payment_intent: pi.id }, session])) {
      const row = await undone(database.sql, async (sql) => {
        for (const object of order) await projectObjects(sql, [object], T + 900)
        return paymentRow(sql, pi.id)
      })
      expect(row).toMatchObject({ status: 'succeeded', paid_at: T + 60 })
    }
  })

  test('keeps the time that an event gives', async () => {
    const paid = charge({ created: T + 60 })
    const pi = paymentIntent({ latest_charge: paid.id })
    await ingest(database.sql, eventOf('payment_intent.succeeded', pi, { created: T + 500 }))
    await projectObjects(database.sql, [pi, { ...paid, payment_intent: pi.id }], T + 900)
    expect(await paymentRow(database.sql, pi.id)).toMatchObject({ status: 'succeeded', paid_at: T + 500 })
  })

  test('an invoice that failed does not fail anew with every look', async () => {
    const open = invoice({
      amount_paid: 0,
      next_payment_attempt: T + 9000,
      status: 'open',
      status_transitions: {},
    })
    await projectObjects(database.sql, [open], T + 100)
    const row = await paymentRow(database.sql, open.id)
    expect(row).toMatchObject({ status: 'failed', failed_at: T + 100 })
    await projectObjects(database.sql, [open], T + 200)
    expect(await paymentRow(database.sql, open.id)).toEqual(row)
  })
})
