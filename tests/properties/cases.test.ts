/** Cases that are easy to get wrong: the title of each test is the sentence that holds. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anonymous, createTestDatabase, type TestDatabase, user } from '../setup/database.ts'
import { open } from '../setup/server.ts'
import {
  begin,
  complete,
  customerRow,
  endsOfEveryOrder,
  eventRow,
  fail,
  ingest,
  ingestAll,
  mappingOf,
  paymentRow,
  paymentRows,
  permutations,
  priceRow,
  productRow,
  refundRow,
  refusal,
  type Sql,
  sessionRow,
  stateOf,
  subscriptionRow,
  undone,
} from '../sql/support/calls.ts'
import {
  checkoutSession,
  customer,
  eventOf,
  type Json,
  newId,
  openSession,
  price,
  product,
  subscription,
  subscriptionItem,
  T,
} from '../sql/support/stripe.ts'
import { lifeCycle } from './support/life-cycles.ts'
import {
  type ApiVersion,
  idOf,
  olderVersions,
  type Recording,
  record,
  type StripeEvent,
} from './support/recording.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

/** The events of a life cycle, of all types or of some, in the order in which they happened. */
function eventsOf(name: string, ...types: string[]): Json[] {
  return record(lifeCycle(name))
    .events.map(({ event }) => event as Json)
    .filter(({ type }) => types.length === 0 || types.includes(type))
}

const endOf = (recording: Recording, kind: string): Json[] =>
  [...recording.end.values()].filter(({ object }) => object === kind)

const seconds = (value: unknown) => (value === null ? null : Date.parse(String(value)) / 1000)

/** Fails unless every order leads to the same end, and gives it. */
async function theEndOfEveryOrder<Result>(
  events: Json[],
  read: (sql: Sql) => Promise<Result>,
): Promise<Result> {
  const ends = await endsOfEveryOrder(database.sql, events, read)
  const ours = new Set(['id', 'created_at', 'updated_at', 'synced_at'])
  const texts = new Set(
    ends.map((end) => JSON.stringify(end, (key, value) => (ours.has(key) ? undefined : value))),
  )
  expect([...texts].length).toBe(1)
  return ends[0] as Result
}

test('a fulfilment trigger raises: the event is kept as failed with the error, a redelivery or our own retry fulfils it once the trigger is mended, and projections are there meanwhile', async () => {
  for (const mend of ['redelivery', 'retry'] as const) {
    await undone(database.sql, async (sql) => {
      await sql.unsafe(`
        create table public.fulfilled (event_id text);
        create function public.fulfil() returns trigger language plpgsql security definer as $$
        begin raise exception 'no such order'; end $$;
        create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
          for each row when (new.processing_status = 'processed') execute function public.fulfil()`)
      const [event] = eventsOf('a guest buys once', 'checkout.session.completed') as [Json]
      expect((await ingest(sql, event)).status).toBe('failed')
      expect(await eventRow(sql, event.id)).toMatchObject({
        processing_status: 'failed',
        last_error: 'no such order (P0001)',
        attempt_count: 1,
      })
      expect((await paymentRow(sql, event.data.object.id)).status).toBe('succeeded')

      await sql.unsafe(`
        create or replace function public.fulfil() returns trigger language plpgsql security definer as $$
        begin insert into public.fulfilled values (new.provider_event_id); return new; end $$`)
      if (mend === 'redelivery') expect((await ingest(sql, event)).status).toBe('processed')
      else {
        await sql`update payments.webhook_events set next_attempt_at = now() where provider_event_id = ${event.id}`
        expect(await sql`select processing_status from payments.retry_webhook_events()`).toEqual([
          { processing_status: 'processed' },
        ])
      }
      expect((await ingest(sql, event)).status).toBe('duplicate')
      expect(await sql`select event_id from public.fulfilled`).toEqual([{ event_id: event.id }])
    })
  }
})

describe('deleted, then a stale updated', () => {
  test('a subscription stays canceled', async () => {
    const events = eventsOf('a customer is deleted while subscribed')
    const stale = events.find(({ type }) => type === 'customer.subscription.updated') as Json
    const gone = events.find(({ type }) => type === 'customer.subscription.deleted') as Json
    const row = await theEndOfEveryOrder([gone, stale], (sql) => subscriptionRow(sql, gone.data.object.id))
    expect(row.status).toBe('canceled')
  })

  test.each([
    ['customer', customer, customerRow],
    ['product', product, productRow],
    ['price', price, priceRow],
  ] as const)('a %s stays deleted', async (kind, make, rowOf) => {
    const object = make()
    const events = [
      eventOf(`${kind}.updated`, object, { created: T + 1 }),
      eventOf(`${kind}.deleted`, object, { created: T + 1 }),
    ]
    expect((await theEndOfEveryOrder(events, (sql) => rowOf(sql, object.id))).deleted).toBe(true)
  })
})

