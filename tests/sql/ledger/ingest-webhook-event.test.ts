/** What becomes of an event: the answer, the row of the ledger, the projections, and what the app hangs on it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  anonymous,
  asCaller,
  type Claims,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../../setup/database.ts'
import {
  customerRow,
  eventRow,
  ingest,
  ingestAll,
  paymentRow,
  paymentRows,
  permutations,
  refusal,
  type Sql,
  stateOf,
  subscriptionRow,
  undone,
} from '../support/calls.ts'
import {
  charge,
  checkoutSession,
  customer,
  eventOf,
  type Json,
  newId,
  paymentIntent,
  subscription,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const ledgerSize = async () => {
  const [row] = await database.sql`select count(*)::integer as count from payments.webhook_events`
  return row?.count
}

describe('an event', () => {
  test('of a kind that is projected is processed, and kept as it came', async () => {
    const event = eventOf('customer.created', customer({ id: 'cus_kept' }), {
      id: 'evt_kept',
      created: T + 3,
    })
    const {
      status,
      event: answered,
      fetch,
    } = await asCaller(database.sql, service, (sql) => ingest(sql, event))
    expect({ status, fetch }).toEqual({ status: 'processed', fetch: [] })
    const row = await eventRow(database.sql, 'evt_kept')
    expect(row).toMatchObject({
      provider: 'stripe',
      environment: 'test',
      provider_event_id: 'evt_kept',
      event_type: 'customer.created',
      livemode: false,
      object_type: 'customer',
      object_id: 'cus_kept',
      processing_status: 'processed',
      attempt_count: 1,
      last_error: null,
      provider_account_id: null,
      provider_created_at: T + 3,
      next_attempt_at: null,
      payload: event,
    })
    expect(row.processed_at).toBeGreaterThanOrEqual(row.received_at)
    expect(answered).toMatchObject({
      id: row.id,
      provider_event_id: 'evt_kept',
      processing_status: 'processed',
    })
    expect(answered).not.toHaveProperty('payload')
  })

  test('of live mode is kept apart from one of test mode with the same id', async () => {
    const live = eventOf('customer.created', customer({ livemode: true, name: 'Live' }), { livemode: true })
    const test = eventOf('customer.created', customer({ id: live.data.object.id, name: 'Test' }), {
      id: live.id,
    })
    expect((await ingest(database.sql, live, 'live')).status).toBe('processed')
    expect((await ingest(database.sql, test)).status).toBe('processed')
    const rows = await database.sql`
      select environment, name from payments.customers where provider_customer_id = ${live.data.object.id}
      order by environment`
    expect(rows).toEqual([
      { environment: 'live', name: 'Live' },
      { environment: 'test', name: 'Test' },
    ])
  })

  test('that comes again is a duplicate, and changes nothing', async () => {
    const event = eventOf('customer.created', customer())
    await ingest(database.sql, event)
    const [state, row] = [await stateOf(database.sql), await eventRow(database.sql, event.id)]
    const again = await ingest(database.sql, event)
    expect(again).toMatchObject({ status: 'duplicate', event: { id: row.id, attempt_count: 1 }, fetch: [] })
    expect(await stateOf(database.sql)).toEqual(state)
    expect(await eventRow(database.sql, event.id)).toEqual(row)
  })

  test.each([
    'invoice.upcoming',
    'account.updated',
    'something.stripe.may.invent',
    'customer.subscription.pending_update_applied',
  ])('of the type %s is kept as ignored', async (type) => {
    const event = eventOf(type, { object: 'account', id: newId('acct') })
    expect(await ingest(database.sql, event)).toMatchObject({ status: 'ignored', fetch: [] })
    expect(await eventRow(database.sql, event.id)).toMatchObject({
      processing_status: 'ignored',
      attempt_count: 1,
      next_attempt_at: null,
      last_error: null,
    })
    expect((await ingest(database.sql, event)).status).toBe('duplicate')
  })

  test('about an object without an id is kept as ignored when nobody projects it', async () => {
    const event = eventOf('invoice.upcoming', { object: 'invoice' })
    expect((await ingest(database.sql, event)).status).toBe('ignored')
    expect((await eventRow(database.sql, event.id)).object_id).toBeNull()
  })

  test('that cannot be projected is kept as failed with the reason', async () => {
    const event = eventOf('customer.subscription.created', subscription({ customer: null }))
    const { status } = await ingest(database.sql, event)
    expect(status).toBe('failed')
    const row = await eventRow(database.sql, event.id)
    expect(row).toMatchObject({ processing_status: 'failed', processed_at: null, attempt_count: 1 })
    expect(row.last_error).toBe(
      'null value in column "customer_id" of relation "stripe_subscriptions" violates not-null constraint (23502). ' +
        `The subscription ${event.data.object.id} has no value for customer_id.`,
    )
    expect(row.next_attempt_at).toBeGreaterThan(row.received_at)
  })

  test('takes the service and nobody else', async () => {
    for (const caller of [user('u1'), anonymous] as Claims[]) {
      expect(
        await refusal(
          asCaller(database.sql, caller, (sql) => ingest(sql, eventOf('customer.created', customer()))),
        ),
      ).toEqual({ code: '42501', message: 'permission denied for function ingest_webhook_event' })
    }
  })
})

describe('nothing is written of', () => {
  const good = () => eventOf('customer.created', customer())
  const without = (...keys: string[]) => {
    const event = good()
    for (const key of keys) delete event[key]
    return event
  }

  test.each<[string, unknown]>([
    ['null', null],
    ['a list', []],
    ['a text', 'evt_1'],
    ['a number', 1],
    ['an empty object', {}],
    ['an object that is no event', customer()],
    ['an event without id', without('id')],
    ['an event with an empty id', { ...good(), id: '' }],
    ['an event without type', without('type')],
    ['an event without created', without('created')],
    ['an event whose created is a text', { ...good(), created: '2026-01-01' }],
    ['an event without livemode', without('livemode')],
    ['an event whose livemode is a text', { ...good(), livemode: 'false' }],
    ['an event without data', without('data')],
    ['an event without an object', { ...good(), data: {} }],
    ['an event whose object is an id', { ...good(), data: { object: 'cus_1' } }],
    ['an event whose object is a list', { ...good(), data: { object: [] } }],
    ['an event whose object is null', { ...good(), data: { object: null } }],
  ])('%s', async (_, body) => {
    const before = await ledgerSize()
    expect(await refusal(ingest(database.sql, body as Json))).toEqual({
      code: 'SP005',
      message: 'The body is not a Stripe event.',
      hint: 'Send the events of each mode from its Stripe webhook endpoint to the address of its environment.',
    })
    expect(await ledgerSize()).toBe(before)
  })

  test('an event of the other mode', async () => {
    const before = [await ledgerSize(), await stateOf(database.sql)]
    expect(await refusal(ingest(database.sql, { ...good(), livemode: true }))).toEqual({
      code: 'SP005',
      message: 'The event is from live mode, and this address takes events of environment test.',
      hint: 'Send the events of each mode from its Stripe webhook endpoint to the address of its environment.',
    })
    expect(await refusal(ingest(database.sql, good(), 'live'))).toMatchObject({
      code: 'SP005',
      message: 'The event is from test mode, and this address takes events of environment live.',
    })
    expect([await ledgerSize(), await stateOf(database.sql)]).toEqual(before)
  })

  test('an event for an environment that there is not', async () => {
    expect(await refusal(ingest(database.sql, good(), 'prod'))).toEqual({
      code: 'SP001',
      message: 'environment must be test or live.',
      hint: 'Use test or live.',
    })
  })
})

describe('an event of a connected account', () => {
  const connect = (sql: Sql) => sql`
    insert into payments.provider_connections (provider, environment, status, provider_account_id)
    values ('stripe', 'test', 'connected', 'acct_ours')`

  test('that is another than ours is kept as ignored and changes nothing', async () => {
    await undone(database.sql, async (sql) => {
      await connect(sql)
      const state = await stateOf(sql)
      const event = eventOf('customer.created', customer(), { account: 'acct_other' })
      expect((await ingest(sql, event)).status).toBe('ignored')
      expect(await eventRow(sql, event.id)).toMatchObject({
        processing_status: 'ignored',
        provider_account_id: 'acct_other',
      })
      expect(await stateOf(sql)).toEqual(state)
    })
  })

  test('is kept as ignored while nothing says which account is ours', async () => {
    await undone(database.sql, async (sql) => {
      const state = await stateOf(sql)
      const event = eventOf('customer.created', customer(), { account: 'acct_other' })
      expect((await ingest(sql, event)).status).toBe('ignored')
      expect(await stateOf(sql)).toEqual(state)
    })
  })

  test('that is ours is processed', async () => {
    await undone(database.sql, async (sql) => {
      await connect(sql)
      const event = eventOf('customer.created', customer(), { account: 'acct_ours' })
      expect((await ingest(sql, event)).status).toBe('processed')
    })
  })
})

describe('a fulfilment trigger', () => {
  /** What an app would write; `broken` makes it raise. */
  beforeEach(async () => {
    await database.sql.unsafe(`
      drop trigger if exists _500_fulfil on payments.webhook_events;
      drop table if exists public.fulfilled, public.broken;
      create table public.fulfilled (event_id text, event_type text, projected boolean);
      create table public.broken (sentence text);
      create or replace function public.fulfil() returns trigger language plpgsql as $$
      declare
        v_sentence text;
      begin
        insert into public.fulfilled
        select new.provider_event_id, new.event_type, exists (
          select from payments.customers c where c.provider_customer_id = new.object_id
        );
        select b.sentence into v_sentence from public.broken b;
        if found then
          raise exception '%', v_sentence;
        end if;
        return null;
      end $$;
      create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
        for each row when (new.processing_status = 'processed') execute function public.fulfil();`)
  })
  const breakIt = (sentence: string) => database.sql`insert into public.broken values (${sentence})`
  const mendIt = () => database.sql`delete from public.broken`
  const fulfilled = () => database.sql`select * from public.fulfilled`

  test('fires once for each event that is processed, and sees its projection', async () => {
    const event = eventOf('customer.created', customer())
    await ingest(database.sql, event)
    await ingest(database.sql, event)
    await ingest(database.sql, eventOf('invoice.upcoming', { object: 'invoice' }))
    expect(await fulfilled()).toEqual([
      { event_id: event.id, event_type: 'customer.created', projected: true },
    ])
  })

  test('that raises leaves the event failed with the error, the projection in place and nothing fulfilled', async () => {
    await breakIt('stock is empty')
    const event = eventOf('customer.created', customer({ name: 'There meanwhile' }))
    expect(await ingest(database.sql, event)).toMatchObject({
      status: 'failed',
      event: { processing_status: 'failed', last_error: 'stock is empty (P0001)' },
    })
    expect(await customerRow(database.sql, event.data.object.id)).toMatchObject({ name: 'There meanwhile' })
    expect(await fulfilled()).toEqual([])
    const row = await eventRow(database.sql, event.id)
    expect(row).toMatchObject({ attempt_count: 1, processed_at: null })
    expect(row.next_attempt_at - row.received_at).toBeGreaterThanOrEqual(15)
    expect(row.next_attempt_at - row.received_at).toBeLessThanOrEqual(45)
  })

  test('that raises again counts the attempts and waits longer, until only a person retries', async () => {
    await breakIt('stock is empty')
    const event = eventOf('customer.created', customer())
    for (let attempt = 1; attempt <= 12; attempt++) {
      expect((await ingest(database.sql, event)).status).toBe('failed')
      const [row] = await database.sql`
        select attempt_count, extract(epoch from next_attempt_at - updated_at)::float as seconds, next_attempt_at
        from payments.webhook_events where provider_event_id = ${event.id}`
      expect(row?.attempt_count).toBe(attempt)
      const base = Math.min(30 * 2 ** (attempt - 1), 6 * 3600)
      if (attempt === 12) expect(row?.next_attempt_at).toBeNull()
      else expect(row?.seconds >= base * 0.5 && row?.seconds <= base * 1.5).toBe(true)
    }
  })

  test('that was mended fulfils once, when the event is delivered again', async () => {
    await breakIt('stock is empty')
    const event = eventOf('customer.created', customer())
    await ingest(database.sql, event)
    await mendIt()
    expect((await ingest(database.sql, event)).status).toBe('processed')
    expect((await ingest(database.sql, event)).status).toBe('duplicate')
    expect(await fulfilled()).toHaveLength(1)
    expect(await eventRow(database.sql, event.id)).toMatchObject({
      processing_status: 'processed',
      attempt_count: 2,
      last_error: null,
      next_attempt_at: null,
    })
  })

  test('that raises for one event does not hold up another', async () => {
    await breakIt('stock is empty')
    const first = eventOf('customer.created', customer())
    await ingest(database.sql, first)
    await mendIt()
    expect((await ingest(database.sql, eventOf('customer.created', customer()))).status).toBe('processed')
    expect((await eventRow(database.sql, first.id)).processing_status).toBe('failed')
  })

  test('that raises does not let a redelivery undo what came later', async () => {
    const known = customer({ name: 'Old' })
    await breakIt('stock is empty')
    const event = eventOf('customer.created', known)
    await ingest(database.sql, event)
    await mendIt()
    await ingest(
      database.sql,
      eventOf('customer.updated', { ...known, name: 'New' }, { created: T + 60, previous: { name: 'Old' } }),
    )
    expect((await ingest(database.sql, event)).status).toBe('processed')
    expect((await customerRow(database.sql, known.id)).name).toBe('New')
  })

  test('that raises with a code of its own keeps it in the error', async () => {
    await database.sql.unsafe(`
      create or replace function public.fulfil() returns trigger language plpgsql as $$
      begin
        raise exception 'no seats left' using errcode = 'AP001', detail = 'hidden';
      end $$`)
    const { event } = await ingest(database.sql, eventOf('customer.created', customer()))
    expect(event.last_error).toBe('no seats left (AP001)')
  })

  test('that divides by zero or breaks a constraint is no different', async () => {
    await database.sql.unsafe(`
      create or replace function public.fulfil() returns trigger language plpgsql as $$
      begin
        perform 1 / 0;
        return null;
      end $$`)
    const { status, event } = await ingest(database.sql, eventOf('customer.created', customer()))
    expect([status, event.last_error]).toEqual(['failed', 'division by zero (22012)'])
  })

  test('without a condition, which looks at processing_status in its body, works as well', async () => {
    await database.sql.unsafe(`
      drop trigger _500_fulfil on payments.webhook_events;
      create or replace function public.fulfil() returns trigger language plpgsql as $$
      begin
        if new.processing_status <> 'processed' or new.event_type <> 'checkout.session.completed' then
          return new;
        end if;
        if tg_op = 'UPDATE' and old.processing_status = 'processed' then
          return new;
        end if;
        insert into public.fulfilled values (new.provider_event_id, new.event_type, true);
        if exists (select from public.broken) then
          raise exception 'still broken';
        end if;
        return new;
      end $$;
      create trigger fulfil after insert or update on payments.webhook_events
        for each row execute function public.fulfil();`)
    try {
      const event = eventOf('checkout.session.completed', checkoutSession())
      await breakIt('x')
      expect((await ingest(database.sql, event)).status).toBe('failed')
      expect(await fulfilled()).toEqual([])
      await mendIt()
      for (let i = 0; i < 3; i++) await ingest(database.sql, event)
      expect(await fulfilled()).toEqual([
        { event_id: event.id, event_type: 'checkout.session.completed', projected: true },
      ])
    } finally {
      await database.sql`drop trigger fulfil on payments.webhook_events`
    }
  })

  test('that writes to the tables of the app, in whatever order events come, has written once for each', async () => {
    const pi = paymentIntent()
    const events = [
      eventOf('payment_intent.succeeded', pi),
      eventOf('checkout.session.completed', checkoutSession({ payment_intent: pi.id })),
      eventOf('charge.refunded', charge({ payment_intent: pi.id, amount_refunded: 1000 }), {
        created: T + 9,
      }),
    ]
    for (const order of permutations(events)) {
      await undone(database.sql, async (sql) => {
        await ingestAll(sql, [...order, ...order])
        expect(await sql`select event_id from public.fulfilled`).toHaveLength(3)
        expect((await paymentRow(sql, pi.id)).status).toBe('refunded')
      })
    }
  })
})

