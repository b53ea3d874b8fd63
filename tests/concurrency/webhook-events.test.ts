/** Events about the same things, on several connections at once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import {
  eventRow,
  type Ingested,
  ingest,
  ingestAll,
  mappingOf,
  paymentRow,
  paymentRows,
  refundRow,
  sessionRow,
  subscriptionRow,
} from '../sql/support/calls.ts'
import {
  charge,
  checkoutSession,
  customer,
  dispute,
  eventOf,
  invoice,
  invoicePayment,
  type Json,
  newId,
  paymentIntent,
  refund,
  subjectMetadata,
  subscription,
  T,
} from '../sql/support/stripe.ts'
import { type Connection, connect, start, waitsOrIsDone } from './support/connections.ts'

let database: TestDatabase
let connections: Connection[]
let close: () => Promise<unknown>

beforeAll(async () => {
  database = await createTestDatabase()
  ;({ connections, close } = await connect(database.url, 8))
  await database.sql.unsafe(`
    create table public.fulfilled (event_id text);
    create function public.fulfil() returns trigger language plpgsql as $$
    begin
      insert into public.fulfilled values (new.provider_event_id);
      return null;
    end $$;
    create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
      for each row when (new.processing_status = 'processed') execute function public.fulfil();`)
})
afterAll(async () => {
  await close()
  await database.close()
})

const pick = (i: number) => connections[i] as Connection
const fulfilments = async (event: Json) =>
  (await database.sql`select from public.fulfilled where event_id = ${event.id}`).length

/**
 * The first event is ingested but not committed; the second starts; the first ends as said; what came of the second.
 */
async function steps(
  first: Json,
  second: Json,
  end: 'commit' | 'rollback' = 'commit',
): Promise<{ second: Ingested; waited: boolean }> {
  const [a, b] = [pick(0), pick(1)]
  await a.sql`begin`
  await ingest(a.sql, first)
  const started = start(ingest(b.sql, second))
  const state = await waitsOrIsDone(database.sql, b, started)
  await a.sql.unsafe(end)
  return { second: await started.done, waited: state === 'waits' }
}

/** Ingests each event on a connection of its own, all at once. */
const atOnce = (events: Json[]) => Promise.all(events.map((event, i) => ingest(pick(i).sql, event)))
const statuses = (results: Ingested[]) => results.map(({ status, event }) => event.last_error ?? status)

describe('one event on two connections', () => {
  test('fulfils once: the second waits for the first and is a duplicate', async () => {
    const event = eventOf('customer.created', customer())
    const { second, waited } = await steps(event, event)
    expect({ status: second.status, waited }).toEqual({ status: 'duplicate', waited: true })
    expect(await fulfilments(event)).toBe(1)
    expect((await eventRow(database.sql, event.id)).attempt_count).toBe(1)
  })

  test('fulfils once also when the first is rolled back', async () => {
    const event = eventOf('customer.created', customer())
    const { second } = await steps(event, event, 'rollback')
    expect(second.status).toBe('processed')
    expect(await fulfilments(event)).toBe(1)
  })

  test('fulfils once when eight deliver it at the same moment, in 20 rounds', async () => {
    for (let round = 0; round < 20; round++) {
      const event = eventOf('payment_intent.succeeded', paymentIntent())
      const results = await atOnce(Array.from({ length: 8 }, () => event))
      expect(statuses(results).sort()).toEqual([...Array(7).fill('duplicate'), 'processed'])
      expect(await fulfilments(event)).toBe(1)
    }
  })
})

describe('two events of one second', () => {
  test('find each other although they are processed at the same moment', async () => {
    const object = subscription()
    const events = [
      eventOf(
        'customer.subscription.updated',
        { ...object, status: 'past_due' },
        { previous: { status: 'active' } },
      ),
      eventOf(
        'customer.subscription.updated',
        { ...object, status: 'unpaid' },
        { previous: { status: 'past_due' } },
      ),
    ] as [Json, Json]
    await steps(events[1], events[0])
    expect((await subscriptionRow(database.sql, object.id)).status).toBe('unpaid')
  })
})

