/** What a fulfilment trigger is told of a purchase: the same by each of its events, in every order, and at a retry. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lifeCycles, runLifeCycle } from '../../../scripts/local-stripe/life-cycles.ts'
import {
  anonymous,
  asCaller,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../../setup/database.ts'
import { begin, ingest, ingestAll, type Sql, undone } from '../support/calls.ts'
import {
  charge,
  checkoutSession,
  dispute,
  eventOf,
  invoice,
  invoiceLine,
  type Json,
  newId,
  paymentIntent,
  price,
  refund,
  subscription,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await database.sql.unsafe(`
    create table public.seen (event_id text, purchase payments.purchase);
    create function public.tg_seen() returns trigger language plpgsql security definer
      set search_path = pg_catalog, pg_temp as $$
    begin
      insert into public.seen values (new.provider_event_id, payments.purchase_of(new));
      return null;
    end $$;
    create trigger _500_seen after insert or update of processing_status on payments.webhook_events
      for each row when (new.processing_status = 'processed') execute function public.tg_seen();`)
})
afterAll(() => database.close())

/** What the trigger was told with an event. */
async function told(sql: Sql, event: Json): Promise<Json | null> {
  const [row] = await sql<{ purchase: Json | null }[]>`
    select to_jsonb(s.purchase) as purchase from public.seen as s where s.event_id = ${event.id}`
  return row?.purchase?.id ? row.purchase : null
}

/** Ingests an event and returns what the trigger was told. */
async function tell(event: Json, sql: Sql = database.sql): Promise<Json | null> {
  expect((await ingest(sql, event)).status).toBe('processed')
  return told(sql, event)
}

/** Begins a checkout and returns its session at Stripe. */
async function bought(request: Parameters<typeof begin>[2], session: Json = {}): Promise<Json> {
  const begun = await asCaller(database.sql, service, (sql) =>
    begin(sql, user('u1'), { subject: { type: 'user', id: 'u1' }, ...request }),
  )
  return checkoutSession({
    client_reference_id: begun.session.id,
    metadata: begun.params.metadata,
    mode: request?.mode ?? 'payment',
    payment_intent: newId('pi'),
    ...session,
  })
}
const completed = (session: Json, second = T) =>
  eventOf('checkout.session.completed', session, { created: second })

