/** payments.erase_subject: nothing personal is left, and nothing comes back. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asCaller, createTestDatabase, service, type TestDatabase, user } from '../../setup/database.ts'
import {
  begin,
  complete,
  fail,
  ingest,
  ingestAll,
  openPortal,
  paymentRow,
  projectObjects,
  refusal,
  sessionRow,
} from '../support/calls.ts'
import {
  at,
  charge,
  checkoutSession,
  customer,
  eventOf,
  invoice,
  type Json,
  newId,
  openSession,
  paymentIntent,
  refund,
  subjectMetadata,
  subscription,
  subscriptionItem,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const PERSONAL = [
  'grace@example.com',
  'Grace Hopper',
  'Street 1',
  '+1 555',
  'fp_secret',
  '4242',
  'receipts/grace',
]

/** Every row of every table that holds some of these words, as table names. */
async function tablesWith(words: string[]): Promise<string[]> {
  const { sql } = database
  const tables = await sql<{ name: string }[]>`
    select c.oid::regclass::text as name from pg_class as c
    where c.relkind = 'r' and c.relnamespace in ('payments'::regnamespace, 'payments_private'::regnamespace)`
  const found: string[] = []
  for (const { name } of tables) {
    const [row] = await sql.unsafe(
      `select count(*)::integer as count from ${name} as t
      where exists (select from unnest($1::text[]) as w (word) where to_jsonb(t)::text like '%' || w.word || '%')`,
      [words as never],
    )
    if ((row?.count ?? 0) > 0) found.push(name)
  }
  return found
}

const erase = async (type: string, id: string): Promise<Json> =>
  (await database.sql`select payments.erase_subject('test', ${type}, ${id}) as result`)[0]?.result

const details = {
  email: 'grace@example.com',
  name: 'Grace Hopper',
  phone: '+1 555',
  address: { line1: 'Street 1' },
}
const grace = customer({
  ...details,
  metadata: { ...subjectMetadata('user', 'grace'), note: 'Grace Hopper' },
})
const paying = charge({
  billing_details: details,
  customer: grace.id,
  payment_intent: newId('pi'),
  payment_method_details: { card: { brand: 'visa', fingerprint: 'fp_secret', last4: '4242' }, type: 'card' },
  receipt_email: 'grace@example.com',
  receipt_url: 'https://pay.stripe.com/receipts/grace',
})
const intent = paymentIntent({
  customer: grace.id,
  id: paying.payment_intent,
  latest_charge: paying.id,
  receipt_email: 'grace@example.com',
})
const session = checkoutSession({
  customer: grace.id,
  customer_details: details,
  collected_information: { shipping_details: { name: details.name, address: details.address } },
  metadata: subjectMetadata('user', 'grace'),
  payment_intent: intent.id,
})
const bill = invoice({
  customer: grace.id,
  customer_email: 'grace@example.com',
  customer_name: 'Grace Hopper',
  hosted_invoice_url: 'https://invoice.stripe.com/receipts/grace',
  number: 'G-1',
})
const ada = customer({ email: 'ada@example.org' })

test('it removes personal data from every table and payload, and keeps amounts, ids and other people', async () => {
  await ingestAll(database.sql, [
    eventOf('customer.created', grace),
    eventOf(
      'customer.updated',
      { ...grace, phone: null },
      { created: T + 1, previous: { name: 'Grace Hopper', phone: '+1 555' } },
    ),
    eventOf('charge.succeeded', paying),
    eventOf('payment_intent.succeeded', intent),
    eventOf('checkout.session.completed', session),
    eventOf('invoice.paid', bill),
    eventOf('customer.created', ada),
  ])
  expect(await tablesWith(PERSONAL)).toEqual(
    expect.arrayContaining(['payments.customers', 'payments.transactions', 'payments.webhook_events']),
  )
  expect(await erase('user', 'grace')).toMatchObject({ customers: 1, living_subscriptions: 0, events: 6 })
  expect(await tablesWith(PERSONAL)).toEqual([])
  expect(await tablesWith(['ada@example.org'])).toEqual(['payments.customers', 'payments.webhook_events'])
  expect(await paymentRow(database.sql, intent.id)).toMatchObject({
    status: 'succeeded',
    amount: 1000,
    currency: 'usd',
    subject_type: 'user',
    subject_id: 'grace',
    provider_customer_id: grace.id,
  })
})