test('invoice, invoice payment, PaymentIntent, charge and refund at once are one payment and one refund, in 60 rounds', async () => {
  for (let round = 0; round < 60; round++) {
    const cus = newId('cus')
    const paid = invoice({
      customer: cus,
      subscription: newId('sub'),
      subscription_metadata: subjectMetadata('team', cus),
    })
    const pi = paymentIntent({ customer: cus, latest_charge: newId('ch') })
    const back = refund({ amount: 400, charge: pi.latest_charge, created: T + 60, payment_intent: pi.id })
    const events = [
      eventOf('invoice.paid', paid),
      eventOf(
        'invoice_payment.paid',
        invoicePayment({ invoice: paid.id, payment: { payment_intent: pi.id, type: 'payment_intent' } }),
      ),
      eventOf('payment_intent.succeeded', pi),
      eventOf(
        'charge.refunded',
        charge({ id: pi.latest_charge, amount_refunded: 400, customer: cus, payment_intent: pi.id }),
        { created: T + 60 },
      ),
      eventOf('refund.created', back, { created: T + 60 }),
    ]
    expect(statuses(await atOnce(events))).toEqual(events.map(() => 'processed'))
    expect(await paymentRow(database.sql, paid.id, pi.id, pi.latest_charge)).toMatchObject({
      type: 'subscription_invoice',
      status: 'partially_refunded',
      subject_id: cus,
      provider_object_id: pi.id,
      amount_refunded: 400,
    })
    expect(await refundRow(database.sql, back.id)).toMatchObject({
      type: 'refund',
      subject_id: cus,
      provider_parent_object_id: pi.id,
    })
  }
})

test('all objects of a subscription checkout at once are one payment of its subject, in 60 rounds', async () => {
  for (let round = 0; round < 60; round++) {
    const cus = newId('cus')
    const metadata = subjectMetadata('team', cus)
    const sub = subscription({ customer: cus, metadata })
    const paid = invoice({ customer: cus, subscription: sub.id })
    const pi = paymentIntent({ customer: cus, latest_charge: newId('ch') })
    const back = refund({ amount: 1000, charge: pi.latest_charge, created: T + 60, payment_intent: pi.id })
    const events = [
      eventOf(
        'checkout.session.completed',
        checkoutSession({
          customer: cus,
          invoice: paid.id,
          metadata,
          mode: 'subscription',
          subscription: sub.id,
        }),
      ),
      eventOf('customer.subscription.created', { ...sub, status: 'incomplete' }),
      eventOf('customer.subscription.updated', sub, { previous: { status: 'incomplete' } }),
      eventOf('invoice.paid', paid),
      eventOf(
        'invoice_payment.paid',
        invoicePayment({ invoice: paid.id, payment: { payment_intent: pi.id, type: 'payment_intent' } }),
      ),
      eventOf('payment_intent.succeeded', pi),
      eventOf('refund.created', back, { created: T + 60 }),
      eventOf(
        'charge.dispute.created',
        dispute({ charge: pi.latest_charge, created: T + 50, payment_intent: pi.id }),
        { created: T + 50 },
      ),
    ]
    expect(statuses(await atOnce(events))).toEqual(events.map(() => 'processed'))
    expect(await paymentRow(database.sql, paid.id, pi.id)).toMatchObject({
      type: 'subscription_invoice',
      status: 'refunded',
      subject_id: cus,
      provider_object_id: pi.id,
      dispute_status: 'needs_response',
    })
    expect((await refundRow(database.sql, back.id)).subject_id).toBe(cus)
    expect(await subscriptionRow(database.sql, sub.id)).toMatchObject({ status: 'active', subject_id: cus })
    expect(await mappingOf(database.sql, 'team', cus)).toBe(cus)
  }
})