describe('a one-time purchase', () => {
  test('says what was bought, by whom, for how much and that it is paid', async () => {
    await ingest(
      database.sql,
      eventOf('price.created', price({ id: 'price_tea', lookup_key: 'tea', product: 'prod_tea' })),
    )
    const session = await bought({
      lineItems: [{ priceId: 'price_tea', quantity: 2 }, { priceId: 'price_cup' }],
      metadata: { order_id: '7' },
    })
    expect(await tell(completed(session, T + 7))).toEqual({
      id: session.id,
      environment: 'test',
      kind: 'one_time',
      status: 'paid',
      is_paid: true,
      subject_type: 'user',
      subject_id: 'u1',
      caller_id: 'u1',
      customer_id: null,
      customer_email: 'ada@example.com',
      items: [
        { price_id: 'price_tea', product_id: 'prod_tea', lookup_key: 'tea', quantity: 2 },
        { price_id: 'price_cup', product_id: null, lookup_key: null, quantity: 1 },
      ],
      amount: 1000,
      amount_subtotal: 1000,
      amount_undone: 0,
      currency: 'usd',
      metadata: { order_id: '7' },
      checkout_session_id: session.id,
      invoice_id: null,
      payment_intent_id: session.payment_intent,
      subscription_id: null,
      paid_at: new Date((T + 7) * 1000).toISOString().replace('.000Z', '+00:00'),
      shipping: null,
    })
  })

  test('is nothing yet for a PaymentIntent whose checkout is not known', async () => {
    const session = await bought({})
    const intent = paymentIntent({ id: session.payment_intent })
    expect(await tell(eventOf('payment_intent.succeeded', intent, { created: T }))).toBeNull()
    expect(await tell(completed(session))).toMatchObject({ id: session.id, is_paid: true })
  })

  test('of a guest has no subject and no caller', async () => {
    const begun = await begin(database.sql, anonymous)
    const session = checkoutSession({
      client_reference_id: begun.session.id,
      metadata: begun.params.metadata,
    })
    expect(await tell(completed(session))).toMatchObject({
      subject_type: null,
      subject_id: null,
      caller_id: null,
    })
  })

  test('is pending until a bank debit arrives, and failed if it never does', async () => {
    const session = await bought({}, { payment_status: 'unpaid' })
    expect(await tell(completed(session))).toMatchObject({ status: 'pending', is_paid: false, paid_at: null })
    const failed = eventOf('checkout.session.async_payment_failed', session, { created: T + 9 })
    expect(await tell(failed)).toMatchObject({ id: session.id, status: 'failed', is_paid: false })
    const other = await bought({}, { payment_status: 'unpaid' })
    await ingest(database.sql, completed(other))
    const paid = { ...other, payment_status: 'paid' }
    const succeeded = eventOf('checkout.session.async_payment_succeeded', paid, { created: T + 9 })
    expect(await tell(succeeded)).toMatchObject({ id: other.id, status: 'paid' })
  })

  test('costs nothing with a discount of 100 %, and is paid', async () => {
    const session = await bought(
      {},
      { amount_total: 0, payment_intent: null, payment_status: 'no_payment_required' },
    )
    expect(await tell(completed(session))).toMatchObject({
      id: session.id,
      is_paid: true,
      amount: 0,
      amount_undone: 0,
    })
  })

  test('does not take reserved metadata, nor a row that another environment has', async () => {
    const session = await bought({ metadata: { order_id: '1' } })
    const told = await tell(
      completed({ ...session, metadata: { ...session.metadata, payments_x: '1', insforge_y: '2' } }),
    )
    expect(told?.metadata).toEqual({ order_id: '1' })
    const live = { ...session, id: newId('cs'), livemode: true, payment_intent: newId('pi') }
    await ingest(database.sql, eventOf('checkout.session.completed', live, { livemode: true }), 'live')
    const [row] = await database.sql`
      select (s.purchase).caller_id, (s.purchase).items from public.seen as s where (s.purchase).id = ${live.id}`
    expect(row).toEqual({ caller_id: null, items: [] })
  })

  test('is not a checkout that expired or only saves a card', async () => {
    const expired = checkoutSession({ status: 'expired', payment_status: 'unpaid' })
    expect(await tell(eventOf('checkout.session.expired', expired))).toBeNull()
    const setup = checkoutSession({ mode: 'setup', payment_status: 'no_payment_required' })
    expect(await tell(completed(setup))).toBeNull()
  })
})

test('a quantity that the buyer could change on the page is told by an invoice only', async () => {
  const session = await bought({
    lineItems: [{ priceId: 'price_tea', quantity: 10, adjustableQuantity: { minimum: 1, maximum: 10 } }],
  })
  expect(await tell(completed(session))).toMatchObject({ id: session.id, is_paid: true, items: [] })
  const line = { amount: 1000, quantity: 1, pricing: { price_details: { price: 'price_tea' } } }
  const [row] = await database.sql`
    select payments_private.purchased_items(
      'test', ${database.sql.json({ lines: { data: [line] } })}, line_items
    ) as items
    from payments.stripe_checkout_sessions
    where checkout_session_id = ${String(session.id)}`
  expect(row?.items).toMatchObject([{ price_id: 'price_tea', quantity: 1 }])
})

test('a price that the backend made up is an item without ids, so that nothing is given for it by mistake', async () => {
  const { sql } = database
  const data = { currency: 'usd', unitAmount: 700 }
  const begun = await asCaller(sql, service, (as) =>
    begin(
      as,
      { role: 'service' },
      {
        lineItems: [
          { priceId: 'price_tea', quantity: 1 },
          { priceData: { ...data, product: { name: 'Cup' } }, quantity: 2 },
          { priceData: { ...data, productId: 'prod_tea' } },
        ],
      },
    ),
  )
  const session = checkoutSession({ client_reference_id: begun.session.id, metadata: begun.params.metadata })
  const madeUp = { price_id: null, product_id: null, lookup_key: null }
  const price_data = { currency: 'usd', unit_amount: 700 }
  expect((await tell(completed(session)))?.items).toEqual([
    expect.objectContaining({ price_id: 'price_tea', quantity: 1 }),
    { ...madeUp, quantity: 2, price_data: { ...price_data, name: 'Cup', product_id: null } },
    { ...madeUp, quantity: 1, price_data: { ...price_data, name: null, product_id: 'prod_tea' } },
  ])
})

