/** payments.assign_subject: whom customers and subscriptions belong to, whatever their metadata says. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { ingest, ingestAll, mappingOf, paymentRow, refusal, subscriptionRow } from '../support/calls.ts'
import {
  charge,
  customer,
  eventOf,
  invoice,
  type Json,
  newId,
  paymentIntent,
  refund,
  subjectMetadata,
  subscription,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

async function assign(
  what: { customer?: string; subscription?: string },
  [type, id]: [string, string],
  replace = false,
): Promise<Json> {
  const [row] = await database.sql`
    select payments.assign_subject('test', ${what.customer ?? null}, ${what.subscription ?? null}, ${type}, ${id},
      ${replace}) as result`
  return row?.result
}

const invoiceOwner = async (id: string) =>
  (await database.sql`select subject_id from payments.stripe_invoices where invoice_id = ${id}`)[0]
    ?.subject_id

/** A customer with a subscription, its paid invoice and a payment of its own; all name the subject, if any. */
async function buyer(metadata: Json, created = T) {
  const owner = customer()
  const plan = subscription({ created, customer: owner.id, metadata })
  const bill = invoice({
    created,
    customer: owner.id,
    subscription: plan.id,
    subscription_metadata: metadata,
  })
  const intent = paymentIntent({ created, customer: owner.id, metadata })
  await ingestAll(database.sql, [
    eventOf('customer.created', owner),
    eventOf('customer.subscription.created', plan),
    eventOf('invoice.paid', bill),
    eventOf('payment_intent.succeeded', intent),
  ])
  return { owner, plan, bill, intent }
}

async function ownersOf({ plan, bill, intent }: Awaited<ReturnType<typeof buyer>>) {
  return [
    (await subscriptionRow(database.sql, plan.id)).subject_id,
    (await paymentRow(database.sql, bill.id)).subject_id,
    (await paymentRow(database.sql, intent.id)).subject_id,
    await invoiceOwner(bill.id),
  ]
}

test('a customer of a payment link belongs to the subject that it is assigned to, with all that it bought', async () => {
  const bought = await buyer({})
  expect(await ownersOf(bought)).toEqual([null, null, null, null])
  expect(await assign({ customer: bought.owner.id }, ['team', 'link'])).toMatchObject({
    object_type: 'customer',
    object_id: bought.owner.id,
    subject_type: 'team',
    subject_id: 'link',
    subscriptions: 1,
    transactions: 2,
    invoices: 1,
  })
  expect(await ownersOf(bought)).toEqual(['link', 'link', 'link', 'link'])
  expect(await mappingOf(database.sql, 'team', 'link')).toBe(bought.owner.id)
})

test('what belongs to another subject is refused until the caller says replace, and then moves as a whole', async () => {
  const bought = await buyer(subjectMetadata('team', 'old'))
  expect(await refusal(assign({ customer: bought.owner.id }, ['team', 'new']))).toEqual({
    code: 'SP061',
    message: `The customer ${bought.owner.id} belongs to the team old already, wholly or in part.`,
    hint: 'To move it to the new subject, assign it again with replace (--replace).',
  })
  expect(await ownersOf(bought)).toEqual(['old', 'old', 'old', 'old'])
  await assign({ customer: bought.owner.id }, ['team', 'new'], true)
  expect(await ownersOf(bought)).toEqual(['new', 'new', 'new', 'new'])
  expect(await mappingOf(database.sql, 'team', 'new')).toBe(bought.owner.id)
  expect(await mappingOf(database.sql, 'team', 'old')).toBeUndefined()
})

test('later events whose metadata names the former subject do not bring it back, and renewals follow', async () => {
  const former = subjectMetadata('team', 'former')
  const bought = await buyer(former)
  await assign({ customer: bought.owner.id }, ['team', 'heir'], true)
  const renewal = invoice({
    customer: bought.owner.id,
    created: 4_000_000_000,
    subscription: bought.plan.id,
    subscription_metadata: former,
  })
  await ingestAll(database.sql, [
    eventOf(
      'customer.subscription.updated',
      { ...bought.plan, cancel_at_period_end: true },
      { created: T + 50 },
    ),
    eventOf('invoice.paid', renewal, { created: 4_000_000_000 }),
  ])
  expect(await ownersOf(bought)).toEqual(['heir', 'heir', 'heir', 'heir'])
  expect((await paymentRow(database.sql, renewal.id)).subject_id).toBe('heir')
  expect(await invoiceOwner(renewal.id)).toBe('heir')
})

test('what a customer buys later for a subject that it names belongs to that one', async () => {
  const bought = await buyer({})
  await assign({ customer: bought.owner.id }, ['team', 'first'])
  const later = paymentIntent({
    created: 4_000_000_000,
    customer: bought.owner.id,
    metadata: subjectMetadata('user', 'u1'),
  })
  await ingest(database.sql, eventOf('payment_intent.succeeded', later, { created: 4_000_000_000 }))
  expect((await paymentRow(database.sql, later.id)).subject_id).toBe('u1')
})