describe('the owner of a payment becomes known while something else happens to it', () => {
  /** A paid invoice of a subscription, all of it known, and nobody knows whose it is. */
  async function orphan() {
    const cus = newId('cus')
    const sub = subscription({ customer: cus })
    const paid = invoice({ customer: cus, subscription: sub.id })
    const pi = paymentIntent({ customer: cus, latest_charge: newId('ch') })
    const tie = invoicePayment({
      invoice: paid.id,
      payment: { payment_intent: pi.id, type: 'payment_intent' },
    })
    const back = refund({ charge: pi.latest_charge, payment_intent: pi.id })
    return {
      paid,
      pi,
      back,
      apart: [
        eventOf('customer.subscription.created', sub),
        eventOf('invoice.paid', paid),
        eventOf('payment_intent.succeeded', pi),
      ],
      joined: eventOf('invoice_payment.paid', tie),
      refunded: eventOf('refund.created', back, { created: T + 60 }),
      ownedBySubscription: eventOf(
        'customer.subscription.updated',
        { ...sub, metadata: subjectMetadata('team', cus) },
        { created: T + 5 },
      ),
      ownedByCustomer: eventOf(
        'checkout.session.completed',
        checkoutSession({ customer: cus, metadata: subjectMetadata('team', cus) }),
      ),
      owner: cus,
    }
  }

  test.each(['ownedBySubscription', 'ownedByCustomer'] as const)(
    'a refund: both are shown (%s)',
    async (owned) => {
      for (const ownerFirst of [true, false]) {
        const payment = await orphan()
        await ingestAll(database.sql, [...payment.apart, payment.joined])
        const { second } = ownerFirst
          ? await steps(payment[owned], payment.refunded)
          : await steps(payment.refunded, payment[owned])
        expect(second).toMatchObject({ status: 'processed' })
        expect(await paymentRow(database.sql, payment.pi.id)).toMatchObject({
          status: 'refunded',
          amount_refunded: 1000,
          subject_id: payment.owner,
        })
        expect((await refundRow(database.sql, payment.back.id)).subject_id).toBe(payment.owner)
      }
    },
  )

  test.each(['ownedBySubscription', 'ownedByCustomer'] as const)(
    'it joins another: one row, of the owner (%s)',
    async (owned) => {
      for (const ownerFirst of [true, false]) {
        const payment = await orphan()
        await ingestAll(database.sql, payment.apart)
        expect(await paymentRows(database.sql, payment.paid.id, payment.pi.id)).toHaveLength(2)
        const { second } = ownerFirst
          ? await steps(payment[owned], payment.joined)
          : await steps(payment.joined, payment[owned])
        expect(second).toMatchObject({ status: 'processed' })
        expect(await paymentRow(database.sql, payment.paid.id, payment.pi.id)).toMatchObject({
          type: 'subscription_invoice',
          subject_id: payment.owner,
          provider_object_id: payment.pi.id,
        })
      }
    },
  )
})

describe('customers of one subject', () => {
  const completed = (cus: string, subject: string, created = T) =>
    eventOf(
      'checkout.session.completed',
      checkoutSession({ created, customer: cus, metadata: subjectMetadata('user', subject) }),
      { created },
    )

  test('two first checkouts that complete at once: the earlier customer is mapped, both payments are the subject’s, in 40 rounds', async () => {
    for (let round = 0; round < 40; round++) {
      const [early, late] = [newId('cus'), newId('cus')]
      const events = [completed(early, early), completed(late, early, T + 5)]
      expect(statuses(await atOnce(round % 2 ? events : events.toReversed()))).toEqual([
        'processed',
        'processed',
      ])
      expect(await mappingOf(database.sql, 'user', early)).toBe(early)
      for (const event of events) {
        expect((await paymentRow(database.sql, event.data.object.id)).subject_id).toBe(early)
      }
    }
  })

  test('one is deleted while another is mapped: the living one wins', async () => {
    for (const deletionFirst of [true, false]) {
      const [gone, next] = [newId('cus'), newId('cus')]
      await ingest(database.sql, completed(gone, gone))
      const events = [
        eventOf('customer.deleted', customer({ id: gone }), { created: T + 9 }),
        completed(next, gone, T + 5),
      ] as [Json, Json]
      const { second } = await (deletionFirst ? steps(events[0], events[1]) : steps(events[1], events[0]))
      expect(second.status).toBe('processed')
      expect(await mappingOf(database.sql, 'user', gone)).toBe(next)
    }
  })

  test('one turns out to be another’s while the subject gets a second: it keeps the second', async () => {
    for (const turnsOutFirst of [true, false]) {
      const [shared, own] = [newId('cus'), newId('cus')]
      const subject = `late ${shared}`
      await ingest(database.sql, completed(shared, subject, T + 50))
      const events = [completed(shared, `early ${shared}`), completed(own, subject, T + 60)] as [Json, Json]
      const { second } = await (turnsOutFirst ? steps(events[0], events[1]) : steps(events[1], events[0]))
      expect(second.status).toBe('processed')
      expect(await mappingOf(database.sql, 'user', `early ${shared}`)).toBe(shared)
      expect(await mappingOf(database.sql, 'user', subject)).toBe(own)
    }
  })

  test('of existing data, whose owner only the old metadata names, are no different', async () => {
    const insforge = (cus: string, subject: string, created: number) =>
      eventOf(
        'checkout.session.completed',
        checkoutSession({
          created,
          customer: cus,
          metadata: { insforge_subject_type: 'user', insforge_subject_id: subject },
        }),
        { created },
      )
    for (let round = 0; round < 20; round++) {
      const [early, late] = [newId('cus'), newId('cus')]
      const { second } = await steps(insforge(late, early, T + 5), insforge(early, early, T))
      expect(second).toMatchObject({ status: 'processed' })
      expect(await mappingOf(database.sql, 'user', early)).toBe(early)
    }
  })
})