describe('what went back', () => {
  test('is told by the events of refunds and disputes, under the id of the purchase', async () => {
    const session = await bought({ lineItems: [{ priceId: 'price_tea', quantity: 3 }] })
    await ingest(database.sql, completed(session))
    const paid = charge({ payment_intent: session.payment_intent })
    const part = refund({ amount: 300, payment_intent: session.payment_intent, charge: paid.id })
    expect(await tell(eventOf('refund.created', part, { created: T + 5 }))).toMatchObject({
      id: session.id,
      status: 'paid',
      amount_undone: 300,
      items: [expect.objectContaining({ price_id: 'price_tea', quantity: 3 })],
    })
    const rest = refund({ amount: 700, payment_intent: session.payment_intent, charge: paid.id })
    expect(await tell(eventOf('refund.created', rest, { created: T + 6 }))).toMatchObject({
      id: session.id,
      status: 'refunded',
      is_paid: false,
      amount_undone: 1000,
    })
    const other = await bought({})
    await ingest(database.sql, completed(other))
    const lost = dispute({ payment_intent: other.payment_intent, amount: 1000, status: 'lost' })
    expect(await tell(eventOf('charge.dispute.closed', lost, { created: T + 9 }))).toMatchObject({
      id: other.id,
      status: 'charged_back',
      is_paid: false,
      amount_undone: 1000,
    })
  })

  test('before the checkout is known is told with the checkout', async () => {
    const session = await bought({})
    const all = refund({ payment_intent: session.payment_intent })
    expect(await tell(eventOf('refund.created', all, { created: T + 5 }))).toBeNull()
    expect(await tell(completed(session))).toMatchObject({
      status: 'refunded',
      is_paid: false,
      amount_undone: 1000,
    })
  })
})

describe('a subscription', () => {
  test('is one purchase by its checkout and its first invoice, and another one by each renewal', async () => {
    const first = invoice({
      subscription: 'sub_p1',
      billing_reason: 'subscription_create',
      lines: [invoiceLine({ quantity: 4 })],
    })
    const session = await bought(
      { mode: 'subscription', lineItems: [{ priceId: 'price_team', quantity: 4 }] },
      { invoice: first.id, subscription: 'sub_p1', payment_intent: null, customer: 'cus_team' },
    )
    const metadata = session.metadata
    await ingest(
      database.sql,
      eventOf(
        'customer.subscription.created',
        subscription({ id: 'sub_p1', customer: 'cus_team', metadata }),
      ),
    )
    const start = {
      id: first.id,
      kind: 'subscription_start',
      is_paid: true,
      subject_id: 'u1',
      caller_id: 'u1',
      subscription_id: 'sub_p1',
      items: [expect.objectContaining({ price_id: 'price_team', quantity: 4 })],
    }
    expect(await tell(completed(session))).toMatchObject(start)
    const withMetadata = {
      ...first,
      parent: { ...first.parent, subscription_details: { metadata, subscription: 'sub_p1' } },
    }
    expect(await tell(eventOf('invoice.paid', withMetadata))).toMatchObject(start)
    const renewal = invoice({
      subscription: 'sub_p1',
      subscription_metadata: metadata,
      billing_reason: 'subscription_cycle',
      lines: [invoiceLine({ amount: -100, quantity: 4 }), invoiceLine({ quantity: 5 })],
    })
    expect(await tell(eventOf('invoice.paid', renewal))).toMatchObject({
      id: renewal.id,
      kind: 'subscription_renewal',
      is_paid: true,
      subject_id: 'u1',
      items: [expect.objectContaining({ price_id: 'price_team', quantity: 5 })],
    })
  })

  test('whose renewal fails says so, and says paid once it is paid', async () => {
    const renewal = invoice({
      subscription: 'sub_p2',
      billing_reason: 'subscription_cycle',
      status: 'open',
      amount_paid: 0,
      status_transitions: { paid_at: null },
      next_payment_attempt: T + 99,
    })
    expect(await tell(eventOf('invoice.payment_failed', renewal))).toMatchObject({
      status: 'failed',
      is_paid: false,
    })
    const paid = { ...renewal, status: 'paid', amount_paid: 1000, status_transitions: { paid_at: T + 50 } }
    expect(await tell(eventOf('invoice.paid', paid, { created: T + 50 }))).toMatchObject({
      id: renewal.id,
      status: 'paid',
    })
  })
})