test('a rebuild, late events, new events of the customer and answers of the API bring nothing back', async () => {
  const { sql } = database
  await sql`select payments.rebuild_projections('test')`
  expect(await tablesWith(PERSONAL)).toEqual([])
  const later = { created: T + 100 }
  const again = charge({ ...paying, id: newId('ch'), payment_intent: newId('pi') })
  await ingestAll(sql, [
    eventOf(
      'customer.updated',
      { ...grace, name: 'Grace Hopper' },
      { ...later, previous: { name: 'Grace' } },
    ),
    eventOf('charge.succeeded', again, later),
    eventOf(
      'payment_intent.succeeded',
      paymentIntent({ ...intent, id: again.payment_intent, latest_charge: again.id }),
      later,
    ),
    eventOf('charge.refunded', { ...paying, amount_refunded: 100 }, later),
    eventOf('refund.created', refund({ amount: 100, charge: paying.id, payment_intent: intent.id }), later),
    eventOf('invoice.updated', { ...bill, metadata: { a: 'b' } }, later),
    eventOf(
      'checkout.session.completed',
      { ...session, id: newId('cs'), payment_intent: newId('pi') },
      later,
    ),
    eventOf(
      'charge.dispute.created',
      {
        id: newId('dp'),
        object: 'dispute',
        amount: 1000,
        charge: paying.id,
        created: T,
        currency: 'usd',
        evidence: details,
        metadata: {},
        payment_intent: intent.id,
        status: 'needs_response',
      },
      later,
    ),
    eventOf(
      'customer.tax_id.created',
      {
        id: newId('txi'),
        object: 'tax_id',
        customer: grace.id,
        owner: { name: 'x' },
        email: 'grace@example.com',
      },
      later,
    ),
  ])
  await projectObjects(sql, [grace, paying, session, bill], T + 200)
  expect(await tablesWith(PERSONAL)).toEqual([])
  expect(await paymentRow(sql, intent.id)).toMatchObject({ amount: 1000, amount_refunded: 100 })
})

test('it can be repeated', async () => {
  expect(await erase('user', 'grace')).toMatchObject({ customers: 1, events: 0 })
})

test('it does not fulfil anything twice', async () => {
  const { sql } = database
  const bob = customer({ email: 'bob@example.com', metadata: {} })
  const buying = paymentIntent({
    customer: bob.id,
    metadata: subjectMetadata('user', 'bob'),
    receipt_email: 'bob@example.com',
  })
  await sql.unsafe(`
    create table public.fulfilled (event_id text);
    create function public.fulfil() returns trigger language plpgsql as $$
      begin insert into public.fulfilled values (new.provider_event_id); return new; end $$;
    create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
      for each row when (new.processing_status = 'processed') execute function public.fulfil()`)
  await ingest(sql, eventOf('payment_intent.succeeded', buying))
  await erase('user', 'bob')
  expect(await sql`select count(*)::integer as count from public.fulfilled`).toEqual([{ count: 1 }])
  expect(await tablesWith(['bob@example.com'])).toEqual([])
})

test('a subject of which nothing is known is refused with a sentence', async () => {
  expect(await refusal(erase('user', 'nobody'))).toEqual({
    code: 'SP063',
    message: 'Nothing of the user nobody is known in test.',
    hint: 'Check the type and the id of the billing subject, and the environment.',
  })
})