test('batches that overlap in opposite orders neither fail nor wait for each other, in 20 rounds', async () => {
  for (let round = 0; round < 20; round++) {
    const cus = newId('cus')
    const events = [1, 2, 3, 4].flatMap(() => {
      const pi = paymentIntent({ customer: cus, latest_charge: newId('ch') })
      return [
        eventOf('payment_intent.succeeded', pi),
        eventOf('refund.created', refund({ charge: pi.latest_charge, payment_intent: pi.id })),
      ]
    })
    const batches = [events, events.toReversed(), [...events.slice(4), ...events.slice(0, 4)]]
    const results = await Promise.all(
      batches.map(async (batch, i) => {
        const { sql } = pick(i)
        const [row] = await sql<{ result: Ingested[] }[]>`
          select payments.ingest_webhook_events('test', ${sql.json(batch)}) as result`
        return row?.result ?? []
      }),
    )
    expect(results.map((batch) => statuses(batch).filter((s) => s === 'processed').length).sort()).toEqual([
      0, 0, 8,
    ])
    for (const event of events) expect(await fulfilments(event)).toBe(1)
  }
})

test('the webhook and the handler’s own answer at once complete the row', async () => {
  for (const webhookFirst of [true, false]) {
    const id = newId('cs')
    const [row] = await database.sql`
      insert into payments.stripe_checkout_sessions (environment, mode, success_url, cancel_url)
      values ('test', 'payment', 'https://shop.example', 'https://shop.example') returning id`
    const session = checkoutSession({
      id,
      client_reference_id: row?.id,
      metadata: { payments_checkout_session_id: row?.id },
    })
    const answer = {
      ...session,
      payment_status: 'unpaid',
      status: 'open',
      url: 'https://checkout.stripe.com/1',
    }
    const completeOn = (connection: Connection) => connection.sql`
      select payments.complete_checkout_session('test', ${row?.id}, 1, ${connection.sql.json(answer)}, ${new Date(T * 1000)})`
    const [a, b] = [pick(0), pick(1)]
    await a.sql`begin`
    const webhook = eventOf('checkout.session.completed', session, { created: T + 9 })
    await (webhookFirst ? ingest(a.sql, webhook) : completeOn(a))
    const started = start<unknown>(webhookFirst ? completeOn(b) : ingest(b.sql, webhook))
    expect(await waitsOrIsDone(database.sql, b, started)).toBe('waits')
    await a.sql`commit`
    await started.done
    expect(await sessionRow(database.sql, id)).toMatchObject({
      id: row?.id,
      status: 'completed',
      payment_status: 'paid',
    })
  }
})