describe('within one second', () => {
  const id = newId('sub')
  const items = [subscriptionItem()]
  const at = (status: string, more: Json = {}) => subscription({ id, items, status, ...more })
  const updated = (object: Json, previous: Json) =>
    eventOf('customer.subscription.updated', object, { created: T, previous })

  test('updated to active, then created as incomplete: the subscription is active', async () => {
    const events = [
      eventOf('customer.subscription.created', at('incomplete'), { created: T }),
      updated(at('active'), { status: 'incomplete' }),
    ]
    expect((await theEndOfEveryOrder(events, (sql) => subscriptionRow(sql, id))).status).toBe('active')
  })

  test('two updates in both orders of arrival: the end state is that of Stripe', async () => {
    const events = [
      updated(at('past_due'), { status: 'active' }),
      updated(at('past_due', { cancel_at_period_end: true }), { cancel_at_period_end: false }),
    ]
    const row = await theEndOfEveryOrder(events, (sql) => subscriptionRow(sql, id))
    expect(row).toMatchObject({ status: 'past_due', cancel_at_period_end: true })
  })

  test('three updates in all six orders of arrival: the end state is that of Stripe', async () => {
    const events = [
      updated(at('active', { metadata: { seats: '1' } }), {
        status: 'incomplete',
        metadata: { seats: null },
      }),
      updated(at('active', { metadata: { seats: '2' } }), { metadata: { seats: '1' } }),
      updated(at('active', { metadata: { seats: '1' }, cancel_at_period_end: true }), {
        metadata: { seats: '2' },
        cancel_at_period_end: false,
      }),
    ]
    const row = await theEndOfEveryOrder(events, (sql) => subscriptionRow(sql, id))
    expect(row).toMatchObject({ metadata: { seats: '1' }, cancel_at_period_end: true })
  })

  test('trial_will_end beside updated: the end state is that of Stripe', async () => {
    const trialing = at('trialing', { trial_end: T })
    const events = [
      eventOf('customer.subscription.trial_will_end', trialing, { created: T }),
      updated(at('active', { trial_end: T }), { status: 'trialing' }),
    ]
    expect((await theEndOfEveryOrder(events, (sql) => subscriptionRow(sql, id))).status).toBe('active')
  })
})

test('customer.deleted before customer.subscription.deleted: the subscription keeps its subject', async () => {
  const events = eventsOf('a customer is deleted while subscribed')
  const gone = (type: string) => events.find((event) => event.type === type) as Json
  const deletions = [gone('customer.deleted'), gone('customer.subscription.deleted')]
  for (const order of permutations(deletions)) {
    const row = await undone(database.sql, async (sql) => {
      await ingestAll(sql, [...events.filter((event) => !deletions.includes(event)), ...order])
      return subscriptionRow(sql, (deletions[1] as Json).data.object.id)
    })
    expect(row).toMatchObject({ status: 'canceled', subject_type: 'team', subject_id: '42' })
  }
})

describe('a stale failure after success stays paid', () => {
  test('a stale payment_intent.payment_failed after succeeded', async () => {
    const events = eventsOf('a declined card, then one that pays')
    const row = await theEndOfEveryOrder(events, async (sql) => {
      const { status, type, failed_at, paid_at } = await paymentRow(
        sql,
        idOf(events[0] as never as StripeEvent),
      )
      return { status, type, failed_at, isPaid: paid_at !== null }
    })
    expect(row).toEqual({ status: 'succeeded', type: 'one_time_payment', failed_at: null, isPaid: true })
  })

  test('a stale completed(unpaid) after async_payment_succeeded', async () => {
    const events = eventsOf(
      'a bank debit that settles days later',
      'checkout.session.completed',
      'checkout.session.async_payment_succeeded',
    )
    expect(events.map(({ data }) => data.object.payment_status)).toEqual(['unpaid', 'paid'])
    const id = events[0]?.data.object.id
    const rows = await theEndOfEveryOrder(events, async (sql) => [
      (await sessionRow(sql, id)).payment_status,
      (await paymentRow(sql, id)).status,
    ])
    expect(rows).toEqual(['paid', 'succeeded'])
  })
})