describe('what is shipped', () => {
  const address = {
    line1: 'Ring 1',
    line2: null,
    postal_code: '1010',
    city: 'Wien',
    state: null,
    country: 'AT',
  }
  const to = (name: string, line1 = 'Ring 1') => ({ name, address: { ...address, line1 } })
  const shipping_cost = {
    amount_subtotal: 412,
    amount_tax: 78,
    amount_total: 490,
    shipping_rate: { id: 'shr_post', object: 'shipping_rate' },
  }
  const expected = { amount_total: 490, shipping_rate: 'shr_post', name: 'Ada', phone: '+43 1', address }
  const customer_details = { email: 'ada@example.com', phone: '+43 1', address: null }

  test.each<[string, Json]>([
    ['as Stripe says it today', { collected_information: { shipping_details: to('Ada') } }],
    ['as before 2025', { shipping_details: { ...to('Ada'), carrier: null, phone: '+43 1' } }],
  ])('%s: to whom, where and for how much', async (_, more) => {
    const session = await bought({}, { customer_details, shipping_cost, ...more })
    expect(await tell(completed(session))).toMatchObject({ shipping: expected, amount: 1000 })
    const intent = paymentIntent({ id: session.payment_intent })
    expect(await tell(eventOf('payment_intent.succeeded', intent))).toMatchObject({ shipping: expected })
  })

  test('of a payment link is known, too, and what is not collected is null', async () => {
    const elsewhere = (more: Json) =>
      tell(completed(checkoutSession({ payment_intent: newId('pi'), customer_details, ...more })))
    expect(await elsewhere({ shipping_details: to('Ada') })).toMatchObject({
      shipping: { amount_total: null, shipping_rate: null, name: 'Ada', phone: '+43 1', address },
    })
    expect(await elsewhere({ shipping_cost })).toMatchObject({
      shipping: { ...expected, name: null, phone: '+43 1', address: null },
    })
    expect(await elsewhere({ shipping_cost: null, collected_information: null })).toMatchObject({
      shipping: null,
    })
  })

  test('by a renewal goes to where the customer lives by then, and costs what its invoice says', async () => {
    const collected = {
      collected_information: { shipping_details: to('Ada') },
      customer_details,
      shipping_cost,
    }
    const session = await bought(
      { mode: 'subscription', lineItems: [{ priceId: 'price_box' }] },
      { subscription: 'sub_box', payment_intent: null, customer: 'cus_box', ...collected },
    )
    const renewal = (more: Json) =>
      tell(
        eventOf(
          'invoice.paid',
          invoice({
            subscription: 'sub_box',
            subscription_metadata: session.metadata,
            billing_reason: 'subscription_cycle',
            ...more,
          }),
        ),
      )
    expect(await tell(completed(session))).toMatchObject({ kind: 'subscription_start', shipping: expected })
    const moved = { customer_shipping: to('Ada', 'Gasse 2'), customer_phone: '+43 2' }
    expect(await renewal({ ...moved, shipping_cost: { ...shipping_cost, amount_total: 500 } })).toMatchObject(
      {
        kind: 'subscription_renewal',
        shipping: { ...expected, amount_total: 500, phone: '+43 2', address: { line1: 'Gasse 2' } },
      },
    )
    expect(await renewal({ shipping_cost: null })).toMatchObject({
      shipping: { ...expected, amount_total: null, shipping_rate: null },
    })
  })

  test('loses name, phone and address with the buyer, and keeps what it cost', async () => {
    const session = await bought(
      { subject: { type: 'user', id: 'u1' } },
      {
        customer_details,
        shipping_cost,
        collected_information: { shipping_details: to('Ada', 'Erased Street') },
      },
    )
    const event = completed(session)
    expect(await tell(event)).toMatchObject({
      shipping: { name: 'Ada', address: { line1: 'Erased Street' } },
    })
    await undone(database.sql, async (sql) => {
      await sql`select payments.erase_subject('test', 'user', 'u1')`
      const [row] = await sql`
        select (payments.purchase_of(e)).shipping from payments.webhook_events as e
        where e.provider_event_id = ${event.id}`
      expect(row?.shipping).toEqual({ ...expected, name: null, phone: null, address: null })
      const late = await tell(
        eventOf('checkout.session.async_payment_succeeded', session, { created: T + 9 }),
        sql,
      )
      expect(late?.shipping).toEqual({ ...expected, name: null, phone: null, address: null })
      const [left] = await sql`
        select count(*)::integer as count from payments.stripe_checkout_sessions as s
        where to_jsonb(s)::text like '%Erased Street%'`
      expect(left?.count).toBe(0)
    })
  })
})