describe('nothing fails for a deadlock, in 40 rounds:', () => {
  /** Each list on a connection of its own, all at once. */
  const listsAtOnce = async (lists: Json[][]): Promise<string[]> => {
    const answers = await Promise.all(
      lists.map(async (list, i) => {
        const { sql } = pick(i)
        const [row] = await sql`select payments.ingest_webhook_events('test', ${sql.json(list)}) as results`
        return statuses(row?.results)
      }),
    )
    return [...new Set(answers.flat())]
  }

  test('first checkouts of three subjects with two customers, while those change and go', async () => {
    for (let round = 0; round < 40; round++) {
      const customers = [newId('cus'), newId('cus')]
      const subjects = [1, 2, 3].map((n) => `${round}-${n}`)
      const buys = (of: number, by: number) =>
        eventOf(
          'checkout.session.completed',
          checkoutSession({
            created: T + of + by,
            customer: customers[of],
            metadata: subjectMetadata('team', subjects[by] as string),
          }),
        )
      const changes = (of: number, type: string) =>
        eventOf(`customer.${type}`, customer({ id: customers[of] }), { created: T + 60 })
      const answers = await listsAtOnce([
        [buys(0, 0), changes(1, 'updated')],
        [buys(1, 0), buys(0, 1)],
        [buys(1, 1), changes(0, 'updated')],
        [buys(0, 2), buys(1, 2)],
        [changes(0, 'deleted'), buys(1, 0)],
        [buys(1, 2), changes(0, 'updated')],
        [changes(1, 'deleted')],
        [buys(0, 1), buys(1, 0)],
      ])
      expect(answers).toEqual(['processed'])
    }
  })

  test('lists that share payments, of which each has an event whose fulfilment raises', async () => {
    await database.sql.unsafe(`
      create function public.refuse() returns trigger language plpgsql as $$
      begin
        if new.payload -> 'data' -> 'object' ->> 'description' = 'refuse' then raise exception 'refused'; end if;
        return null;
      end $$;
      create trigger _600_refuse after insert or update of processing_status on payments.webhook_events
        for each row when (new.processing_status = 'processed') execute function public.refuse();`)
    for (let round = 0; round < 40; round++) {
      const intents = Array.from({ length: 4 }, () => paymentIntent({ latest_charge: newId('ch') }))
      await ingestAll(
        database.sql,
        intents.map((pi) => eventOf('payment_intent.succeeded', pi)),
      )
      const refused = () => eventOf('customer.created', customer({ description: 'refuse' }))
      const refunds = intents.map((pi) =>
        eventOf('refund.created', refund({ amount: 10, charge: pi.latest_charge })),
      )
      const disputes = intents.map((pi) =>
        eventOf('charge.dispute.created', dispute({ payment_intent: pi.id })),
      )
      const answers = await listsAtOnce([
        [...refunds, refused()],
        [...disputes.toReversed(), refused()],
      ])
      expect(answers.sort()).toEqual(['processed', 'refused (P0001)'])
    }
    await database.sql`drop trigger _600_refuse on payments.webhook_events`
  })

  test('replays of the same events from several sides', async () => {
    for (let round = 0; round < 40; round++) {
      const shared = newId('cus')
      const begin = T + 5_000_000 + round * 10
      const objects = [1, 2, 3, 4].map((n) =>
        checkoutSession({ customer: shared, metadata: subjectMetadata('team', `r${round}-${n}`) }),
      )
      const events = objects.map((object, n) =>
        eventOf('checkout.session.completed', object, { created: begin + n }),
      )
      await ingestAll(database.sql, events)
      const replay = (i: number, from: number) =>
        pick(i).sql`
          select processing_status from payments.replay_webhook_events(
            'test', happened_from => to_timestamp(${begin + from}),
            happened_before => to_timestamp(${begin + 4}), include_processed => true)`
      const redeliver = async () => {
        const answers: Ingested[] = []
        for (const event of events.toReversed()) answers.push(await ingest(pick(3).sql, event))
        return answers
      }
      const done = await Promise.all([replay(0, 0), replay(1, 2), replay(2, 1), redeliver()])
      expect(done.map((rows) => rows.length)).toEqual([4, 2, 3, 4])
    }
  })
})