describe('amounts and status of a refunded payment are right at the end', () => {
  const money = (events: Json[]) =>
    theEndOfEveryOrder(events, async (sql) => {
      const intent = events.flatMap(({ data }) => data.object.payment_intent ?? []).at(0)
      const { status, amount, amount_refunded, refunded_at } = await paymentRow(sql, intent)
      return { status, amount, amount_refunded, refunded_at }
    })

  test('charge.refunded before the payment is known', async () => {
    const events = eventsOf(
      'a purchase is refunded in full',
      'charge.refunded',
      'payment_intent.succeeded',
      'refund.created',
    )
    const refunded_at = events.find(({ type }) => type === 'refund.created')?.created
    expect(await money(events)).toEqual({
      status: 'refunded',
      amount: 1500,
      amount_refunded: 1500,
      refunded_at,
    })
  })

  test('a full refund, then a stale partial one', async () => {
    const events = eventsOf(
      'a purchase is refunded in three parts',
      'charge.refunded',
      'checkout.session.completed',
    )
    const refunded_at = events.at(-1)?.created
    expect(await money(events)).toEqual({
      status: 'refunded',
      amount: 1500,
      amount_refunded: 1500,
      refunded_at,
    })
  })

  test('a refund, then a repeated invoice.paid or a late checkout.session.completed', async () => {
    const [paid, refunded] = ['invoice.paid', 'charge.refunded'].map((type) =>
      eventsOf('a subscription is cancelled at once and its invoice refunded', type).at(0),
    ) as [Json, Json]
    const rest = eventsOf('a subscription is cancelled at once and its invoice refunded')
    await undone(database.sql, async (sql) => {
      await ingestAll(
        sql,
        rest.filter(({ type }) => type !== 'checkout.session.completed'),
      )
      await ingestAll(sql, [
        { ...paid, id: newId('evt') },
        ...rest.filter(({ type }) => type === 'checkout.session.completed'),
      ])
      expect(await paymentRow(sql, refunded.data.object.payment_intent)).toMatchObject({
        status: 'refunded',
        amount: 2000,
        amount_refunded: 2000,
      })
    })
  })

  test('a refund that fails later', async () => {
    const events = eventsOf('a refund fails days later')
    const recording = record(lifeCycle('a refund fails days later'))
    const [refund] = endOf(recording, 'refund')
    await undone(database.sql, async (sql) => {
      await ingestAll(sql, [...events].reverse())
      expect(await paymentRow(sql, String(refund?.payment_intent))).toMatchObject({
        status: 'succeeded',
        amount_refunded: 0,
      })
      expect(await refundRow(sql, String(refund?.id))).toMatchObject({
        type: 'refund',
        status: 'failed',
        failed_at: events.at(-1)?.created,
      })
    })
  })

  test.each(['refund.created', 'charge.refunded'])(
    'several partial refunds in different orders, told by %s',
    async (type) => {
      const events = eventsOf('three refunds within one second', 'payment_intent.succeeded', type)
      expect(events.length).toBe(4)
      expect(await money(events)).toMatchObject({
        status: 'partially_refunded',
        amount: 1500,
        amount_refunded: 1000,
      })
    },
  )
})

test('invoice.paid, invoice_payment.paid, payment_intent.succeeded, charge.refunded and refund.created of one payment on parallel connections, 200 rounds: one transaction row, right type, no deadlock', async () => {
  const parallel = await createTestDatabase()
  const connections = Array.from({ length: 5 }, () => open(parallel.url))
  try {
    const types = [
      'invoice.paid',
      'invoice_payment.paid',
      'payment_intent.succeeded',
      'charge.refunded',
      'refund.created',
    ]
    const log = record(lifeCycle('a subscription is cancelled at once and its invoice refunded')).events
    const five = types.map((type) => log.find(({ event }) => event.type === type)?.event as StripeEvent)
    const text = JSON.stringify(five)
    for (let round = 0; round < 200; round += 1) {
      // Every id gets another ending, so that each round is a payment of its own.
      const events = JSON.parse(
        text.replaceAll(/"((?:in|inpay|pi|ch|re|evt|sub|cus|txn)_\w+)"/g, `"$1x${round}"`),
      ) as Json[]
      const answers = await Promise.all(
        events.map((event, place) => ingest(connections[(place + round) % 5] as Sql, event)),
      )
      expect(answers.map(({ status, event }) => [status, event.last_error])).toEqual(
        types.map(() => ['processed', null]),
      )
      const intent = events[2]?.data.object.id
      const rows = await paymentRows(parallel.sql, intent)
      expect(rows.map(({ type, status, amount_refunded }) => ({ type, status, amount_refunded }))).toEqual([
        { type: 'subscription_invoice', status: 'refunded', amount_refunded: 2000 },
      ])
    }
  } finally {
    await Promise.all(connections.map((sql) => sql.end()))
    await parallel.close()
  }
}, 120_000)

