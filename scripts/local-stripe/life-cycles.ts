/**
 * Life cycles for property tests: what customers, banks and time do to a payment, from the first session to the end.
 * Running one returns every event that Stripe would send, and what the API would return at the end.
 */
import type { Engine, EngineOptions } from './core/engine.ts'
import { StripeFailure } from './core/errors.ts'
import type { EventRecord } from './core/event-log.ts'
import type { Method } from './core/route.ts'
import { DAY_SECONDS, HOUR_SECONDS } from './core/time.ts'
import type { Json, StripeEvent } from './core/types.ts'
import { createEngine } from './create-engine.ts'
import { type PaymentEntry, payEntered } from './pages/checkout.ts'
import { expireSession } from './resources/checkout.ts'
import { recoverSession } from './resources/checkout-sessions.ts'
import { closeDispute, openDispute } from './resources/disputes.ts'
import { settlePayment } from './resources/payments.ts'
import { portalCancel, portalChangePlan, portalRenew } from './resources/portal.ts'
import { settleRefund } from './resources/refunds.ts'
import { call } from './routes.ts'

export interface LifeCycleOptions
  extends Pick<EngineOptions, 'seed' | 'apiVersions' | 'dunning' | 'livemode' | 'accountId'> {
  /** Metadata of the sessions and of their payments and subscriptions, for example the id of the buyer. */
  metadata?: Record<string, string>
  /** `client_reference_id` of the sessions. */
  clientReferenceId?: string
  /** Called at each event, while the objects are in the state that it shows. */
  onEvent?: (record: EventRecord, engine: Engine) => void
  /**
   * Called after each step, within the same second and after all of its events: the moment for an API snapshot by
   * `engine.endState()`.
   */
  onStep?: (engine: Engine) => void
  /** Begin of the life cycle in seconds since 1970. */
  start?: number
}

export interface LifeCycleLog {
  name: string
  /** Every event in the order in which it happened, in the pinned version. */
  events: StripeEvent[]
  /** What the API would return now for every object, by id. */
  endState: Record<string, Json>
  /** For renderings in other versions: `engine.render(record, version)` of `engine.events`. */
  engine: Engine
}

export interface LifeCycle {
  /** A sentence that says what happens. */
  name: string
  run: (world: World) => void
}

/** The means with which a life cycle is written. */
interface World {
  engine: Engine
  /** Runs one step of the life cycle. The next one is a second later. */
  step<T>(work: (engine: Engine) => T): T
  prices: { once: string; onceYen: string; monthly: string; pro: string; yearly: string }
  api(method: Method, path: string, params?: object): Json & { id: string }
  /** Opens a session for one of the prices. */
  session(mode: 'payment' | 'subscription' | 'setup', price: string | null, more?: object): string
  pay(session: string, entry?: PaymentEntry): void
  /** Pays with a method that must be declined. */
  decline(session: string, entry: PaymentEntry): void
  /** The id in a field of the session, or an empty string. */
  idOf(session: string, field: 'payment_intent' | 'subscription' | 'customer' | 'invoice'): string
  wait(seconds: number): void
  portal(customer: string): string
}

const DECLINED_CARD = '4000000000000002'
const FAILING_METHOD = 'pm_card_chargeCustomerFail'

/** Runs a life cycle on a fresh engine. The same options give the same log. */
export function runLifeCycle(cycle: LifeCycle, options: LifeCycleOptions = {}): LifeCycleLog {
  const {
    metadata = {},
    clientReferenceId,
    onEvent,
    onStep,
    start = 1_767_225_600,
    seed = 1,
    ...rest
  } = options
  const engine = createEngine({ ...rest, seed, now: () => new Date(start * 1000) })
  if (onEvent) engine.onEvent((record) => onEvent(record, engine))
  cycle.run(createWorld(engine, metadata, clientReferenceId, onStep))
  return {
    name: cycle.name,
    events: engine.events.map((record) => structuredClone(record.event)),
    endState: engine.endState(),
    engine,
  }
}