const mina = {
  email: 'mina@example.net',
  name: 'Mina Harker',
  phone: '+44 20',
  address: { line1: 'Whitby Lane' },
}
const MINA = [
  'mina@example.net',
  'Mina Harker',
  '+44 20',
  'Whitby',
  '9.8.7.6',
  'fp_mina',
  'mina_card',
  'GB999',
]

test('what came before a checkout reached Stripe, and errors that repeat a name, are removed as well', async () => {
  const { sql } = database
  const subject = { type: 'user', id: 'mina' }
  const refused = await asCaller(sql, service, (as) =>
    begin(as, user('mina'), {
      subject,
      customerEmail: mina.email,
      metadata: { email: mina.email, order: '7' },
    }),
  )
  await asCaller(sql, service, (as) => fail(as, refused, `Invalid email address: ${mina.email}`))
  const waiting = await asCaller(sql, service, (as) =>
    begin(as, user('mina'), { subject, customerEmail: mina.email, idempotencyKey: 'waiting' }),
  )
  expect(await tablesWith(MINA)).toEqual(['payments.stripe_checkout_sessions'])
  expect(await erase('user', 'mina')).toMatchObject({ customers: 0, objects: 0, open_checkouts: 1 })
  expect(await tablesWith(MINA)).toEqual([])
  expect(await sessionRow(sql, refused.session.id)).toMatchObject({
    customer_email: null,
    last_error: 'The error was removed with the personal data of its billing subject.',
    metadata: { order: '7' },
    status: 'failed',
  })

  const answer = openSession({ client_reference_id: waiting.session.id, customer_email: mina.email })
  await asCaller(sql, service, (as) => complete(as, waiting, { ...answer, customer_details: mina }, T))
  await asCaller(sql, service, (as) => fail(as, refused, `Invalid email address: ${mina.email}`))
  await ingest(
    sql,
    eventOf('checkout.session.completed', {
      ...checkoutSession({ id: answer.id, client_reference_id: waiting.session.id, customer_details: mina }),
    }),
  )
  expect(await tablesWith(MINA)).toEqual([])
})

