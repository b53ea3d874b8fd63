/** Which page of the Billing Portal a session opens, and about whose subscription it may be. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asCaller, createTestDatabase, service, type TestDatabase, user } from '../../setup/database.ts'
import { ingest, openPortal, refusal } from '../support/calls.ts'
import { eventOf, type Json, subjectMetadata, subscription, subscriptionItem, T } from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await subscribes('u1', 'sub_one')
  await subscribes('u2', 'sub_other')
  await subscribes('u3', 'sub_a')
  await subscribes('u3', 'sub_b')
  await subscribes('u4', 'sub_over', { status: 'canceled' })
})
afterAll(() => database.close())

const subscribes = (id: string, subscriptionId: string, more: Json = {}) =>
  ingest(
    database.sql,
    eventOf(
      'customer.subscription.created',
      subscription({
        id: subscriptionId,
        customer: `cus_${id}`,
        metadata: subjectMetadata('user', id),
        items: [subscriptionItem({ id: `si_${subscriptionId}` })],
        ...more,
      }),
      { created: T },
    ),
  )
const open = (id: string, options: Json) =>
  asCaller(database.sql, service, (sql) => openPortal(sql, user(id), { type: 'user', id }, { options }))

describe('a flow', () => {
  test.each<[string, Json, Json]>([
    ['updates the card', { type: 'payment_method_update' }, { type: 'payment_method_update' }],
    [
      'cancels the only subscription',
      { type: 'subscription_cancel' },
      { type: 'subscription_cancel', subscription_cancel: { subscription: 'sub_one' } },
    ],
    [
      'updates the subscription that is named',
      { type: 'subscription_update', subscription_id: 'sub_one' },
      { type: 'subscription_update', subscription_update: { subscription: 'sub_one' } },
    ],
    [
      'confirms another price for the only item',
      { type: 'subscription_update_confirm', items: [{ price_id: 'price_pro' }] },
      {
        type: 'subscription_update_confirm',
        subscription_update_confirm: {
          subscription: 'sub_one',
          items: [{ id: 'si_sub_one', price: 'price_pro', quantity: 1 }],
        },
      },
    ],
    [
      'ends where the app wants',
      {
        type: 'payment_method_update',
        after_completion: { type: 'redirect', return_url: 'https://shop.example/done' },
      },
      {
        type: 'payment_method_update',
        after_completion: { type: 'redirect', redirect: { return_url: 'https://shop.example/done' } },
      },
    ],
  ])('%s', async (_, flow, data) => {
    const { params } = await open('u1', { flow, locale: 'de' })
    expect(params).toEqual({ customer: 'cus_u1', locale: 'de', flow_data: data })
  })
})

test('another price leaves the seats of a team, unless the flow names a quantity', async () => {
  await subscribes('u6', 'sub_seats', { items: [subscriptionItem({ id: 'si_seats', quantity: 5 })] })
  for (const [asked, quantity] of [
    [{}, 5],
    [{ quantity: 7 }, 7],
  ] as const) {
    const items = [{ price_id: 'price_pro', ...asked }]
    const { params } = await open('u6', { flow: { type: 'subscription_update_confirm', items } })
    expect(params.flow_data).toMatchObject({
      subscription_update_confirm: { items: [{ id: 'si_seats', price: 'price_pro', quantity }] },
    })
  }
})

test('a flow opens the portal of the customer whose subscription it is about, if the subject has several customers', async () => {
  await subscribes('u5', 'sub_first', { customer: 'cus_first' })
  await subscribes('u5', 'sub_second', { customer: 'cus_second' })
  for (const [subscription_id, customer] of [
    ['sub_first', 'cus_first'],
    ['sub_second', 'cus_second'],
  ] as const) {
    const { params } = await open('u5', { flow: { type: 'subscription_cancel', subscription_id } })
    expect(params).toMatchObject({
      customer,
      flow_data: { subscription_cancel: { subscription: subscription_id } },
    })
  }
  expect(await refusal(open('u5', { flow: { type: 'subscription_cancel' } }))).toMatchObject({
    code: 'SP052',
  })
  expect((await open('u5', {})).params).toEqual({ customer: 'cus_first' })
  const stranger = { flow: { type: 'subscription_cancel', subscription_id: 'sub_second' } }
  expect(await refusal(open('u1', stranger))).toMatchObject({ code: 'SP051' })
})

describe('a flow that cannot be is refused before Stripe is called', () => {
  test.each<[string, string, Json, string, string]>([
    [
      'of somebody else',
      'u1',
      { flow: { type: 'subscription_cancel', subscription_id: 'sub_other' } },
      'SP051',
      'This billing subject has no such subscription that is still running.',
    ],
    [
      'of a subscription that is over',
      'u4',
      { flow: { type: 'subscription_cancel' } },
      'SP051',
      'This billing subject has no such subscription that is still running.',
    ],
    [
      'of one of several',
      'u3',
      { flow: { type: 'subscription_cancel' } },
      'SP052',
      'This billing subject has several subscriptions.',
    ],
    [
      'to a price that is not named',
      'u1',
      { flow: { type: 'subscription_update_confirm' } },
      'SP001',
      'flow.items is required when flow.type is subscription_update_confirm.',
    ],
    [
      'that nobody knows',
      'u1',
      { flow: { type: 'delete_everything' } },
      'SP001',
      'flow.type must be one of payment_method_update, subscription_cancel, subscription_update, subscription_update_confirm.',
    ],
    [
      'that runs in the browser',
      'u1',
      {
        flow: {
          type: 'payment_method_update',
          after_completion: { type: 'redirect', return_url: 'javascript:1' },
        },
      },
      'SP001',
      'flow.afterCompletion.returnUrl must be an absolute http or https URL.',
    ],
    [
      'with an unknown option',
      'u1',
      { colour: 'red' },
      'SP001',
      'options may have locale and flow, and nothing else.',
    ],
  ])('%s', async (_, id, options, code, message) => {
    expect(await refusal(open(id, options))).toMatchObject({ code, message })
  })
})