describe('nothing fails, the payments belong to the subject, and the mapping that wins is the same in every order', () => {
  test('a customer id that is already mapped to another subject', async () => {
    const recording = record(lifeCycle('two subjects buy with one customer'))
    const [bought] = endOf(recording, 'customer')
    // The charges tell the card and the receipt, and no subject; with them there would be 56 times as many orders.
    const events = recording.events
      .map(({ event }) => event as Json)
      .filter(({ type }) => type !== 'charge.succeeded')
    const end = await theEndOfEveryOrder(events, async (sql) => ({
      first: await mappingOf(sql, 'team', '42'),
      second: await mappingOf(sql, 'team', '43'),
      subjects: (await sql`select subject_id from payments.transactions order by 1`).map(
        ({ subject_id }) => subject_id,
      ),
    }))
    expect(end).toEqual({ first: bought?.id, second: undefined, subjects: ['42', '43'] })
  })

  test('two first checkouts of one subject that both complete', async () => {
    const recording = record(lifeCycle('two first checkouts of one subject are both paid'))
    const events = recording.events
      .map(({ event }) => event as Json)
      .filter(({ type }) => /^(checkout|customer\.created|payment_intent|invoice\.paid)/.test(type))
    const [first] = endOf(recording, 'checkout.session').toSorted(
      (a, b) => Number(a.created) - Number(b.created),
    )
    const orders = permutations(events).filter((_, place) => place % 97 === 0)
    for (const order of orders) {
      await undone(database.sql, async (sql) => {
        for (const { status } of await ingestAll(sql, order)) expect(status).toBe('processed')
        expect(await mappingOf(sql, 'team', '42')).toBe(first?.customer)
        const subjects = await sql`select distinct subject_type, subject_id from payments.transactions`
        expect(subjects).toEqual([{ subject_type: 'team', subject_id: '42' }])
      })
    }
  })
})

test('the handler dies after Stripe made the session and before it could say so: the webhook completes the row', async () => {
  await undone(database.sql, async (sql) => {
    const begun = await begin(sql, user('u1'), { subject: { type: 'user', id: 'u1' } })
    const session = checkoutSession({
      client_reference_id: begun.session.id,
      metadata: begun.params.metadata,
      payment_intent: newId('pi'),
    })
    await ingest(sql, eventOf('checkout.session.completed', session))
    expect(await sessionRow(sql, begun.session.id)).toMatchObject({
      checkout_session_id: session.id,
      status: 'completed',
      payment_status: 'paid',
      subject_id: 'u1',
    })
    expect(await sql`select count(*)::integer as count from payments.stripe_checkout_sessions`).toEqual([
      { count: 1 },
    ])
  })
})

test('a discount of 100 percent is settled; an unpaid complete session is pending', async () => {
  for (const [name, payment_status, status, settled] of [
    ['a purchase with a discount of 100 percent', 'no_payment_required', 'succeeded', true],
    ['a bank debit is still under way', 'unpaid', 'pending', false],
  ] as const) {
    await undone(database.sql, async (sql) => {
      const [event] = eventsOf(name, 'checkout.session.completed') as [Json]
      await ingest(sql, event)
      expect(await sessionRow(sql, event.data.object.id)).toMatchObject({
        status: 'completed',
        payment_status,
      })
      expect((await paymentRow(sql, event.data.object.id)).status).toBe(status)
      expect(
        await sql`select payments.event_is_settled(w) as settled from payments.webhook_events as w`,
      ).toEqual([{ settled }])
    })
  }
})