/** Every way by which something of a person is written, each with all that Stripe may say there. */
const buyer = customer({ ...mina, metadata: subjectMetadata('team', 'm') })
const plan = subscription({
  customer: buyer.id,
  metadata: subjectMetadata('team', 'm'),
  items: [subscriptionItem()],
  cancellation_details: { comment: 'Mina Harker moves', feedback: null, reason: null },
})
const pm = {
  id: 'pm_mina',
  object: 'payment_method',
  billing_details: mina,
  card: { fingerprint: 'fp_mina' },
  customer: buyer.id,
}
const team = { type: 'team', id: 'm' }
const LATER: [type: string, object: Json, previous?: Json][] = [
  ['payment_method.attached', pm],
  ['payment_method.detached', { ...pm, customer: null }, { customer: buyer.id }],
  ['payment_method.detached', { ...pm, id: 'pm_newer', customer: null }, { customer: buyer.id }],
  ['mandate.updated', { id: 'mandate_1', object: 'mandate', payment_method: pm.id, ip_address: '9.8.7.6' }],
  [
    'setup_intent.succeeded',
    { id: 'seti_1', object: 'setup_intent', customer: buyer.id, payment_method: pm },
  ],
  [
    'customer.source.created',
    { id: 'card_m', object: 'card', customer: buyer.id, name: 'Mina Harker', last4: 'mina_card' },
  ],
  ['customer.tax_id.created', { id: 'txi_m', object: 'tax_id', customer: buyer.id, value: 'GB999' }],
  [
    'customer.updated',
    { ...buyer, description: 'Mina Harker' },
    { description: 'Whitby', email: 'old mina@example.net' },
  ],
  ['customer.subscription.updated', { ...plan, cancel_at_period_end: true }, { cancel_at_period_end: false }],
  [
    'customer.subscription.created',
    { ...plan, id: 'sub_newer', items: { ...plan.items, data: [subscriptionItem()] } },
  ],
  [
    'invoice.finalized',
    invoice({ customer: buyer.id, customer_email: mina.email, customer_address: mina.address }),
  ],
  ['invoice.paid', invoice({ customer: buyer.id, customer_name: mina.name, customer_shipping: mina })],
  [
    'invoiceitem.created',
    { id: 'ii_m', object: 'invoiceitem', customer: buyer.id, receipt_email: mina.email },
  ],
  ['charge.succeeded', charge({ customer: buyer.id, billing_details: mina, receipt_email: mina.email })],
  [
    'charge.refunded',
    charge({ customer: buyer.id, billing_details: mina, amount_refunded: 5, refunded: false }),
  ],
  [
    'payment_intent.payment_failed',
    paymentIntent({
      customer: buyer.id,
      last_payment_error: { payment_method: pm },
      status: 'requires_payment_method',
    }),
  ],
  [
    'payment_intent.succeeded',
    paymentIntent({ customer: buyer.id, receipt_email: mina.email, shipping: mina }),
  ],
  [
    'credit_note.created',
    {
      id: 'cn_m',
      object: 'credit_note',
      invoice: 'in_of_mina',
      customer: buyer.id,
      memo: 'For Mina Harker',
      status: 'issued',
    },
  ],
  [
    'checkout.session.completed',
    checkoutSession({ customer: buyer.id, customer_details: mina, shipping_details: mina }),
  ],
  [
    'checkout.session.expired',
    checkoutSession({ customer: buyer.id, customer_email: mina.email, status: 'expired' }),
  ],
  [
    'billing_portal.session.created',
    { id: 'bps_m', object: 'billing_portal.session', customer: buyer.id, email: mina.email },
  ],
]

test('no event that comes later brings anything back, alone, together or repeated', async () => {
  const { sql } = database
  await ingestAll(sql, [
    eventOf('customer.created', buyer),
    eventOf('customer.subscription.created', plan),
    eventOf('payment_method.attached', pm),
  ])
  expect(await erase('team', 'm')).toMatchObject({ customers: 1, living_subscriptions: 1 })
  expect(await tablesWith(MINA)).toEqual([])
  const event = ([type, object, previous]: (typeof LATER)[number]) =>
    eventOf(type, object, { created: T + 50, previous })
  const leaks: string[] = []
  for (const later of LATER) {
    const { status, event: row } = await ingest(sql, event(later))
    const tables = await tablesWith(MINA)
    if (!['processed', 'ignored'].includes(status)) leaks.push(`${later[0]}: ${status} ${row.last_error}`)
    if (tables.length > 0) leaks.push(`${later[0]}: ${tables}`)
    await sql`update payments.webhook_events set payload = '{}' where provider_event_id = ${row.provider_event_id}
      and ${tables.length > 0}`
  }
  expect(leaks).toEqual([])
  for (const events of [LATER.map(event), LATER.slice(0, 5).map(event)])
    await sql`select payments.ingest_webhook_events('test', ${sql.json(events)})`
  expect(await tablesWith(MINA)).toEqual([])
})

test('no answer of the API, no sync, no retry and no rebuild brings anything back', async () => {
  const { sql } = database
  const objects = LATER.map(([, object]) => object)
  await projectObjects(sql, objects, T + 60)
  expect(await tablesWith(MINA)).toEqual([])

  const [{ step }] = (await sql`select payments.begin_sync('test', '["customers"]') as step`) as unknown as [
    { step: Json },
  ]
  await sql`select payments.record_sync_page(
    ${step.run.id}, ${step.run.lease}, 'customers', ${sql.json([{ ...buyer, name: 'Mina Harker' }])}, ${at(T + 70)}, false)`
  expect(await tablesWith(MINA)).toEqual([])

  await sql`select payments.replay_webhook_events('test')`
  await sql`select payments.rebuild_projections('test')`
  expect(await tablesWith(MINA)).toEqual([])
})