function createWorld(
  engine: Engine,
  metadata: Record<string, string>,
  reference: string | undefined,
  onStep: ((engine: Engine) => void) | undefined,
): World {
  const step: World['step'] = (work) => {
    try {
      return work(engine)
    } finally {
      onStep?.(engine)
      engine.advance(1)
    }
  }
  const api: World['api'] = (method, path, params = {}) =>
    step(() => call(engine, method, path, params)) as Json & { id: string }
  const product = api('POST', '/v1/products', { name: 'Plan' }).id
  const price = (amount: number, currency: string, interval?: string): string => {
    const recurring = interval ? { recurring: { interval } } : {}
    return api('POST', '/v1/prices', { product, currency, unit_amount: amount, ...recurring }).id
  }
  const world: World = {
    engine,
    step,
    api,
    prices: {
      once: price(1500, 'usd'),
      onceYen: price(1200, 'jpy'),
      monthly: price(2000, 'usd', 'month'),
      pro: price(5000, 'usd', 'month'),
      yearly: price(20_000, 'usd', 'year'),
    },
    session(mode, id, more = {}) {
      const data =
        mode === 'payment'
          ? { payment_intent_data: { metadata } }
          : mode === 'setup'
            ? { setup_intent_data: { metadata } }
            : { subscription_data: { metadata } }
      const session = api('POST', '/v1/checkout/sessions', {
        mode,
        ...(id === null ? {} : { line_items: [{ price: id, quantity: 1 }] }),
        success_url: 'https://shop.example/thanks',
        metadata,
        ...(reference === undefined ? {} : { client_reference_id: reference }),
        ...data,
        ...more,
      })
      return session.id
    },
    pay(session, entry = {}) {
      step(() => payEntered(engine, session, { email: 'buyer@example.com', ...entry }))
    },
    decline(session, entry) {
      try {
        world.pay(session, entry)
      } catch (error) {
        if (!(error instanceof StripeFailure)) throw error
        return
      }
      throw new Error('the payment was to be declined')
    },
    idOf: (session, field) => engine.store.require('checkout.session', session)[field] ?? '',
    wait: (seconds) => step(() => engine.advance(seconds)),
    portal: (customer) => api('POST', '/v1/billing_portal/sessions', { customer }).id,
  }
  return world
}

/** Buys once and returns the id of the payment intent. */
function buyOnce(world: World, entry: PaymentEntry = {}, more: object = {}): string {
  const session = world.session('payment', world.prices.once, more)
  world.pay(session, entry)
  return world.idOf(session, 'payment_intent')
}

/** Subscribes and returns the id of the subscription. */
function subscribe(world: World, entry: PaymentEntry = {}, more: object = {}): string {
  const session = world.session('subscription', world.prices.monthly, more)
  world.pay(session, entry)
  return world.idOf(session, 'subscription')
}

function customerOf(world: World, subscription: string): string {
  return world.engine.store.require('subscription', subscription).customer
}

/** Makes a customer with a balance (minor units, a credit is negative) and a saved card. */
function createCustomer(world: World, { balance = 0, method = 'pm_card_visa' }): string {
  const customer = world.api('POST', '/v1/customers', {
    email: 'owner@example.com',
    balance,
    payment_method: method,
  }).id
  const [saved] = world.engine.store.list('payment_method')
  world.api('POST', `/v1/customers/${customer}`, { invoice_settings: { default_payment_method: saved?.id } })
  return customer
}

function createInvoice(world: World, customer: string, amount = 1000): string {
  const invoice = world.api('POST', '/v1/invoices', { customer, currency: 'usd' }).id
  world.api('POST', '/v1/invoiceitems', { customer, invoice, amount, currency: 'usd', description: 'Work' })
  world.api('POST', `/v1/invoices/${invoice}/finalize`)
  return invoice
}

/** Saves another payment method for the subscription, for example one that fails when it is charged. */
function setPaymentMethod(world: World, subscription: string, method: string): void {
  const saved = world.api('POST', `/v1/payment_methods/${method}/attach`, {
    customer: customerOf(world, subscription),
  })
  world.api('POST', `/v1/subscriptions/${subscription}`, { default_payment_method: saved.id })
}

/** Lets a subscription change to another price after the current period, and returns the id of the schedule. */
function schedulePlan(world: World, subscription: string, price: string): string {
  const { id } = world.api('POST', '/v1/subscription_schedules', { from_subscription: subscription })
  const [first] = world.engine.store.require('subscription_schedule', id).phases
  const [item] = world.engine.store.require('subscription', subscription).items.data
  world.api('POST', `/v1/subscription_schedules/${id}`, {
    phases: [
      {
        items: [{ price: item?.price.id, quantity: 1 }],
        start_date: first?.start_date,
        end_date: first?.end_date,
      },
      { items: [{ price, quantity: 1 }] },
    ],
  })
  return id
}

