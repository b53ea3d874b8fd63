/** The transaction of an ordinary payment, derived the short way, is the one that the view derives. */
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { undone } from '../sql/support/calls.ts'
import { type Json, T } from '../sql/support/stripe.ts'
import { RUNS, SEED } from './support/runs.ts'

const runs = (RUNS ?? 4) * 100
const COLUMNS = [
  ...['id', 'environment', 'type', 'status', 'subject_type', 'subject_id', 'provider_customer_id'],
  ...[
    'customer_email_snapshot',
    'provider_object_type',
    'provider_object_id',
    'related_object_ids',
    'amount',
  ],
  ...[
    'amount_refunded',
    'currency',
    'description',
    'paid_at',
    'failed_at',
    'refunded_at',
    'provider_created_at',
  ],
  ...['disputed_at', 'dispute_amount', 'dispute_status', 'amount_disputed'],
]

const WRITTEN = [
  ...[
    'environment',
    'object_id',
    'object_type',
    'payment_id',
    'version',
    'state',
    'amount',
    'amount_refunded',
  ],
  ...['amount_released', 'currency', 'customer_id', 'customer_email', 'description', 'subscription_id'],
  ...['product_id', 'price_id', 'subject_type', 'subject_id', 'subject_version', 'provider_created_at'],
  ...['succeeded_at', 'failed_at', 'completed_at', 'refunded_at', 'failure_seen_at'],
]

const PAYMENT_ID = '00000000-0000-4000-8000-000000000001'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
  await database.sql`
    insert into payments_private.customer_owners (environment, customer_id, subject_type, subject_id, named_at, named_by)
    values ('test', 'cus_a', 'user', 'late', now(), 'b'), ('test', 'cus_a', 'user', 'early', '2020-01-01', 'a')`
  await database.sql`
    insert into payments.stripe_subscriptions (environment, subscription_id, customer_id, status, subject_type, subject_id)
    values ('test', 'sub_owned', 'cus_b', 'active', 'team', '7'), ('test', 'sub_free', 'cus_b', 'active', null, null)`
})
afterAll(() => database.close())

const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: null, freq: 3 })
const instant = optional(fc.nat({ max: 9 }).map((second) => new Date((T + second) * 1000).toISOString()))
const amount = fc.constantFrom(0, 300, 700, 1000)
/** Most are about what is ordinary; every other value occurs, too. */
const mostly = <Value>(usual: Value, ...others: Value[]) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) })

const TYPES = ['payment_intent', 'charge', 'invoice', 'checkout_session', 'refund']
const RARE = ['order_reference', 'invoice_payment', 'dispute']
const object = fc.record({
  object_type: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...TYPES) },
    { weight: 1, arbitrary: fc.constantFrom(...RARE) },
  ),
  version: fc.oneof(
    { weight: 1, arbitrary: fc.constant(0) },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 90 }) },
  ),
  state: mostly<string | null>('succeeded', 'pending', 'failed', null),
  amount: optional(amount),
  amount_refunded: optional(amount),
  amount_released: mostly<number | null>(0, 300, null),
  currency: optional(fc.constantFrom('usd', 'eur')),
  customer_id: optional(fc.constantFrom('cus_a', 'cus_b')),
  customer_email: optional(fc.constantFrom('a@example.com', 'b@example.com')),
  description: optional(fc.constantFrom('tea', 'cake')),
  subscription_id: optional(fc.constantFrom('sub_owned', 'sub_free', 'sub_unknown')),
  product_id: optional(fc.constantFrom('prod_a', 'prod_b')),
  price_id: optional(fc.constantFrom('price_a', 'price_b')),
  subject: optional(fc.constantFrom('1', '2')),
  provider_created_at: instant,
  succeeded_at: instant,
  failed_at: instant,
  completed_at: instant,
  refunded_at: instant,
  failure_seen_at: instant,
})
type PaymentObject = typeof object extends fc.Arbitrary<infer Value> ? Value : never

const SAID_BY_NO_REFUND = {
  ...{
    amount_refunded: null,
    amount_released: null,
    customer_id: null,
    customer_email: null,
    subject_type: null,
  },
  ...{ subject_id: null, subscription_id: null, product_id: null, price_id: null },
}

/** An object that is only linked to so far has no other column. */
const rowOf = ({ subject, ...rest }: PaymentObject, place: number): Json => ({
  environment: 'test',
  object_id: `o_${place}`,
  payment_id: PAYMENT_ID,
  ...(rest.version === 0 ? { object_type: rest.object_type, version: 0 } : rest),
  ...(subject && rest.version > 0 && { subject_type: 'user', subject_id: subject, subject_version: 1 }),
  ...(rest.object_type === 'refund' && rest.version % 10 !== 0 && SAID_BY_NO_REFUND),
})

test('whatever the objects of a payment are, its row is that of the view or the payment is not ordinary', async () => {
  let ordinary = 0
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(object, {
        minLength: 1,
        maxLength: 6,
        selector: (value) => (value.object_type === 'refund' ? JSON.stringify(value) : value.object_type),
      }),
      mostly<string | null>(null, 'cus_a', 'sub_owned'),
      (objects, assigned) =>
        undone(database.sql, async (sql) => {
          await sql`
            insert into payments_private.payment_objects (${sql([...WRITTEN])})
            select ${sql([...WRITTEN])} from jsonb_populate_recordset(
              null::payments_private.payment_objects, ${sql.json(objects.map(rowOf) as never)}
            )`
          await sql`
            insert into payments_private.charge_details (environment, charge_id, receipt_url, card_brand, card_last4, version)
            select environment, object_id, 'https://pay.stripe.com/receipts/1', 'visa', '4242', 1
            from payments_private.payment_objects where object_type = 'charge'`
          const [row] = await sql<{ short: Json | null; view: Json | null }[]>`
            select
              (select to_jsonb(payments_private.ordinary_transaction(array_agg(o)))
                from payments_private.payment_objects as o) as short,
              (select to_jsonb(d) from payments_private.derived_transactions as d) as view`
          await sql`
            insert into payments_private.subject_assignments (environment, object_type, object_id, subject_type, subject_id)
            select 'test', ${assigned?.startsWith('sub') ? 'subscription' : 'customer'}, ${assigned}::text, 'team', '9'
            where ${assigned}::text is not null`
          const [derived] = await sql`
            select
              to_jsonb(payments_private.derive_payments('test', array[${PAYMENT_ID}::uuid])) as rows,
              (select jsonb_agg(d) from payments_private.derived_transactions as d) as view`
          expect(derived?.rows).toEqual(derived?.view)
          if (!row?.short?.id) return
          ordinary += 1
          const shown = (from: Json | null) => Object.fromEntries(COLUMNS.map((name) => [name, from?.[name]]))
          expect(shown(row.short)).toEqual(shown(row.view))
        }),
    ),
    { seed: SEED, numRuns: runs },
  )
  expect(ordinary).toBeGreaterThan(runs / 10)
}, 120_000)