test('no checkout and no portal session of an erased customer brings anything back', async () => {
  const { sql } = database
  await sql.unsafe(`
    create policy all_mine on payments.stripe_checkout_sessions for all to authenticated using (true) with check (true);
    create policy all_mine on payments.stripe_customer_portal_sessions for all to authenticated using (true) with check (true)`)
  const checkout = await asCaller(sql, service, (as) =>
    begin(as, user('m'), { subject: team, customerEmail: mina.email }),
  )
  expect(checkout.session).toMatchObject({ customer_id: buyer.id, customer_email: null })
  expect(checkout.params).not.toHaveProperty('customer_email')
  const answer = openSession({ client_reference_id: checkout.session.id, customer: buyer.id })
  await asCaller(sql, service, (as) =>
    complete(as, checkout, { ...answer, customer_email: mina.email, customer_details: mina }, T + 80),
  )
  expect(await tablesWith(MINA)).toEqual([])
  await ingest(
    sql,
    eventOf(
      'checkout.session.completed',
      checkoutSession({
        id: answer.id,
        client_reference_id: checkout.session.id,
        customer: buyer.id,
        customer_details: mina,
      }),
      { created: T + 90 },
    ),
  )
  expect(await tablesWith(MINA)).toEqual([])
  const refused = await asCaller(sql, service, (as) => begin(as, user('m'), { subject: team }))
  await asCaller(sql, service, (as) => fail(as, refused, `No such customer: Mina Harker`))
  const portals = [1, 2].map(() => asCaller(sql, service, (as) => openPortal(as, user('m'), team)))
  const [opened, closed] = (await Promise.all(portals)).map(({ session: { id } }) => id)
  const portal = { id: 'bps_x', object: 'billing_portal.session', customer: { ...buyer }, url: 'https://b' }
  await asCaller(
    sql,
    service,
    (as) => as`
    select payments.complete_customer_portal_session('test', ${opened}, ${as.json(portal)})`,
  )
  await asCaller(
    sql,
    service,
    (as) => as`
    select payments.fail_customer_portal_session('test', ${closed}, 'No such customer: Mina Harker')`,
  )
  expect(await tablesWith(MINA)).toEqual([])
})

test('what a user bought for nobody in particular is erased with the user, and not with a team of the same id', async () => {
  const { sql } = database
  const person = { email: 'ines@example.org', name: 'Ines Prado' }
  const here = ['ines@example.org', 'Ines Prado']
  const options = {
    custom_fields: [{ key: 'engraving', label: 'Engraving', type: 'text', default_value: 'Ines Prado' }],
  }
  const begun = await asCaller(sql, service, (as) =>
    begin(as, { role: 'authenticated', sub: '77' }, { options }),
  )
  const { session } = begun
  const stripeId = newId('cs')
  await complete(sql, begun, openSession({ id: stripeId, client_reference_id: session.id }), T)
  const guest = customer({ ...person, metadata: {} })
  const intent = paymentIntent({ customer: guest.id, receipt_email: person.email })
  await ingestAll(sql, [
    eventOf('customer.created', guest),
    eventOf('payment_intent.succeeded', intent),
    eventOf(
      'charge.succeeded',
      charge({
        payment_intent: intent.id,
        customer: guest.id,
        billing_details: person,
        receipt_email: person.email,
      }),
    ),
    eventOf(
      'checkout.session.completed',
      checkoutSession({
        id: stripeId,
        client_reference_id: session.id,
        mode: 'payment',
        customer: guest.id,
        payment_intent: intent.id,
        customer_details: person,
        metadata: { payments_checkout_session_id: session.id },
      }),
    ),
  ])
  expect(await refusal(erase('team', '77'))).toMatchObject({ code: 'SP063' })
  expect((await tablesWith(here)).length).toBeGreaterThan(3)
  expect(await erase('user', '77')).toMatchObject({ customers: 1, open_checkouts: 0 })
  expect(await tablesWith(here)).toEqual([])
  expect(await paymentRow(sql, intent.id)).toMatchObject({ status: 'succeeded', amount: 1000 })
  expect((await sessionRow(sql, session.id)).options).toEqual({
    custom_fields: [{ key: 'engraving', label: 'Engraving', type: 'text' }],
  })
})