test('a retry is told the state of then, not of the event', async () => {
  const session = await bought({})
  const event = completed(session)
  await database.sql.unsafe(`
    create table public.broken (); create function public.tg_broken() returns trigger language plpgsql as
    $$ begin if to_regclass('public.broken') is not null then raise exception 'broken'; end if; return null; end $$;
    create trigger _510_broken after insert or update of processing_status on payments.webhook_events
      for each row when (new.processing_status = 'processed') execute function public.tg_broken();`)
  expect((await ingest(database.sql, event)).status).toBe('failed')
  await database.sql.unsafe('drop table public.broken')
  await ingest(
    database.sql,
    eventOf('refund.created', refund({ payment_intent: session.payment_intent }), { created: T + 3 }),
  )
  await ingest(database.sql, event)
  expect(await told(database.sql, event)).toMatchObject({
    id: session.id,
    status: 'refunded',
    is_paid: false,
  })
})

test('it is closed to app users', async () => {
  for (const claims of [anonymous, user('u1')])
    await expect(
      asCaller(database.sql, claims, (sql) => sql`select payments.purchase_of(null)`),
    ).rejects.toMatchObject({ code: '42501' })
})

/** Random but repeatable. */
function shuffled<Item>(items: Item[], seed: number): Item[] {
  let state = seed
  const next = () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state
  }
  return items
    .map((item) => [next(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item)
}

describe.each(lifeCycles.map(({ name }) => name))('when %s', (name) => {
  const cycle = lifeCycles.find((one) => one.name === name) as (typeof lifeCycles)[number]

  test('each payment has one id in every order of events, and every event ends with the same answer', async () => {
    const { events } = runLifeCycle(cycle)
    const ends: string[] = []
    for (const order of [events, events.toReversed(), shuffled(events, 1), shuffled(events, 2)]) {
      ends.push(
        await undone(database.sql, async (sql) => {
          await ingestAll(sql, order as Json[])
          const paid = await sql<{ ids: string[] }[]>`
            select array_agg(distinct (s.purchase).id) as ids
            from public.seen as s
            join payments.transactions as t
              on t.related_object_ids ->> 'invoice' = (s.purchase).id or t.related_object_ids ->> 'checkout_session' = (s.purchase).id
            where (s.purchase).is_paid and t.type <> 'refund'
            group by t.id`
          for (const { ids } of paid) expect(ids).toHaveLength(1)
          const answers = await sql`
            select distinct p.id, p.status, p.amount, p.amount_undone, p.currency, p.subject_id, p.shipping
            from payments.webhook_events as e, payments.purchase_of(e) as p
            where e.processing_status = 'processed' and p.id is not null
            order by 1, 2`
          expect(new Set(answers.map(({ id }) => id)).size).toBe(answers.length)
          return JSON.stringify(answers)
        }),
      )
    }
    expect(new Set(ends).size).toBe(1)
  })
})