test('what is known of a customer moves with it, even if a clock ahead of ours has made it', async () => {
  const bought = await buyer(subjectMetadata('team', 'ahead'), 4_000_000_000)
  await assign({ customer: bought.owner.id }, ['team', 'behind'], true)
  expect(await ownersOf(bought)).toEqual(['behind', 'behind', 'behind', 'behind'])
  const table = ['stripe_subscriptions', 'stripe_invoices', 'transactions']
  for (const name of table)
    await database.sql`delete from payments.${database.sql(name)} where environment = 'test'`
  await database.sql`select payments.rebuild_projections('test')`
  expect(await ownersOf(bought)).toEqual(['behind', 'behind', 'behind', 'behind'])
})

test('a refund belongs to whom its payment was assigned to, whatever the metadata of the payment names', async () => {
  for (const charge of [null, newId('ch')]) {
    const bought = await buyer(subjectMetadata('team', 'buyer'))
    await assign({ customer: bought.owner.id }, ['team', 'assignee'], true)
    const back = refund({ payment_intent: bought.intent.id, charge, amount: 400 })
    await ingest(database.sql, eventOf('refund.created', back, { created: T + 60 }))
    const rows = await database.sql`
      select type, status, subject_id from payments.transactions
      where provider_object_id in (${back.id}, ${bought.intent.id}) order by type`
    expect(rows).toEqual([
      { type: 'one_time_payment', status: 'partially_refunded', subject_id: 'assignee' },
      { type: 'refund', status: 'succeeded', subject_id: 'assignee' },
    ])
  }
})

test('a later event of a payment whose subscription was assigned leaves it where it is, even if it names no subscription', async () => {
  const bought = await buyer(subjectMetadata('team', 'before'))
  await assign({ subscription: bought.plan.id }, ['team', 'after'], true)
  const paid = charge({ customer: bought.owner.id, invoice: bought.bill.id, amount_refunded: 400 })
  await ingest(database.sql, eventOf('charge.refunded', paid, { created: T + 70 }))
  expect(await paymentRow(database.sql, bought.bill.id)).toMatchObject({
    status: 'partially_refunded',
    subject_id: 'after',
  })
})

test('a subscription is assigned alone: its payments follow, and its customer stays where it is', async () => {
  const bought = await buyer(subjectMetadata('team', 'stays'))
  await assign({ subscription: bought.plan.id }, ['team', 'goes'], true)
  expect(await ownersOf(bought)).toEqual(['goes', 'goes', 'stays', 'goes'])
  expect(await mappingOf(database.sql, 'team', 'stays')).toBe(bought.owner.id)
})

test('assignments survive a rebuild, also one that begins with empty tables', async () => {
  const { sql } = database
  const state = () => sql`
    select (select jsonb_agg(jsonb_build_array(subscription_id, subject_id) order by subscription_id)
        from payments.stripe_subscriptions) as subscriptions,
      (select jsonb_agg(jsonb_build_array(provider_object_id, subject_id) order by provider_object_id)
        from payments.transactions) as transactions,
      (select jsonb_agg(jsonb_build_array(invoice_id, subject_id) order by invoice_id)
        from payments.stripe_invoices) as invoices,
      (select jsonb_agg(jsonb_build_array(provider_customer_id, subject_id) order by provider_customer_id)
        from payments.customer_mappings) as mappings`
  const before = await state()
  await sql`select payments.rebuild_projections('test')`
  expect(await state()).toEqual(before)
  for (const table of [
    'stripe_subscriptions',
    'stripe_invoices',
    'transactions',
    'customer_mappings',
    'customers',
  ])
    await sql`delete from payments.${sql(table)}`
  await sql`delete from payments_private.customer_owners`
  await sql`delete from payments_private.payment_objects`
  await sql`select payments.rebuild_projections('test')`
  expect(await state()).toEqual(before)
})

test('it can be repeated, and the last assignment counts', async () => {
  const bought = await buyer({})
  await assign({ customer: bought.owner.id }, ['team', 'a'])
  await assign({ customer: bought.owner.id }, ['team', 'a'])
  await assign({ subscription: bought.plan.id }, ['team', 'b'], true)
  expect(await ownersOf(bought)).toEqual(['b', 'b', 'a', 'b'])
  await assign({ customer: bought.owner.id }, ['team', 'c'], true)
  expect(await ownersOf(bought)).toEqual(['c', 'c', 'c', 'c'])
  expect(await mappingOf(database.sql, 'team', 'a')).toBeUndefined()
})

test('an unknown id and a bad subject are refused with a sentence', async () => {
  expect(await refusal(assign({ customer: 'cus_nobody' }, ['team', '1']))).toEqual({
    code: 'SP060',
    message: 'No customer cus_nobody is known in test.',
    hint: 'Check the id at Stripe. If the object is new, sync first (pg-payments stripe sync).',
  })
  expect((await refusal(assign({ subscription: newId('sub') }, ['team', '1']))).code).toBe('SP060')
  expect((await refusal(assign({}, ['team', '1']))).code).toBe('SP001')
  expect((await refusal(assign({ customer: 'cus_1' }, ['', '1']))).code).toBe('SP001')
})