test('the error of a trigger that names a person is removed from the ledger', async () => {
  const { sql } = database
  const eve = customer({ email: 'eve@example.com', metadata: subjectMetadata('user', 'eve') })
  await sql.unsafe(`
    create function public.complain() returns trigger language plpgsql as $$
      begin raise exception 'No account of %.', new.payload #>> '{data,object,email}'; end $$;
    create trigger _501_complain before insert or update of processing_status on payments.webhook_events
      for each row when (new.object_id = '${eve.id}' and new.processing_status = 'processed')
      execute function public.complain()`)
  await ingest(
    sql,
    eventOf('customer.subscription.created', subscription({ customer: eve.id, metadata: eve.metadata })),
  )
  const event = eventOf('customer.created', eve)
  expect((await ingest(sql, event)).event.last_error).toContain('eve@example.com')
  expect(await erase('user', 'eve')).toMatchObject({ events: 1 })
  expect(await tablesWith(['eve@example.com'])).toEqual([])
  expect((await ingest(sql, event)).event.last_error).toBe('No account of <NULL>. (P0001)')
  expect(await tablesWith(['eve@example.com'])).toEqual([])
})

test('free texts, metadata that names a person, items of subscriptions and errors of a sync are erased; what is sold stays', async () => {
  const { sql } = database
  const here = ['Zoe Quill', 'zoe@example.com', 'Zoe Lane']
  const owner = customer({ name: 'Zoe Quill' })
  const metadata = {
    ...subjectMetadata('user', 'zoe'),
    order: '7',
    fullName: 'Zoe Quill',
    contact_person: 'Zoe <zoe@example.com>',
    'Postal-Code': 'Zoe Lane',
  }
  const texts = { customer: owner.id, description: 'For Zoe Quill', metadata }
  const item = subscriptionItem({ metadata })
  const plan = subscription({ ...texts, items: [item] })
  const bill = invoice({ ...texts, footer: 'Zoe Quill' })
  const intent = paymentIntent(texts)
  const back = refund({ payment_intent: intent.id, description: 'For Zoe Quill', metadata })
  await ingestAll(sql, [
    eventOf('customer.created', owner),
    eventOf('customer.subscription.created', plan),
    eventOf('invoice.paid', bill),
    eventOf('payment_intent.succeeded', intent),
    eventOf('refund.created', back),
    eventOf('payment_method.attached', {
      id: 'pm_zoe',
      object: 'payment_method',
      customer: owner.id,
      card: { wallet: { masterpass: { name: 'Zoe Quill', billing_address: { line1: 'Zoe Lane' } } } },
    }),
  ])
  await sql.unsafe(`
    create function public.refuse() returns trigger language plpgsql as $$
      begin raise exception 'No account of %.', new.name; end $$;
    create trigger _500_refuse before update on payments.customers
      for each row when (new.provider_customer_id = '${owner.id}') execute function public.refuse()`)
  await sql`delete from payments.sync_runs`
  const [{ step }] = (await sql`select payments.begin_sync('test', '["customers"]') as step`) as unknown as [
    { step: Json },
  ]
  await sql`select payments.record_sync_page(
    ${step.run.id}, ${step.run.lease}, 'customers', ${sql.json([{ ...owner, phone: '1' }])}, ${at(T + 70)}, false)`
  await sql`drop function public.refuse() cascade`
  await sql`select payments.complete_sync(${step.run.id}, ${step.run.lease}, 10)`
  expect(await tablesWith(here)).toEqual(
    expect.arrayContaining([
      'payments.stripe_subscription_items',
      'payments.sync_runs',
      'payments.transactions',
    ]),
  )
  await erase('user', 'zoe')
  expect(await tablesWith(here)).toEqual([])
  const state = () => sql`
    select s.metadata, i.metadata as items, i.price_id, s.raw #> '{items,data,0,price}' as price, t.description, t.amount::int
    from payments.stripe_subscriptions as s
    join payments.stripe_subscription_items as i using (subscription_id, environment)
    join payments.transactions as t on t.provider_object_id = ${intent.id}
    where s.subscription_id = ${plan.id}`
  const before = await state()
  expect(before).toMatchObject([
    {
      metadata: { order: '7', ...subjectMetadata('user', 'zoe') },
      items: { order: '7', ...subjectMetadata('user', 'zoe') },
      price_id: item.price.id,
      price: item.price,
      description: null,
      amount: 1000,
    },
  ])
  await sql`select payments.rebuild_projections('test')`
  expect(await state()).toEqual(before)
  expect(await tablesWith(here)).toEqual([])
})

