/**
 * The life cycles that the properties are tried on: those of local Stripe, and the ones here. These are about what is
 * hard for a listener: many changes within one second, several customers of one subject, payments that are not
 * settled yet.
 */

import { change } from '../../../scripts/local-stripe/core/engine.ts'
import {
  type LifeCycle,
  type LifeCycleOptions,
  lifeCycles as ofLocalStripe,
} from '../../../scripts/local-stripe/life-cycles.ts'
import { openDispute } from '../../../scripts/local-stripe/resources/disputes.ts'
import { settlePayment } from '../../../scripts/local-stripe/resources/payments.ts'
import { settleRefund } from '../../../scripts/local-stripe/resources/refunds.ts'
import { call } from '../../../scripts/local-stripe/routes.ts'

type World = Parameters<LifeCycle['run']>[0]

/** A life cycle, with what its account does on failed renewals. */
export type Told = LifeCycle & Pick<LifeCycleOptions, 'dunning'>

const day = 86_400
const month = 31 * day

/** Subject metadata, as a checkout that was begun here leaves it on everything it makes. */
export const subjectOf = (type: string, id: string) => ({
  payments_subject_type: type,
  payments_subject_id: id,
})

/** A request in the same second as the one before. */
const atOnce = (world: World, path: string, params: object) => call(world.engine, 'POST', path, params)

function bought(world: World, entry: Parameters<World['pay']>[1] = {}, more: object = {}): string {
  const session = world.session('payment', world.prices.once, more)
  world.pay(session, entry)
  return world.idOf(session, 'payment_intent')
}

function subscribed(world: World, entry: Parameters<World['pay']>[1] = {}, more: object = {}): string {
  const session = world.session('subscription', world.prices.monthly, more)
  world.pay(session, entry)
  return world.idOf(session, 'subscription')
}

/** Makes the next charges of a subscription fail, or work again. */
function payWith(world: World, subscription: string, method: string): void {
  const { customer } = world.engine.store.require('subscription', subscription)
  const saved = world.api('POST', `/v1/payment_methods/${method}/attach`, { customer })
  world.api('POST', `/v1/subscriptions/${subscription}`, { default_payment_method: saved.id })
}