describe('what happens together', () => {
  test('stays undone together when the transaction is rolled back', async () => {
    const event = eventOf('payment_intent.succeeded', paymentIntent())
    await undone(database.sql, (sql) => ingest(sql, event))
    expect(await paymentRows(database.sql, event.data.object.id)).toEqual([])
    expect((await ingest(database.sql, event)).status).toBe('processed')
  })

  test('several events in one transaction are as good as one by one', async () => {
    const sub = subscription({ status: 'incomplete' })
    const events = [
      eventOf('customer.subscription.created', sub),
      eventOf(
        'customer.subscription.updated',
        { ...sub, status: 'active' },
        { created: T + 1, previous: { status: 'incomplete' } },
      ),
    ]
    await database.sql.begin((sql) => ingestAll(sql, events))
    expect((await subscriptionRow(database.sql, sub.id)).status).toBe('active')
  })
})

describe('an event that no row can hold is kept as failed, with a sentence that names the field', () => {
  const item = { id: 'si_1', price: { id: 'price_1', product: 'prod_1' }, quantity: 1 }
  test.each<[string, string, Json, string]>([
    [
      'without an id',
      'customer.subscription.updated',
      subscription({ id: undefined }),
      'The object of the event has no id.',
    ],
    [
      'without a customer',
      'customer.subscription.updated',
      subscription({ id: 'sub_fault', customer: null }),
      'The subscription sub_fault has no value for customer_id.',
    ],
    [
      'of half a piece',
      'customer.subscription.updated',
      subscription({ id: 'sub_fault', items: [{ ...item, quantity: 1.5 }] }),
      'The subscription sub_fault has a number in quantity that is not whole or out of range.',
    ],
    [
      'with an item twice',
      'customer.subscription.updated',
      subscription({ id: 'sub_fault', items: [item, item] }),
      'The subscription sub_fault has two items with the same id.',
    ],
    [
      'with a list that is none',
      'customer.subscription.updated',
      { ...subscription({ id: 'sub_fault' }), items: { object: 'list', data: 'none' } },
      'The subscription sub_fault has a list or an object in another shape than Stripe sends.',
    ],
    [
      'of an amount beyond all amounts',
      'payment_intent.succeeded',
      paymentIntent({ id: 'pi_fault', amount: 2 ** 63, amount_received: 2 ** 63 }),
      'The payment_intent pi_fault has a number in amount that is not whole or out of range.',
    ],
  ])('%s', async (_, type, object, sentence) => {
    const { status, event } = await ingest(database.sql, eventOf(type, object))
    expect([status, event.last_error]).toEqual(['failed', expect.stringContaining(sentence)])
  })
})
