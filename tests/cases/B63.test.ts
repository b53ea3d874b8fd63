/** An upgrade billed at once: its invoice begins with a credit for the price that was left. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { ingest, paymentRow } from '../sql/support/calls.ts'
import { eventOf, invoice, invoiceBeforeBasil, invoiceLine, type Json, newId } from '../sql/support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

type Line = { price: string; amount?: number; proration?: boolean; recurring?: boolean; metadata?: Json }

const today = ({ price, amount = 1000, proration = false, recurring = true, metadata = {} }: Line) =>
  invoiceLine({
    amount,
    metadata,
    parent: recurring
      ? {
          type: 'subscription_item_details',
          subscription_item_details: { proration, subscription: 'sub_1', subscription_item: 'si_1' },
        }
      : { type: 'invoice_item_details', invoice_item_details: { proration, invoice_item: 'ii_1' } },
    pricing: { price_details: { price: `price_${price}`, product: `prod_${price}` }, type: 'price_details' },
  })
const beforeBasil = ({ price, amount = 1000, proration = false, recurring = true, metadata = {} }: Line) => ({
  id: newId('il'),
  object: 'line_item',
  amount,
  metadata,
  proration,
  type: recurring && !proration ? 'subscription' : 'invoiceitem',
  subscription: 'sub_1',
  price: {
    id: `price_${price}`,
    object: 'price',
    product: `prod_${price}`,
    type: recurring ? 'recurring' : 'one_time',
  },
})

const credit = { price: 'basic', amount: -500, proration: true }
const charge = { price: 'pro', amount: 2000, proration: true }
const fee = { price: 'setup', amount: 9900, recurring: false }
const plan = { price: 'pro', amount: 2000 }

describe.each([
  ['today', today, invoice],
  ['before 2025-03-31.basil', beforeBasil, invoiceBeforeBasil],
])('in the shape of %s', (_, lineOf, invoiceOf) => {
  const boughtWith = async (lines: Line[], more: Json = { subscription: 'sub_1' }) => {
    const object = invoiceOf({ lines: lines.map(lineOf), ...more })
    await ingest(database.sql, eventOf('invoice.paid', object))
    const { related_object_ids: ids, subject_id } = await paymentRow(database.sql, object.id)
    return [ids.price, ids.product, subject_id]
  }

  test.each<[string, Line[], string | undefined]>([
    ['an upgrade is for the new price, not for the credit of the former one', [credit, charge], 'pro'],
    ['a renewal with credits is for the price that renews', [credit, charge, { price: 'max' }], 'max'],
    [
      'two changes in a row are for the price that stays',
      [credit, charge, { ...charge, amount: -1900 }, { price: 'max', amount: 3000, proration: true }],
      'max',
    ],
    ['more seats of one price are for that price', [{ ...charge, amount: -1000 }, charge], 'pro'],
    ['a one-time fee comes after the plan that it is for', [fee, plan], 'pro'],
    ['of several plans, the first counts', [plan, { price: 'addon' }], 'pro'],
    ['a trial is for its plan', [fee, { price: 'pro', amount: 0 }], 'pro'],
    ['credits alone are for nothing', [credit], undefined],
  ])('%s', async (_, lines, price) => {
    expect((await boughtWith(lines)).slice(0, 2)).toEqual(
      price === undefined ? [undefined, undefined] : [`price_${price}`, `prod_${price}`],
    )
  })

  test('an invoice without a subscription is for its first line that costs something', async () => {
    const lines = [{ ...fee, price: 'rebate', amount: -100 }, fee, { ...fee, price: 'other' }]
    expect((await boughtWith(lines, {})).slice(0, 2)).toEqual(['price_setup', 'prod_setup'])
  })

  test('the owner is the one that the bought line names, else the first line', async () => {
    const named = (id: string) => ({ payments_subject_type: 'team', payments_subject_id: id })
    expect(await boughtWith([fee, { ...plan, metadata: named('1') }])).toContain('1')
    expect(await boughtWith([{ ...fee, metadata: named('2') }, plan])).toContain('2')
  })
})