const hardOnes: Told[] = [
  {
    name: 'a bank debit is still under way',
    run: (world) => void bought(world, { paymentMethod: 'pm_usBankAccount_success' }),
  },
  {
    name: 'a subscription by bank debit is still under way',
    run: (world) => void subscribed(world, { paymentMethod: 'pm_usBankAccount_success' }),
  },
  {
    name: 'a declined card, then a bank debit that is still under way',
    run: (world) => {
      const session = world.session('payment', world.prices.once)
      world.decline(session, { card: '4000000000000002' })
      world.pay(session, { paymentMethod: 'pm_usBankAccount_success' })
    },
  },
  {
    name: 'a declined card, then a bank debit that fails',
    run: (world) => {
      const session = world.session('payment', world.prices.once)
      world.decline(session, { card: '4000000000000002' })
      world.pay(session, { paymentMethod: 'pm_usBankAccount_accountClosed' })
      world.wait(3 * day)
      settlePayment(world.engine, world.idOf(session, 'payment_intent'))
    },
  },
  {
    name: 'an authorized payment waits to be captured',
    run: (world) => void bought(world, {}, { payment_intent_data: { capture_method: 'manual' } }),
  },
  {
    name: 'an authorized payment is canceled',
    run: (world) => {
      const intent = bought(world, {}, { payment_intent_data: { capture_method: 'manual' } })
      world.wait(day)
      world.api('POST', `/v1/payment_intents/${intent}/cancel`)
    },
  },
  {
    name: 'a payment intent of the app is declined, then paid',
    run: (world) => {
      const { id } = world.api('POST', '/v1/payment_intents', {
        amount: 900,
        currency: 'eur',
        metadata: subjectOf('team', '42'),
      })
      for (const method of ['pm_card_chargeDeclined', 'pm_card_visa']) {
        try {
          world.api('POST', `/v1/payment_intents/${id}/confirm`, { payment_method: method })
        } catch {
          world.wait(60)
        }
      }
    },
  },
  ...(['canceled', 'changed, then canceled', 'changed'] as const).map((what) => ({
    name: `a payment intent of the app is declined, then ${what}`,
    run: (world: World) => {
      const { id } = world.api('POST', '/v1/payment_intents', {
        amount: 900,
        currency: 'eur',
        metadata: subjectOf('team', '42'),
      })
      try {
        world.api('POST', `/v1/payment_intents/${id}/confirm`, { payment_method: 'pm_card_chargeDeclined' })
      } catch {
        world.wait(day)
      }
      if (what.startsWith('changed')) world.api('POST', `/v1/payment_intents/${id}`, { description: 'Tea' })
      world.wait(day)
      if (what.endsWith('canceled')) world.api('POST', `/v1/payment_intents/${id}/cancel`)
    },
  })),
  {
    name: 'a payment intent of the app is declined, then authorized, then canceled',
    run: (world) => {
      const { id } = world.api('POST', '/v1/payment_intents', {
        amount: 900,
        capture_method: 'manual',
        currency: 'eur',
      })
      for (const method of ['pm_card_chargeDeclined', 'pm_card_visa']) {
        try {
          world.api('POST', `/v1/payment_intents/${id}/confirm`, { payment_method: method })
        } catch {
          world.wait(60)
        }
      }
      world.wait(day)
      world.api('POST', `/v1/payment_intents/${id}/cancel`)
    },
  },
  {
    name: 'refunds are made before anybody looks, one fails and is made again',
    run: (world) => {
      const intent = bought(world)
      const { id } = world.api('POST', '/v1/refunds', { payment_intent: intent, amount: 600 })
      world.wait(day)
      settleRefund(world.engine, id, false)
      world.wait(day)
      world.api('POST', '/v1/refunds', { payment_intent: intent })
    },
  },
  {
    name: 'a payment is refunded in part and the rest disputed',
    run: (world) => {
      const intent = bought(world)
      const charge = world.engine.store.require('payment_intent', intent).latest_charge ?? ''
      world.api('POST', '/v1/refunds', { payment_intent: intent, amount: 500 })
      world.wait(3 * day)
      openDispute(world.engine, { charge, amount: 1000 })
    },
  },
  {
    name: 'a renewal is refunded in part',
    run: (world) => {
      subscribed(world)
      world.wait(month + 7200)
      const [renewal] = world.engine.store.list('payment_intent')
      world.api('POST', '/v1/refunds', { payment_intent: renewal?.id, amount: 700 })
    },
  },
  {
    name: 'one customer buys in dollars, euros and yen',
    run: (world) => {
      const session = world.session('payment', world.prices.once, { customer_creation: 'always' })
      world.pay(session)
      const customer = world.idOf(session, 'customer')
      const [{ product } = { product: '' }] = world.engine.store.list('price')
      const euro = world.api('POST', '/v1/prices', { product, currency: 'eur', unit_amount: 990 }).id
      world.pay(world.session('payment', euro, { customer }))
      world.pay(world.session('payment', world.prices.onceYen, { customer }))
    },
  },
  {
    name: 'two first checkouts of one subject are both paid',
    run: (world) => {
      const first = world.session('payment', world.prices.once, { customer_creation: 'always' })
      const second = world.session('subscription', world.prices.monthly)
      world.pay(second)
      world.pay(first)
    },
  },
  {
    name: 'a subject whose first customer is deleted goes on with its second',
    run: (world) => {
      const first = world.session('payment', world.prices.once, { customer_creation: 'always' })
      world.pay(first)
      world.pay(world.session('payment', world.prices.once, { customer_creation: 'always' }))
      world.api('DELETE', `/v1/customers/${world.idOf(first, 'customer')}`)
    },
  },
  {
    name: 'two subjects buy with one customer',
    run: (world) => {
      const first = world.session('payment', world.prices.once, { customer_creation: 'always' })
      world.pay(first)
      const metadata = subjectOf('team', '43')
      const more = { customer: world.idOf(first, 'customer'), metadata, payment_intent_data: { metadata } }
      world.pay(world.session('payment', world.prices.once, more))
    },
  },
  {
    name: 'a customer of a subject gets a subscription and an invoice that name no subject',
    run: (world) => {
      const data = { setup_future_usage: 'off_session' }
      const session = world.session('payment', world.prices.once, { payment_intent_data: data })
      world.pay(session)
      const customer = world.idOf(session, 'customer')
      const [saved] = world.engine.store.list('payment_method')
      world.api('POST', `/v1/customers/${customer}`, {
        invoice_settings: { default_payment_method: saved?.id },
      })
      world.api('POST', '/v1/subscriptions', { customer, items: [{ price: world.prices.monthly }] })
    },
  },
  {
    name: 'a cancellation is asked for and taken back within one second',
    run: (world) => {
      const subscription = subscribed(world)
      world.wait(day)
      for (const wanted of [true, false, true, false])
        atOnce(world, `/v1/subscriptions/${subscription}`, { cancel_at_period_end: wanted })
    },
  },
  {
    name: 'a subscription is changed three times and cancelled within one second',
    run: (world) => {
      const subscription = subscribed(world)
      world.wait(day)
      const path = `/v1/subscriptions/${subscription}`
      atOnce(world, path, { metadata: { seats: '1' } })
      atOnce(world, path, { cancel_at_period_end: true })
      atOnce(world, path, { metadata: { seats: '2' } })
      call(world.engine, 'DELETE', path)
    },
  },
  {
    name: 'a customer is renamed three times within one second',
    run: (world) => {
      const { id } = world.api('POST', '/v1/customers', { email: 'a@example.com', name: 'A' })
      for (const name of ['B', 'A', 'C']) atOnce(world, `/v1/customers/${id}`, { name })
    },
  },
  {
    name: 'a customer is made, changed and deleted within one second',
    run: (world) => {
      const { id } = call(world.engine, 'POST', '/v1/customers', { email: 'a@example.com' })
      atOnce(world, `/v1/customers/${id}`, { name: 'Ann' })
      call(world.engine, 'DELETE', `/v1/customers/${id}`)
    },
  },
  {
    name: 'a price is archived, brought back and gives its lookup key away within one second',
    run: (world) => {
      const path = `/v1/prices/${world.prices.pro}`
      atOnce(world, path, { lookup_key: 'pro' })
      atOnce(world, path, { active: false })
      atOnce(world, path, { active: true })
      atOnce(world, `/v1/prices/${world.prices.monthly}`, { lookup_key: 'pro', transfer_lookup_key: true })
    },
  },
  {
    name: 'three refunds within one second',
    run: (world) => {
      const intent = bought(world)
      world.wait(day)
      for (const amount of [500, 300, 200]) atOnce(world, '/v1/refunds', { payment_intent: intent, amount })
    },
  },
  {
    name: 'a trial ends and its payment fails until the subscription is unpaid',
    dunning: { retryDays: [3, 5], finally: 'unpaid' },
    run: (world) => {
      const subscription = subscribed(world, {}, { subscription_data: { trial_period_days: 14 } })
      payWith(world, subscription, 'pm_card_chargeCustomerFail')
      world.wait(25 * day)
    },
  },
  {
    name: 'a renewal fails and stays past due',
    dunning: { retryDays: [3], finally: 'past_due' },
    run: (world) => {
      const subscription = subscribed(world)
      payWith(world, subscription, 'pm_card_chargeCustomerFail')
      world.wait(month + 6 * day)
    },
  },
  {
    name: 'a downgrade gives credit that pays the next renewal',
    run: (world) => {
      const subscription = subscribed(world)
      const [item] = world.engine.store.require('subscription', subscription).items.data
      world.wait(2 * day)
      const path = `/v1/subscriptions/${subscription}`
      world.api('POST', path, { items: [{ id: item?.id, price: world.prices.yearly }] })
      world.wait(day)
      world.api('POST', path, { items: [{ id: item?.id, price: world.prices.monthly }] })
      world.wait(month + 2 * 3600)
    },
  },
  {
    // Local Stripe refuses `pending_if_incomplete`, so this writes what Stripe would.
    name: 'an update waits for its payment and is made, another one expires',
    run: (world) => {
      const subscription = world.engine.store.require('subscription', subscribed(world))
      const [item] = subscription.items.data
      if (!item) throw new Error('the subscription has no item')
      const [updated, ended] = ['customer.subscription.updated', 'customer.subscription.pending_update']
      const wait = (quantity: number) => {
        const items = [{ ...item, quantity }] as never
        const update = {
          billing_cycle_anchor: null,
          cancel_at_period_end: null,
          discount: null,
          discounts: null,
          expires_at: world.engine.now() + day,
          metadata: null,
          subscription_items: items,
          trial_end: null,
          trial_from_plan: null,
        }
        world.wait(day)
        change(world.engine, subscription, { pending_update: update }, updated)
      }
      wait(3)
      world.wait(3600)
      const items = { ...subscription.items, data: [{ ...item, quantity: 3 }] }
      change(world.engine, subscription, { items, pending_update: null }, updated, `${ended}_applied`)
      wait(9)
      world.wait(day)
      change(world.engine, subscription, { pending_update: null }, updated, `${ended}_expired`)
    },
  },
]

export const lifeCycles: Told[] = [...ofLocalStripe, ...hardOnes]

/** The life cycle with this name. */
export function lifeCycle(name: string): Told {
  const found = lifeCycles.find((cycle) => cycle.name === name)
  if (!found) throw new Error(`there is no life cycle "${name}"`)
  return found
}