describe('under an idempotency key', () => {
  const request = { idempotencyKey: 'once', lineItems: [{ priceId: 'price_1', quantity: 1 }] }

  test('an expired or failed session: the retry makes a new one with a new Stripe idempotency key', async () => {
    await undone(database.sql, async (sql) => {
      const first = await begin(sql, anonymous, request)
      await complete(sql, first, openSession({ client_reference_id: first.session.id }), T)
      const { checkout_session_id: id } = await sessionRow(sql, first.session.id)
      await ingest(
        sql,
        eventOf('checkout.session.expired', openSession({ id, status: 'expired' }), { created: T + 1 }),
      )
      const second = await begin(sql, anonymous, request)
      expect(second).toMatchObject({ action: 'send', session: { id: first.session.id } })
      await fail(sql, second, 'No such price: price_1')
      const third = await begin(sql, anonymous, request)
      const keys = [first, second, third].map(({ idempotency_key }) => idempotency_key)
      expect(new Set(keys).size).toBe(3)
    })
  })

  test('a retry after a network error, where Stripe may have acted, reuses the old one', async () => {
    await undone(database.sql, async (sql) => {
      const first = await begin(sql, anonymous, request)
      await fail(sql, first, 'The connection was cut.', { stripeMayHaveActed: true })
      const second = await begin(sql, anonymous, request)
      expect(second).toMatchObject({
        action: 'send',
        idempotency_key: first.idempotency_key,
        params: first.params,
      })
    })
  })
})

test('an event of another account or of the wrong mode changes nothing', async () => {
  await undone(database.sql, async (sql) => {
    const before = await stateOf(sql)
    for (const { event } of record(lifeCycle('a guest buys once')).events)
      expect((await ingest(sql, { ...event, account: 'acct_of_somebody_else' })).status).toBe('ignored')
    expect(await stateOf(sql)).toEqual(before)
  })
  const [event] = eventsOf('a guest buys once') as [Json]
  const before = await stateOf(database.sql)
  expect((await refusal(ingest(database.sql, { ...event, livemode: true }))).code).toBe('SP005')
  expect((await refusal(ingest(database.sql, event, 'live'))).code).toBe('SP005')
  expect(await stateOf(database.sql)).toEqual(before)
})

test('events of the API versions 2020-08-27, 2022-11-15, 2024-06-20 and the pinned one project to the same rows', async () => {
  const versions: ApiVersion[] = [null, ...olderVersions]
  for (const name of [
    'a declined card, then one that pays',
    'one of two refunds fails days later',
    'a renewal fails and the retry pays',
    'a trial without a card is paused, then resumed',
    'the first month is free, then it is paid',
    'an invoice is paid with credit and card',
    'a renewal fails until the subscription is cancelled',
  ]) {
    const recording = record(lifeCycle(name))
    const states: unknown[] = []
    for (const version of versions) {
      states.push(
        await undone(database.sql, async (sql) => {
          await ingestAll(
            sql,
            recording.events.map((told) => told.in(version) as Json),
          )
          const state = await stateOf(sql)
          // The body is kept as it came.
          for (const row of Object.values(state).flat())
            for (const column of ['raw', 'id']) delete row[column]
          return state
        }),
      )
    }
    for (const state of states) expect(state).toEqual(states[0])
  }
})

test('paid_at, failed_at and refunded_at are when it happened, not when the object was made', async () => {
  const late = record(lifeCycle('a bank debit that settles days later'), { seed: 1 })
  const [settled] = late.events.filter(({ event }) => event.type === 'payment_intent.succeeded')
  const failed = record(lifeCycle('a bank debit that fails days later'), { seed: 2 })
  const [failure] = failed.events.filter(({ event }) => event.type === 'payment_intent.payment_failed')
  const refunds = record(lifeCycle('a pending refund succeeds'), { seed: 3 })
  const [refund] = endOf(refunds, 'refund')
  const happened = refunds.events.findLast(({ event }) => event.type === 'refund.updated')

  const moments = await undone(database.sql, async (sql) => {
    for (const { events } of [late, failed, refunds])
      await ingestAll(sql, events.map(({ event }) => event as Json).reverse())
    const rows = await sql`
      select provider_object_id as id, paid_at, failed_at, refunded_at from payments.transactions`
    return (id: string) => {
      const { paid_at, failed_at, refunded_at } = rows.find((row) => row.id === id) ?? {}
      return [paid_at, failed_at, refunded_at].map(seconds)
    }
  })
  const day = 86_400
  expect(settled && moments(idOf(settled.event))).toEqual([settled?.event.created, null, null])
  expect(failure && moments(idOf(failure.event))).toEqual([null, failure?.event.created, null])
  expect(moments(String(refund?.id))).toEqual([null, null, happened?.event.created])
  expect(Number(settled?.event.created) - Number(settled?.event.data.object.created)).toBeGreaterThan(3 * day)
  expect(Number(happened?.event.created) - Number(refund?.created)).toBeGreaterThan(day)
})