const MONTH_SECONDS = 31 * DAY_SECONDS

export const lifeCycles: LifeCycle[] = [
  // ---- one-time payments
  { name: 'a guest buys once', run: (world) => void buyOnce(world) },
  {
    name: 'a customer is made for a purchase',
    run: (world) => void buyOnce(world, {}, { customer_creation: 'always' }),
  },
  {
    name: 'a declined card, then one that pays',
    run: (world) => {
      const session = world.session('payment', world.prices.once)
      world.decline(session, { card: DECLINED_CARD })
      world.pay(session)
    },
  },
  {
    name: 'a session that nobody pays expires',
    run: (world) => {
      world.session('payment', world.prices.once)
      world.wait(DAY_SECONDS + HOUR_SECONDS)
    },
  },
  {
    name: 'an expired session, paid by its link',
    run: (world) => {
      const recovery = { after_expiration: { recovery: { enabled: true } } }
      const expired = world.session('payment', world.prices.once, recovery)
      world.wait(DAY_SECONDS + HOUR_SECONDS)
      const copy = () => world.step((engine) => recoverSession(engine, expired)?.id ?? '')
      const lapses = copy()
      world.pay(copy())
      world.step((engine) => expireSession(engine, engine.store.require('checkout.session', lapses)))
    },
  },
  {
    name: 'a declined card, then the session expires',
    run: (world) => {
      world.decline(world.session('payment', world.prices.once), { card: DECLINED_CARD })
      world.wait(DAY_SECONDS + HOUR_SECONDS)
    },
  },
  {
    name: 'a bank debit that settles days later',
    run: (world) => {
      const intent = buyOnce(world, { paymentMethod: 'pm_usBankAccount_success' })
      world.wait(4 * DAY_SECONDS)
      world.step((engine) => settlePayment(engine, intent))
    },
  },
  {
    name: 'a bank debit that fails days later',
    run: (world) => {
      const intent = buyOnce(world, { paymentMethod: 'pm_sepaDebit_failed' })
      world.wait(4 * DAY_SECONDS)
      world.step((engine) => settlePayment(engine, intent))
    },
  },
  {
    name: 'a purchase in a currency without decimals, refunded in part',
    run: (world) => {
      const session = world.session('payment', world.prices.onceYen)
      world.pay(session)
      world.api('POST', '/v1/refunds', { payment_intent: world.idOf(session, 'payment_intent'), amount: 200 })
    },
  },
  {
    name: 'a purchase with a discount of 100 percent',
    run: (world) => {
      const coupon = world.api('POST', '/v1/coupons', { percent_off: 100 }).id
      world.pay(world.session('payment', world.prices.once, { discounts: [{ coupon }] }))
    },
  },
  {
    name: 'a purchase with a discount in part',
    run: (world) => {
      const coupon = world.api('POST', '/v1/coupons', { percent_off: 25 }).id
      world.pay(world.session('payment', world.prices.once, { discounts: [{ coupon }] }))
    },
  },
  {
    name: 'an authorized payment is captured in part',
    run: (world) => {
      const data = { payment_intent_data: { capture_method: 'manual' } }
      const intent = buyOnce(world, {}, data)
      world.wait(DAY_SECONDS)
      world.api('POST', `/v1/payment_intents/${intent}/capture`, { amount_to_capture: 1000 })
    },
  },
  {
    name: 'an authorized payment is captured in part, and part of that is refunded',
    run: (world) => {
      const data = { payment_intent_data: { capture_method: 'manual' } }
      const intent = buyOnce(world, {}, data)
      world.wait(DAY_SECONDS)
      world.api('POST', `/v1/payment_intents/${intent}/capture`, { amount_to_capture: 1000 })
      world.wait(DAY_SECONDS)
      world.api('POST', '/v1/refunds', { payment_intent: intent, amount: 400 })
    },
  },
  {
    name: 'a customer buys twice',
    run: (world) => {
      const session = world.session('payment', world.prices.once, { customer_creation: 'always' })
      world.pay(session)
      world.wait(DAY_SECONDS)
      world.pay(world.session('payment', world.prices.once, { customer: world.idOf(session, 'customer') }))
    },
  },

  {
    name: 'an authorized payment is captured in full',
    run: (world) => {
      const intent = buyOnce(world, {}, { payment_intent_data: { capture_method: 'manual' } })
      world.wait(DAY_SECONDS)
      world.api('POST', `/v1/payment_intents/${intent}/capture`)
    },
  },
  {
    name: 'an authorized payment of a customer is canceled',
    run: (world) => {
      const data = { payment_intent_data: { capture_method: 'manual' }, customer_creation: 'always' }
      const intent = buyOnce(world, {}, data)
      world.wait(DAY_SECONDS)
      world.api('POST', `/v1/payment_intents/${intent}/cancel`)
    },
  },
  {
    name: 'a declined card, then an authorization that is captured',
    run: (world) => {
      const session = world.session('payment', world.prices.once, {
        payment_intent_data: { capture_method: 'manual' },
      })
      world.decline(session, { card: DECLINED_CARD })
      world.pay(session)
      world.api('POST', `/v1/payment_intents/${world.idOf(session, 'payment_intent')}/capture`)
    },
  },
  {
    name: 'a cart of two prices, one of them made up, is bought and refunded in part',
    run: (world) => {
      const cup = { currency: 'usd', unit_amount: 700, product_data: { name: 'Cup' } }
      const items = [
        { price: world.prices.once, quantity: 2 },
        { price_data: cup, quantity: 1 },
      ]
      const intent = buyOnce(world, {}, { line_items: items })
      world.api('POST', '/v1/refunds', { payment_intent: intent, amount: 700 })
    },
  },
  {
    name: 'the customer buys more of a thing on the page',
    run: (world) => {
      const adjustable = { enabled: true, minimum: 1, maximum: 5 }
      const items = [{ price: world.prices.once, quantity: 1, adjustable_quantity: adjustable }]
      buyOnce(world, { quantities: { 0: 3 } }, { line_items: items })
    },
  },
  {
    name: 'the customer pays what they want, and half of it is refunded',
    run: (world) => {
      const product = world.api('POST', '/v1/products', { name: 'Donation' }).id
      const custom = { enabled: true, minimum: 100 }
      const price = world.api('POST', '/v1/prices', { product, currency: 'usd', custom_unit_amount: custom })
      const session = world.session('payment', price.id)
      world.pay(session, { amount: 2600 })
      world.api('POST', '/v1/refunds', {
        payment_intent: world.idOf(session, 'payment_intent'),
        amount: 1300,
      })
    },
  },
  {
    name: 'a purchase with tax and a discount',
    run: (world) => {
      world.engine.tax.percent = 19
      const coupon = world.api('POST', '/v1/coupons', { percent_off: 25 }).id
      buyOnce(world, {}, { automatic_tax: { enabled: true }, discounts: [{ coupon }] })
    },
  },
  {
    name: 'a card is saved without a purchase',
    run: (world) => {
      world.pay(world.session('setup', null, { currency: 'usd', customer_creation: 'always' }))
    },
  },
  {
    name: 'saving a card is not completed',
    run: (world) => {
      world.session('setup', null, { currency: 'usd' })
      world.wait(2 * DAY_SECONDS)
    },
  },

  // ---- refunds and disputes
  {
    name: 'a purchase is refunded in full',
    run: (world) => {
      const intent = buyOnce(world, {}, { customer_creation: 'always' })
      world.wait(DAY_SECONDS)
      world.api('POST', '/v1/refunds', { payment_intent: intent })
    },
  },
  {
    name: 'a purchase is refunded in three parts',
    run: (world) => {
      const intent = buyOnce(world)
      for (const amount of [500, 300, 700])
        world.api('POST', '/v1/refunds', { payment_intent: intent, amount })
    },
  },
  {
    name: 'a refund fails days later',
    run: (world) => {
      const intent = buyOnce(world)
      const refund = world.api('POST', '/v1/refunds', { payment_intent: intent }).id
      world.wait(5 * DAY_SECONDS)
      world.step((engine) => settleRefund(engine, refund, false))
    },
  },
  {
    name: 'one of two refunds fails days later',
    run: (world) => {
      const intent = buyOnce(world)
      const refund = world.api('POST', '/v1/refunds', { payment_intent: intent, amount: 500 }).id
      world.api('POST', '/v1/refunds', { payment_intent: intent, amount: 400 })
      world.wait(5 * DAY_SECONDS)
      world.step((engine) => settleRefund(engine, refund, false))
    },
  },
  {
    name: 'a pending refund succeeds',
    run: (world) => {
      const intent = buyOnce(world, { paymentMethod: 'pm_card_pendingRefund' })
      const refund = world.api('POST', '/v1/refunds', { payment_intent: intent }).id
      world.wait(2 * DAY_SECONDS)
      world.step((engine) => settleRefund(engine, refund, true))
    },
  },
  {
    name: 'a dispute is won',
    run: (world) => {
      const intent = buyOnce(world, { paymentMethod: 'pm_card_createDispute' })
      const [dispute] = world.engine.store.list('dispute').filter((item) => item.payment_intent === intent)
      world.api('POST', `/v1/disputes/${dispute?.id}`, { evidence: { uncategorized_text: 'It arrived.' } })
      world.wait(30 * DAY_SECONDS)
      world.step((engine) => closeDispute(engine, dispute?.id ?? '', 'won'))
    },
  },
  {
    name: 'a dispute about a part is lost',
    run: (world) => {
      const intent = buyOnce(world)
      const charge = world.engine.store.require('payment_intent', intent).latest_charge ?? ''
      world.wait(10 * DAY_SECONDS)
      const dispute = world.step((engine) =>
        openDispute(engine, { charge, amount: 700, reason: 'product_not_received' }),
      )
      world.wait(30 * DAY_SECONDS)
      world.step((engine) => closeDispute(engine, dispute.id, 'lost'))
    },
  },

  // ---- subscriptions
  { name: 'a subscription begins', run: (world) => void subscribe(world) },
  {
    name: 'a subscription begins after a declined card',
    run: (world) => {
      const session = world.session('subscription', world.prices.monthly)
      world.decline(session, { card: DECLINED_CARD })
      world.pay(session)
    },
  },
  {
    name: 'a subscription whose first payment is declined is given up',
    run: (world) => {
      world.decline(world.session('subscription', world.prices.monthly), { card: DECLINED_CARD })
      world.wait(2 * DAY_SECONDS)
    },
  },
  {
    name: 'a subscription renews twice',
    run: (world) => {
      subscribe(world)
      world.wait(MONTH_SECONDS + HOUR_SECONDS)
      world.wait(MONTH_SECONDS + HOUR_SECONDS)
    },
  },
  {
    name: 'a renewal fails and the retry pays',
    run: (world) => {
      const subscription = subscribe(world)
      setPaymentMethod(world, subscription, FAILING_METHOD)
      world.wait(MONTH_SECONDS + 2 * HOUR_SECONDS)
      setPaymentMethod(world, subscription, 'pm_card_visa')
      world.wait(4 * DAY_SECONDS)
    },
  },
  {
    name: 'a renewal fails until the subscription is cancelled',
    run: (world) => {
      const subscription = subscribe(world)
      setPaymentMethod(world, subscription, FAILING_METHOD)
      world.wait(MONTH_SECONDS + 20 * DAY_SECONDS)
    },
  },
  {
    name: 'an upgrade is prorated onto the next invoice',
    run: (world) => {
      const subscription = subscribe(world)
      world.wait(10 * DAY_SECONDS)
      const portal = world.portal(customerOf(world, subscription))
      world.step((engine) => portalChangePlan(engine, portal, subscription, world.prices.pro))
      world.wait(25 * DAY_SECONDS)
    },
  },
  {
    name: 'an upgrade is invoiced at once',
    run: (world) => {
      const subscription = subscribe(world)
      world.wait(10 * DAY_SECONDS)
      const [item] = world.engine.store.require('subscription', subscription).items.data
      world.api('POST', `/v1/subscriptions/${subscription}`, {
        items: [{ id: item?.id, price: world.prices.pro }],
        proration_behavior: 'always_invoice',
      })
    },
  },
  {
    name: 'a change from monthly to yearly begins a new period',
    run: (world) => {
      const subscription = subscribe(world)
      world.wait(10 * DAY_SECONDS)
      world.step((engine) =>
        portalChangePlan(
          engine,
          world.portal(customerOf(world, subscription)),
          subscription,
          world.prices.yearly,
        ),
      )
    },
  },
  {
    name: 'more seats, then fewer',
    run: (world) => {
      const subscription = subscribe(world)
      const [item] = world.engine.store.require('subscription', subscription).items.data
      world.wait(5 * DAY_SECONDS)
      world.api('POST', `/v1/subscription_items/${item?.id}`, { quantity: 5 })
      world.wait(5 * DAY_SECONDS)
      world.api('POST', `/v1/subscription_items/${item?.id}`, { quantity: 2, proration_behavior: 'none' })
    },
  },
  {
    name: 'a second item is added and the first one removed',
    run: (world) => {
      const subscription = subscribe(world)
      const [item] = world.engine.store.require('subscription', subscription).items.data
      world.api('POST', '/v1/subscription_items', { subscription, price: world.prices.pro, quantity: 1 })
      world.wait(DAY_SECONDS)
      world.api('DELETE', `/v1/subscription_items/${item?.id}`)
    },
  },
  {
    name: 'a trial is announced to end, ends and is paid',
    run: (world) => {
      subscribe(world, {}, { subscription_data: { trial_period_days: 14 } })
      world.wait(12 * DAY_SECONDS)
      world.wait(3 * DAY_SECONDS)
    },
  },
  {
    name: 'a trial is cancelled before it ends',
    run: (world) => {
      const subscription = subscribe(world, {}, { subscription_data: { trial_period_days: 14 } })
      const portal = world.portal(customerOf(world, subscription))
      world.wait(5 * DAY_SECONDS)
      world.step((engine) => portalCancel(engine, portal, subscription, 'at_period_end'))
      world.wait(10 * DAY_SECONDS)
    },
  },
  {
    name: 'a trial without a card is paused, then resumed',
    run: (world) => {
      const end = { end_behavior: { missing_payment_method: 'pause' } }
      const subscription = subscribe(
        world,
        {},
        {
          payment_method_collection: 'if_required',
          subscription_data: { trial_period_days: 7, trial_settings: end },
        },
      )
      world.wait(8 * DAY_SECONDS)
      setPaymentMethod(world, subscription, 'pm_card_visa')
      world.api('POST', `/v1/subscriptions/${subscription}/resume`)
    },
  },
  {
    name: 'a trial without a card ends',
    run: (world) => {
      const end = { end_behavior: { missing_payment_method: 'cancel' } }
      const data = { trial_period_days: 7, trial_settings: end }
      subscribe(world, {}, { payment_method_collection: 'if_required', subscription_data: data })
      world.wait(8 * DAY_SECONDS)
    },
  },
  {
    name: 'a subscription with a fee beside it renews without the fee',
    run: (world) => {
      const items = [
        { price: world.prices.monthly, quantity: 1 },
        { price: world.prices.once, quantity: 1 },
      ]
      subscribe(world, {}, { line_items: items })
      world.wait(MONTH_SECONDS + 2 * HOUR_SECONDS)
    },
  },
  {
    name: 'a subscription with tax renews',
    run: (world) => {
      world.engine.tax.percent = 19
      subscribe(world, {}, { automatic_tax: { enabled: true } })
      world.wait(MONTH_SECONDS + 2 * HOUR_SECONDS)
    },
  },
  {
    name: 'a card is saved, and a subscription is paid with it',
    run: (world) => {
      const saving = world.session('setup', null, { currency: 'usd', customer_creation: 'always' })
      world.pay(saving)
      const [saved] = world.engine.store.list('payment_method')
      const customer = world.idOf(saving, 'customer')
      world.pay(world.session('subscription', world.prices.monthly, { customer }), {
        paymentMethod: saved?.id,
      })
    },
  },
  {
    name: 'a subscription is cancelled at the end of its period',
    run: (world) => {
      const subscription = subscribe(world)
      world.step((engine) =>
        portalCancel(engine, world.portal(customerOf(world, subscription)), subscription, 'at_period_end'),
      )
      world.wait(MONTH_SECONDS)
    },
  },
  {
    name: 'a cancellation is taken back and the subscription renews',
    run: (world) => {
      const subscription = subscribe(world)
      const portal = world.portal(customerOf(world, subscription))
      world.step((engine) => portalCancel(engine, portal, subscription, 'at_period_end'))
      world.wait(5 * DAY_SECONDS)
      world.step((engine) => portalRenew(engine, portal, subscription))
      world.wait(MONTH_SECONDS)
    },
  },
  {
    name: 'a subscription is cancelled at once and its invoice refunded',
    run: (world) => {
      const subscription = subscribe(world)
      world.wait(3 * DAY_SECONDS)
      world.step((engine) =>
        portalCancel(engine, world.portal(customerOf(world, subscription)), subscription, 'immediately'),
      )
      const [intent] = world.engine.store.list('payment_intent')
      world.api('POST', '/v1/refunds', { payment_intent: intent?.id })
    },
  },
  {
    name: 'collection is paused over a renewal and goes on',
    run: (world) => {
      const subscription = subscribe(world)
      world.api('POST', `/v1/subscriptions/${subscription}`, { pause_collection: { behavior: 'void' } })
      world.wait(MONTH_SECONDS + 2 * HOUR_SECONDS)
      world.api('POST', `/v1/subscriptions/${subscription}`, { pause_collection: '' })
      world.wait(MONTH_SECONDS)
    },
  },
  {
    name: 'the first month is free, then it is paid',
    run: (world) => {
      const coupon = world.api('POST', '/v1/coupons', { percent_off: 100, duration: 'once' }).id
      subscribe(world, {}, { discounts: [{ coupon }] })
      world.wait(MONTH_SECONDS + 2 * HOUR_SECONDS)
    },
  },
  {
    name: 'a discount stays over renewals',
    run: (world) => {
      const coupon = world.api('POST', '/v1/coupons', {
        amount_off: 500,
        currency: 'usd',
        duration: 'forever',
      }).id
      subscribe(world, {}, { discounts: [{ coupon }] })
      world.wait(MONTH_SECONDS + 2 * HOUR_SECONDS)
    },
  },
  {
    name: 'a subscription paid by bank debit settles later',
    run: (world) => {
      subscribe(world, { paymentMethod: 'pm_usBankAccount_success' })
      world.wait(4 * DAY_SECONDS)
      world.step((engine) => settlePayment(engine, world.engine.store.list('payment_intent')[0]?.id ?? ''))
    },
  },
  {
    name: 'a subscription paid by bank debit that fails later',
    run: (world) => {
      subscribe(world, { paymentMethod: 'pm_usBankAccount_accountClosed' })
      world.wait(4 * DAY_SECONDS)
      world.step((engine) => settlePayment(engine, world.engine.store.list('payment_intent')[0]?.id ?? ''))
    },
  },
  {
    name: 'a customer is deleted while subscribed',
    run: (world) => {
      const subscription = subscribe(world)
      world.wait(DAY_SECONDS)
      world.api('DELETE', `/v1/customers/${customerOf(world, subscription)}`)
    },
  },

  {
    name: 'a downgrade waits in a schedule until the period ends',
    run: (world) => {
      const subscription = subscribe(world)
      schedulePlan(world, subscription, world.prices.yearly)
      world.wait(MONTH_SECONDS + 2 * HOUR_SECONDS)
    },
  },
  {
    name: 'a schedule is changed, then released',
    run: (world) => {
      const subscription = subscribe(world)
      const schedule = schedulePlan(world, subscription, world.prices.yearly)
      world.wait(DAY_SECONDS)
      world.api('POST', `/v1/subscription_schedules/${schedule}/release`)
    },
  },
  {
    name: 'a schedule is canceled with its subscription',
    run: (world) => {
      const subscription = subscribe(world)
      const schedule = schedulePlan(world, subscription, world.prices.pro)
      world.wait(DAY_SECONDS)
      world.api('POST', `/v1/subscription_schedules/${schedule}/cancel`)
    },
  },

  // ---- invoices and catalogue
  {
    name: 'an open invoice is credited in part, then paid',
    run: (world) => {
      const customer = createCustomer(world, {})
      const invoice = createInvoice(world, customer)
      world.wait(DAY_SECONDS)
      world.api('POST', '/v1/credit_notes', { invoice, amount: 300, reason: 'order_change' })
      world.wait(DAY_SECONDS)
      world.api('POST', `/v1/invoices/${invoice}/pay`)
    },
  },
  {
    name: 'the credit note of an open invoice is changed and voided',
    run: (world) => {
      const invoice = createInvoice(world, createCustomer(world, {}))
      const note = world.api('POST', '/v1/credit_notes', { invoice, amount: 300 }).id
      world.api('POST', `/v1/credit_notes/${note}`, { memo: 'Too early' })
      world.wait(DAY_SECONDS)
      world.api('POST', `/v1/credit_notes/${note}/void`)
    },
  },
  {
    name: 'a paid invoice is credited, with a refund and to the balance',
    run: (world) => {
      const invoice = createInvoice(world, createCustomer(world, {}))
      world.api('POST', `/v1/invoices/${invoice}/pay`)
      world.wait(DAY_SECONDS)
      world.api('POST', '/v1/credit_notes', { invoice, amount: 400, refund_amount: 400 })
      world.api('POST', '/v1/credit_notes', { invoice, amount: 100, credit_amount: 100 })
    },
  },
  {
    name: 'a draft of an invoice is changed and deleted',
    run: (world) => {
      const customer = createCustomer(world, {})
      const invoice = world.api('POST', '/v1/invoices', { customer, currency: 'usd' }).id
      world.api('POST', '/v1/invoiceitems', { customer, invoice, amount: 1000, currency: 'usd' })
      world.api('POST', `/v1/invoices/${invoice}`, { description: 'Work' })
      world.api('POST', `/v1/invoices/${invoice}`, { description: 'Work in May' })
      world.wait(DAY_SECONDS)
      world.api('DELETE', `/v1/invoices/${invoice}`)
    },
  },
  {
    name: 'an invoice is sent, not paid and marked as uncollectible',
    run: (world) => {
      const customer = createCustomer(world, {})
      const invoice = world.api('POST', '/v1/invoices', {
        customer,
        currency: 'usd',
        collection_method: 'send_invoice',
        days_until_due: 14,
      }).id
      world.api('POST', '/v1/invoiceitems', { customer, invoice, amount: 1000, currency: 'usd' })
      world.api('POST', `/v1/invoices/${invoice}/finalize`)
      world.wait(20 * DAY_SECONDS)
      world.api('POST', `/v1/invoices/${invoice}/mark_uncollectible`)
    },
  },
  {
    name: 'an invoice is paid by card',
    run: (world) => {
      world.api('POST', `/v1/invoices/${createInvoice(world, createCustomer(world, {}))}/pay`)
    },
  },
  {
    name: 'an invoice is paid with credit alone',
    run: (world) => void createInvoice(world, createCustomer(world, { balance: -3000 })),
  },
  {
    name: 'an invoice is paid with credit and card',
    run: (world) => {
      world.api('POST', `/v1/invoices/${createInvoice(world, createCustomer(world, { balance: -400 }))}/pay`)
    },
  },
  {
    name: 'an invoice is paid out of band',
    run: (world) => {
      const invoice = createInvoice(world, createCustomer(world, {}))
      world.api('POST', `/v1/invoices/${invoice}/pay`, { paid_out_of_band: true })
    },
  },
  {
    name: 'an invoice is not paid and voided',
    run: (world) => {
      const customer = createCustomer(world, { method: FAILING_METHOD })
      const invoice = createInvoice(world, customer)
      try {
        world.api('POST', `/v1/invoices/${invoice}/pay`)
      } catch (error) {
        if (!(error instanceof StripeFailure)) throw error
      }
      world.wait(DAY_SECONDS)
      world.api('POST', `/v1/invoices/${invoice}/void`)
    },
  },
  {
    name: 'a product is renamed, priced and deleted',
    run: (world) => {
      const product = world.api('POST', '/v1/products', { name: 'Draft', metadata: { shelf: 'a' } }).id
      world.api('POST', `/v1/products/${product}`, { name: 'Better', metadata: { shelf: '', row: '2' } })
      world.api('DELETE', `/v1/products/${product}`)
      world.api('POST', `/v1/prices/${world.prices.once}`, { active: false, lookup_key: 'old' })
    },
  },
  {
    name: 'a customer is renamed and deleted',
    run: (world) => {
      const customer = world.api('POST', '/v1/customers', { email: 'a@example.com' }).id
      world.api('POST', `/v1/customers/${customer}`, { name: 'Ann', email: 'ann@example.com' })
      world.api('DELETE', `/v1/customers/${customer}`)
    },
  },
]