test('a customer of which payments of the subject alone are known is erased with it, and none that another subject pays with', async () => {
  const { sql } = database
  const [own, shared] = ['lin@example.com', 'both@example.com'].map((email) => customer({ email }))
  const paid = (who: Json, id: string) =>
    eventOf(
      'payment_intent.succeeded',
      paymentIntent({ customer: who.id, metadata: subjectMetadata('user', id) }),
    )
  await ingestAll(sql, [
    eventOf('customer.created', own as Json),
    eventOf('customer.created', shared as Json),
    paid(own as Json, 'lin'),
    paid(shared as Json, 'lin'),
    paid(shared as Json, 'kim'),
  ])
  expect(await erase('user', 'lin')).toMatchObject({ customers: 1, objects: 2 })
  expect(await tablesWith(['lin@example.com'])).toEqual([])
  expect(await tablesWith(['both@example.com'])).toEqual(['payments.customers', 'payments.webhook_events'])
})

test('what was paid for a subscription of the subject is erased with it, whoever it belongs to, as its events are', async () => {
  const { sql } = database
  const [buyer, payer] = [newId('cus'), newId('cus')]
  const sub = subscription({ customer: buyer, metadata: subjectMetadata('team', 'leaves') })
  const paid = invoice({
    customer: payer,
    customer_email: 'payer@example.com',
    hosted_invoice_url: 'https://invoice.stripe.com/i/payer',
    subscription: sub.id,
    metadata: subjectMetadata('team', 'stays'),
  })
  await ingest(sql, eventOf('customer.subscription.created', sub))
  await ingest(sql, eventOf('invoice.paid', paid, { created: T + 5 }))
  await sql`
    update payments.stripe_invoices set subject_type = 'team', subject_id = 'stays' where invoice_id = ${String(paid.id)}`
  await sql`
    update payments.transactions set subject_type = 'team', subject_id = 'stays'
    where related_object_ids ->> 'invoice' = ${String(paid.id)}`
  await erase('team', 'leaves')
  const shown = async () => ({
    invoice: (
      await sql`
      select hosted_invoice_url, status from payments.stripe_invoices where invoice_id = ${String(paid.id)}`
    )[0],
    payment: await paymentRow(sql, String(paid.id)).then(({ customer_email_snapshot, amount }) => ({
      customer_email_snapshot,
      amount,
    })),
  })
  expect(await shown()).toEqual({
    invoice: { hosted_invoice_url: null, status: 'paid' },
    payment: { customer_email_snapshot: null, amount: expect.anything() },
  })
  expect(await tablesWith(['payer@example.com', 'stripe.com/i/payer'])).toEqual([])
})
