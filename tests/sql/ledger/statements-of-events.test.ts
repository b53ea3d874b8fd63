/** How many statements an ordinary event runs inside of its call, counted by pg_stat_statements. */
import type postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BenchServer, connect, startServer } from '../../../scripts/bench/server.ts'
import { ingest } from '../support/calls.ts'
import {
  charge,
  checkoutSession,
  customer,
  eventOf,
  invoice,
  type Json,
  newId,
  paymentIntent,
  price,
  product,
  refund,
  subjectMetadata,
  subscription,
  subscriptionItem,
  T,
} from '../support/stripe.ts'

const STATEMENTS_MAX = 7

let server: BenchServer
let sql: postgres.Sql

beforeAll(async () => {
  server = await startServer({ profile: true })
  sql = connect(await server.createDatabase('statements'))
  await sql`create extension pg_stat_statements`
  await sql`set pg_stat_statements.track_utility = off`
}, 60_000)
afterAll(async () => {
  await sql?.end()
  await server?.stop()
})

/** The number of statements inside of the call that ingests the event. */
async function statementsOf(event: Json): Promise<number> {
  await sql`select pg_stat_statements_reset()`
  expect((await ingest(sql, event)).event.last_error).toBeNull()
  const [row] = await sql<{ calls: number }[]>`
    select coalesce(sum(calls), 0)::integer as calls from pg_stat_statements where not toplevel`
  return row?.calls ?? 0
}

const metadata = subjectMetadata('team', '42')
const anna = customer({ metadata })
const goods = product()
const items = [subscriptionItem()]
const plan = subscription({ customer: anna.id, items, metadata, status: 'incomplete' })
const bought = { pi: newId('pi'), ch: newId('ch'), cs: newId('cs') }
const bill = invoice({ customer: anna.id, subscription: plan.id, subscription_metadata: metadata })
const parts = { customer: anna.id, metadata }

/** A life in which each event is ordinary, with the state in which it finds its rows. */
const life: [title: string, event: Json][] = [
  ['a customer is created', eventOf('customer.created', anna)],
  ['a customer is updated', eventOf('customer.updated', { ...anna, name: 'Anna' }, { created: T + 1 })],
  ['a product is created', eventOf('product.created', goods)],
  ['a product is updated', eventOf('product.updated', { ...goods, name: 'Tea' }, { created: T + 1 })],
  ['a price is created', eventOf('price.created', price({ product: goods.id }))],
  ['a subscription is created', eventOf('customer.subscription.created', plan)],
  [
    'a subscription becomes active',
    eventOf('customer.subscription.updated', { ...plan, status: 'active' }, { created: T + 1 }),
  ],
  [
    'a subscription is changed',
    eventOf(
      'customer.subscription.updated',
      { ...plan, status: 'active', cancel_at_period_end: true },
      { created: T + 2 },
    ),
  ],
  ['an invoice is created', eventOf('invoice.created', { ...bill, status: 'draft' })],
  ['an invoice is finalized', eventOf('invoice.finalized', { ...bill, status: 'open' }, { created: T + 1 })],
  ['an open invoice is updated', eventOf('invoice.updated', { ...bill, status: 'open' }, { created: T + 2 })],
  ['an invoice is paid', eventOf('invoice.paid', bill, { created: T + 3 })],
  [
    'an invoice is paid that was not heard of',
    eventOf(
      'invoice.paid',
      invoice({ customer: anna.id, subscription: plan.id, subscription_metadata: metadata }),
    ),
  ],
  [
    'a charge succeeds before its PaymentIntent',
    eventOf('charge.succeeded', charge({ ...parts, id: bought.ch, payment_intent: bought.pi })),
  ],
  [
    'a PaymentIntent succeeds before its session is heard of',
    eventOf('payment_intent.succeeded', paymentIntent({ ...parts, id: bought.pi, latest_charge: bought.ch })),
  ],
  [
    'a session is completed whose PaymentIntent is known',
    eventOf(
      'checkout.session.completed',
      checkoutSession({ ...parts, id: bought.cs, payment_intent: bought.pi }),
    ),
  ],
  [
    'a charge succeeds whose payment is known',
    eventOf('charge.succeeded', charge({ ...parts, id: bought.ch, payment_intent: bought.pi }), {
      created: T + 2,
    }),
  ],
  [
    'a charge is refunded in part',
    eventOf(
      'charge.refunded',
      charge({ ...parts, id: bought.ch, payment_intent: bought.pi, amount_refunded: 400 }),
      { created: T + 3 },
    ),
  ],
  [
    'a refund is created',
    eventOf('refund.created', refund({ charge: bought.ch, payment_intent: bought.pi, amount: 400 }), {
      created: T + 3,
    }),
  ],
  [
    'a refund is created of a payment that was not heard of',
    eventOf('refund.created', refund({ charge: newId('ch'), payment_intent: newId('pi') })),
  ],
  [
    'a session is completed first, by a new customer with a new subject',
    eventOf(
      'checkout.session.completed',
      checkoutSession({
        customer: newId('cus'),
        metadata: subjectMetadata('user', 'new'),
        payment_intent: newId('pi'),
      }),
    ),
  ],
  ['an event is not projected', eventOf('charge.captured', charge())],
]

test(`an ordinary event of each kind runs at most ${STATEMENTS_MAX} statements`, async () => {
  const counts: Record<string, number> = {}
  for (const [title, event] of life) counts[title] = await statementsOf(event)
  expect(Object.entries(counts).filter(([, count]) => count > STATEMENTS_MAX || count === 0)).toEqual([])
}, 60_000)
