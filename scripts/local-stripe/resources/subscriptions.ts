/** Subscriptions and their items as API resources (https://docs.stripe.com/api/subscriptions). */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { createdListShape, listShape, paginate } from '../core/pagination.ts'
import {
  automaticTax,
  boolean,
  clearable,
  hash,
  type Infer,
  integer,
  list,
  mergeMetadata,
  metadata,
  missing,
  oneOf,
  refused,
  refusedUnless,
  required,
  string,
  timestamp,
  timestampOrNow,
  withoutEffect,
} from '../core/params.ts'
import { chargedQuantity } from '../core/plan.ts'
import { type Route, route } from '../core/route.ts'
import { DAY_SECONDS, periodAfter } from '../core/time.ts'
import type { Invoice, LineItem, Metadata, Price, Subscription, SubscriptionItem } from '../core/types.ts'
import { createPrice, priceIn } from './catalog.ts'
import { createDiscount, discountsShape, resolveDiscount } from './coupons.ts'
import { requireCustomer } from './customers.ts'
import {
  closeUnpaid,
  collect,
  draftInvoice,
  finalizeInvoice,
  type NewLine,
  takePendingItems,
} from './invoicing.ts'
import { checkQuantity } from './metered.ts'
import { defaultMethodOf, resolvePaymentMethod } from './payment-methods.ts'
import { priceDataShape } from './price-shape.ts'
import { changeItems, type ItemChange, type ProrationBehavior } from './proration.ts'
import { billingMode } from './shared-shapes.ts'
import {
  createItem,
  endSubscription,
  expireIncomplete,
  firstShare,
  itemFields,
  linesFor,
  type Period,
  periodOf,
  planSubscription,
  startPeriod,
} from './subscription-state.ts'

const trialSettingsShape = hash({
  end_behavior: required(
    hash({ missing_payment_method: required(oneOf('cancel', 'create_invoice', 'pause')) }),
  ),
})
const prorationShape = oneOf('always_invoice', 'create_prorations', 'none')
const paymentBehaviorShape = oneOf(
  'allow_incomplete',
  'default_incomplete',
  'error_if_incomplete',
  'pending_if_incomplete',
)
const quantityShape = integer({ min: 0, max: 1_000_000 })
const itemShape = {
  metadata: metadata(),
  price: string(),
  price_data: hash(priceDataShape),
  quantity: quantityShape,
  ...refused('billing_thresholds', 'current_trial', 'discounts', 'plan', 'tax_rates'),
}
const sharedShape = {
  cancel_at: clearable(timestamp()),
  cancel_at_period_end: boolean(),
  collection_method: oneOf('charge_automatically', 'send_invoice'),
  days_until_due: integer({ min: 0 }),
  default_payment_method: clearable(string()),
  description: clearable(string(500)),
  metadata: metadata(),
  payment_behavior: paymentBehaviorShape,
  proration_behavior: prorationShape,
  trial_end: timestampOrNow(),
  trial_settings: trialSettingsShape,
  discounts: clearable(discountsShape),
  automatic_tax: automaticTax(),
  ...refused(
    'add_invoice_items',
    'application_fee_percent',
    'billing_schedules',
    'billing_thresholds',
    'default_source',
    'default_tax_rates',
    'on_behalf_of',
    'pending_invoice_item_interval',
    'transfer_data',
    'trial_from_plan',
  ),
  ...withoutEffect('invoice_settings', 'off_session', 'payment_settings'),
}
const createShape = {
  ...sharedShape,
  customer: required(string()),
  items: required(list(hash(itemShape), { max: 20 })),
  trial_period_days: integer({ min: 1, max: 730 }),
  billing_mode: billingMode,
  ...refused('backdate_start_date', 'billing_cycle_anchor_config'),
  billing_cycle_anchor: timestamp(),
  ...withoutEffect('currency', 'customer_account'),
}
const cancellationShape = hash({
  comment: clearable(string()),
  feedback: clearable(
    oneOf(
      'customer_service',
      'low_quality',
      'missing_features',
      'other',
      'switched_service',
      'too_complex',
      'too_expensive',
      'unused',
    ),
  ),
})
/** How the payment of a change behaves: the others would undo or delay the change. */
const changeBehaviorShape = refusedUnless('allow_incomplete')
/** One item of a change. */
export const itemChangeShape = hash({
  ...itemShape,
  id: string(),
  deleted: boolean(),
  ...refused('clear_usage'),
})
const updateShape = {
  ...sharedShape,
  payment_behavior: changeBehaviorShape,
  cancellation_details: cancellationShape,
  items: list(itemChangeShape, { max: 20 }),
  pause_collection: clearable(
    hash({
      behavior: required(oneOf('keep_as_draft', 'mark_uncollectible', 'void')),
      resumes_at: timestamp(),
    }),
  ),
  ...refused('proration_date'),
  billing_cycle_anchor: refusedUnless('unchanged'),
}

// ---- create

export interface NewSubscription {
  customer: string
  items: { price: Price; quantity?: number; metadata?: Metadata }[]
  metadata?: Metadata
  description?: string | null
  defaultMethod?: string | null
  /** End of the trial in seconds since 1970; null without a trial. */
  trialEnd?: number | null
  missingMethod?: string
  discount?: { coupon: string; promotionCode: string | null } | null
  session?: string
  /** Whether automatic tax applies. */
  taxed?: boolean
  /** Items charged once, with the first invoice. */
  oneTime?: LineItem[]
  collectionMethod?: string
  daysUntilDue?: number | null
  cancelAtPeriodEnd?: boolean
  cancelAt?: number | null
  /** First moment of the billing cycle, without a trial. */
  anchor?: number | null
  /** Whether the time before the anchor is charged (the default). */
  prorates?: boolean
}

/** Makes a subscription with its first invoice, which is finalized. `collect` then charges it. */
export function createSubscription(
  engine: Engine,
  params: NewSubscription,
): { subscription: Subscription; invoice: Invoice } {
  const { customer } = params
  const now = engine.now(customer)
  const [first] = params.items
  const recurring = first?.price.recurring
  if (!first || !recurring) throw missing('items[0][price]')
  const trialEnd = params.trialEnd ?? null
  const anchor = trialEnd === null ? (params.anchor ?? null) : null
  if (anchor !== null) checkAnchor(anchor, recurring, now)
  const period = { start: now, end: trialEnd ?? anchor ?? periodAfter(now, recurring, 1) }
  const share = anchor === null ? 1 : params.prorates === false ? 0 : firstShare(recurring, anchor, now)
  const id = engine.ids.next('sub_')
  const invoiceId = engine.ids.next('in_')
  const items = params.items.map(({ price, quantity, metadata }) =>
    createItem(engine, { id, customer }, { price, quantity, metadata: metadata ?? {}, period }),
  )
  const discount = params.discount
    ? createDiscount(engine, params.discount.coupon, {
        customer,
        subscription: id,
        session: params.session,
        promotionCode: params.discount.promotionCode,
      })
    : undefined
  const subscription = engine.store.add<'subscription'>({
    ...subscriptionDefaults(engine, id, customer, now),
    ...startOf(params, period),
    currency: first.price.currency,
    ...(params.taxed
      ? { automatic_tax: { disabled_reason: null, enabled: true, liability: { type: 'self' } } }
      : {}),
    discounts: discount ? [discount.id] : [],
    latest_invoice: invoiceId,
    ...itemFields(engine, id, items),
  })
  engine.emit('customer.subscription.created', subscription)
  if (discount) engine.emit('customer.discount.created', discount)
  const invoice = draftInvoice(engine, {
    id: invoiceId,
    customer,
    currency: subscription.currency,
    lines: [
      ...takePendingItems(engine, invoiceId, customer, null),
      ...linesFor(subscription, items, period, trialEnd !== null, share),
      ...(params.oneTime ?? []).map((item) => lineOfOneTime(item, id, now)),
    ],
    billingReason: 'subscription_create',
    subscription,
    period: { start: now, end: now },
    discount,
    collectionMethod: params.collectionMethod,
    daysUntilDue: params.daysUntilDue,
  })
  const owner = engine.store.require('customer', customer)
  if (owner.currency === null) change(engine, owner, { currency: subscription.currency }, 'customer.updated')
  finalizeInvoice(engine, invoice)
  planSubscription(engine, subscription)
  return { subscription, invoice }
}

/** @throws 400 when the anchor is past, or later than the first renewal would be without it */
export function checkAnchor(
  anchor: number,
  recurrence: { interval: string; interval_count: number },
  now: number,
  param = 'billing_cycle_anchor',
): void {
  if (anchor <= now) throw invalidRequest('The billing cycle anchor must be in the future.', { param })
  if (anchor <= periodAfter(now, recurrence, 1)) return
  throw invalidRequest('billing_cycle_anchor cannot be later than next natural billing date for plan', {
    param,
  })
}

/** The fields that the request decides: payment, trial and planned cancellation. */
function startOf(params: NewSubscription, period: Period): Partial<Subscription> {
  const trialEnd = params.trialEnd ?? null
  const endsAtPeriodEnd = params.cancelAtPeriodEnd ?? false
  const unpaid = params.collectionMethod === 'send_invoice' ? 'active' : 'incomplete'
  return {
    billing_cycle_anchor: trialEnd ?? params.anchor ?? period.start,
    cancel_at: params.cancelAt ?? (endsAtPeriodEnd ? period.end : null),
    cancel_at_period_end: endsAtPeriodEnd,
    canceled_at: endsAtPeriodEnd || params.cancelAt ? period.start : null,
    collection_method: params.collectionMethod ?? 'charge_automatically',
    days_until_due: params.daysUntilDue ?? null,
    default_payment_method: params.defaultMethod ?? null,
    description: params.description ?? null,
    metadata: params.metadata ?? {},
    status: trialEnd === null ? unpaid : 'trialing',
    trial_end: trialEnd,
    trial_settings: trialSettings(params.missingMethod),
    trial_start: trialEnd === null ? null : period.start,
  }
}

/** A subscription of a customer that starts now, without items. */
function subscriptionDefaults(
  engine: Engine,
  id: string,
  customer: string,
  now: number,
): Subscription & { object: 'subscription' } {
  return {
    id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: now,
    billing_cycle_anchor_config: null,
    billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible', updated_at: now },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: 'charge_automatically',
    created: now,
    currency: 'usd',
    customer,
    customer_account: null,
    days_until_due: null,
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    ended_at: null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    items: { object: 'list', data: [], has_more: false, url: '' },
    plan: null,
    quantity: null,
    latest_invoice: null,
    livemode: engine.livemode,
    managed_payments: null,
    metadata: {},
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: {
      payment_method_options: null,
      payment_method_types: null,
      save_default_payment_method: 'off',
    },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: now,
    status: 'incomplete',
    test_clock: engine.store.require('customer', customer).test_clock ?? null,
    transfer_data: null,
    trial_end: null,
    trial_settings: trialSettings(),
    trial_start: null,
  }
}

/** The invoice line of an item that is charged once. */
function lineOfOneTime(item: LineItem, subscription: string, now: number): NewLine {
  return {
    amount: item.amount_subtotal,
    description: item.description ?? '',
    price: item.price,
    quantity: item.quantity ?? 1,
    period: { start: now, end: now },
    subscription,
  }
}

function trialSettings(missingMethod = 'create_invoice'): Subscription['trial_settings'] {
  return { end_behavior: { billing_cycle_anchor: null, missing_payment_method: missingMethod } }
}

export function createFromApi(engine: Engine, params: Infer<typeof createShape>): Subscription {
  const customer = requireCustomer(engine, params.customer)
  const items = params.items.map((item, place) => ({
    price: recurringPrice(engine, item, `items[${place}]`),
    quantity: item.quantity,
    metadata: mergeMetadata({}, item.metadata),
  }))
  items.forEach(({ price, quantity }, place) => {
    checkQuantity(price, quantity, `items[${place}]`)
  })
  if (items.length === 0) throw missing('items')
  const now = engine.now(customer.id)
  const asked =
    params.trial_end ??
    (params.trial_period_days === undefined ? null : now + params.trial_period_days * DAY_SECONDS)
  const trialEnd = asked === 'now' ? null : asked
  const method = params.default_payment_method
    ? resolvePaymentMethod(engine, params.default_payment_method, 'default_payment_method').id
    : null
  const behaviour = params.payment_behavior ?? 'allow_incomplete'
  const charges = params.collection_method !== 'send_invoice' && behaviour !== 'default_incomplete'
  if (
    charges &&
    trialEnd === null &&
    !method &&
    !defaultMethodOf(engine, customer.id) &&
    costsSomething(items)
  ) {
    throw invalidRequest(
      'This customer has no attached payment source or default payment method. Please consider adding a default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.',
      { code: 'resource_missing' },
    )
  }
  const { subscription, invoice } = createSubscription(engine, {
    customer: customer.id,
    items,
    metadata: mergeMetadata({}, params.metadata),
    description: params.description,
    defaultMethod: method,
    trialEnd,
    missingMethod: params.trial_settings?.end_behavior.missing_payment_method,
    discount: resolveDiscount(engine, params.discounts ?? undefined),
    collectionMethod: params.collection_method,
    daysUntilDue: params.days_until_due,
    cancelAtPeriodEnd: params.cancel_at_period_end,
    cancelAt: params.cancel_at,
    anchor: params.billing_cycle_anchor,
    prorates: params.proration_behavior !== 'none',
  })
  if (charges && invoice.status === 'open') {
    const failure = collect(engine, invoice)
    if (failure && behaviour === 'error_if_incomplete') {
      expireIncomplete(engine, subscription)
      throw failure
    }
  }
  return subscription
}

function costsSomething(items: { price: Price; quantity?: number }[]): boolean {
  return items.some(
    ({ price, quantity }) => Number(price.unit_amount_decimal) * chargedQuantity(price, quantity) > 0,
  )
}

/** The recurring price that an item names, in the currency of its subscription, or a new one from its `price_data`. */
function recurringPrice(
  engine: Engine,
  item: { price?: string; price_data?: Infer<typeof priceDataShape> },
  path: string,
  subscription?: Subscription,
): Price {
  if (item.price_data) return createPrice(engine, { ...item.price_data, active: false })
  if (item.price === undefined) throw missing(`${path}[price]`)
  const price = engine.store.require('price', item.price, `${path}[price]`)
  if (price.type !== 'recurring') {
    throw invalidRequest(
      `The price specified is set to \`type=one_time\` but this field only accepts prices with \`type=recurring\`.`,
      { param: `${path}[price]` },
    )
  }
  if (!price.active) {
    throw invalidRequest('The price specified is inactive. This field only accepts active prices.', {
      code: 'price_inactive',
      param: `${path}[price]`,
    })
  }
  return priceIn(engine, price, subscription?.currency)
}

// ---- change

/** Changes a subscription. `proration_behavior` decides how changed items are prorated. */
export function updateSubscription(
  engine: Engine,
  id: string,
  params: Infer<typeof updateShape>,
): Subscription {
  const subscription = requireRunning(engine, id)
  const changes: Partial<Subscription> = { metadata: mergeMetadata(subscription.metadata, params.metadata) }
  if (params.description !== undefined) changes.description = params.description
  if (params.collection_method !== undefined) changes.collection_method = params.collection_method
  if (params.days_until_due !== undefined) changes.days_until_due = params.days_until_due
  if (params.default_payment_method !== undefined) {
    changes.default_payment_method =
      params.default_payment_method &&
      resolvePaymentMethod(engine, params.default_payment_method, 'default_payment_method').id
  }
  if (params.trial_settings) {
    changes.trial_settings = trialSettings(params.trial_settings.end_behavior.missing_payment_method)
  }
  if (params.pause_collection !== undefined) {
    const pause = params.pause_collection
    changes.pause_collection = pause && { behavior: pause.behavior, resumes_at: pause.resumes_at ?? null }
  }
  if (params.discounts !== undefined) {
    const chosen = resolveDiscount(engine, params.discounts ?? [])
    const target = { customer: subscription.customer, subscription: id, promotionCode: chosen?.promotionCode }
    changes.discounts = chosen ? [createDiscount(engine, chosen.coupon, target).id] : []
  }
  Object.assign(changes, cancellationOf(engine, subscription, params))
  const endsTrial = params.trial_end === 'now' && subscription.status === 'trialing'
  if (typeof params.trial_end === 'number')
    Object.assign(changes, extendTrial(engine, subscription, params.trial_end))
  if (endsTrial) changes.trial_end = engine.now(subscription.customer)
  const itemChanges = (params.items ?? []).map((item, place): ItemChange => {
    const named =
      item.id === undefined
        ? undefined
        : engine.store.require('subscription_item', item.id, `items[${place}][id]`)
    const priced = item.price !== undefined || item.price_data !== undefined
    if (!named && !priced) throw missing(`items[${place}][price]`)
    const price = priced ? recurringPrice(engine, item, `items[${place}]`, subscription) : undefined
    const effective = price ?? named?.price
    if (effective) checkQuantity(effective, item.quantity, `items[${place}]`)
    return {
      id: item.id,
      deleted: item.deleted ?? false,
      price,
      quantity: item.quantity,
      metadata: item.metadata,
    }
  })
  if (itemChanges.length > 0) {
    changeItems(engine, subscription, itemChanges, params.proration_behavior ?? 'create_prorations', changes)
  } else change(engine, subscription, changes, 'customer.subscription.updated')
  if (endsTrial) billNow(engine, subscription)
  planSubscription(engine, subscription)
  return subscription
}

function extendTrial(engine: Engine, subscription: Subscription, end: number): Partial<Subscription> {
  const start = periodOf(subscription).start
  const data = subscription.items.data.map((item) => ({
    ...item,
    current_period_start: start,
    current_period_end: end,
  }))
  engine.trialWarnings.delete(subscription.id)
  return {
    ...itemFields(engine, subscription.id, data),
    status: 'trialing',
    trial_end: end,
    trial_start: subscription.trial_start ?? engine.now(subscription.customer),
    billing_cycle_anchor: end,
  }
}

/** Ends a trial early, and begins and bills the first paid period. */
function billNow(engine: Engine, subscription: Subscription): void {
  const invoice = startPeriod(engine, subscription, 'subscription_update', true)
  finalizeInvoice(engine, invoice)
  if (invoice.status === 'open') collect(engine, invoice)
}

function cancellationOf(
  engine: Engine,
  subscription: Subscription,
  params: Infer<typeof updateShape>,
): Partial<Subscription> {
  const now = engine.now(subscription.customer)
  const given = params.cancellation_details
  const details = (reason: 'cancellation_requested' | null) => ({
    comment: given?.comment ?? null,
    feedback: given?.feedback ?? null,
    feedback_option: null,
    reason,
  })
  if (params.cancel_at_period_end === true) {
    return {
      cancel_at_period_end: true,
      cancel_at: periodOf(subscription).end,
      canceled_at: subscription.canceled_at ?? now,
      cancellation_details: details('cancellation_requested'),
    }
  }
  if (typeof params.cancel_at === 'number') {
    return {
      cancel_at: params.cancel_at,
      canceled_at: now,
      cancellation_details: details('cancellation_requested'),
    }
  }
  if (params.cancel_at_period_end === false || params.cancel_at === null) {
    return {
      cancel_at_period_end: false,
      cancel_at: null,
      canceled_at: null,
      cancellation_details: details(null),
    }
  }
  return {}
}

/** Cancels a subscription now. */
export function cancelSubscription(
  engine: Engine,
  id: string,
  params: { cancellation_details?: Infer<typeof updateShape>['cancellation_details'] } = {},
): Subscription {
  const subscription = requireRunning(engine, id)
  const { comment = null, feedback = null } = params.cancellation_details ?? {}
  if (comment !== null || feedback !== null) {
    subscription.cancellation_details = {
      comment,
      feedback,
      feedback_option: null,
      reason: 'cancellation_requested',
    }
  }
  if (subscription.status === 'incomplete') expireIncomplete(engine, subscription)
  else endSubscription(engine, subscription)
  return subscription
}

/** Resumes a paused subscription, and begins and bills a new period. */
export function resumeSubscription(engine: Engine, id: string): Subscription {
  const subscription = requireRunning(engine, id)
  if (subscription.status !== 'paused') {
    throw invalidRequest('This subscription cannot be resumed because it is not paused.', {
      code: 'subscription_not_paused',
    })
  }
  const invoice = startPeriod(engine, subscription, 'subscription_cycle', true)
  finalizeInvoice(engine, invoice)
  const failure = invoice.status === 'open' ? collect(engine, invoice) : null
  if (failure) {
    closeUnpaid(engine, invoice, 'void')
    throw failure
  }
  change(
    engine,
    subscription,
    { status: 'active' },
    'customer.subscription.updated',
    'customer.subscription.resumed',
  )
  planSubscription(engine, subscription)
  return subscription
}

function requireRunning(engine: Engine, id: string): Subscription {
  const subscription = engine.store.require('subscription', id)
  if (subscription.ended_at !== null) {
    throw subscription.status === 'canceled'
      ? invalidRequest('A canceled subscription can only update its cancellation_details and metadata.', {
          param: 'id',
        })
      : invalidRequest('This subscription has expired and cannot be changed.', { param: 'id' })
  }
  return subscription
}

// ---- routes

const listSubscriptionsShape = {
  ...createdListShape,
  customer: string(),
  price: string(),
  status: oneOf(
    'active',
    'all',
    'canceled',
    'ended',
    'incomplete',
    'incomplete_expired',
    'past_due',
    'paused',
    'trialing',
    'unpaid',
  ),
  collection_method: string(),
  test_clock: string(),
  ...withoutEffect('automatic_tax', 'customer_account', 'current_period_end', 'current_period_start', 'plan'),
}
const itemUpdateShape = {
  ...itemShape,
  payment_behavior: changeBehaviorShape,
  proration_behavior: prorationShape,
  ...refused('proration_date'),
  ...withoutEffect('off_session'),
}

/** Changes one item through its own route. */
function updateItem(
  engine: Engine,
  item: ItemChange,
  subscription: string,
  proration?: ProrationBehavior,
): void {
  const owner = requireRunning(engine, subscription)
  changeItems(engine, owner, [item], proration ?? 'create_prorations', {})
  planSubscription(engine, owner)
}

export const subscriptionRoutes: Route[] = [
  route('POST', '/v1/subscriptions', 'subscription', createShape, ({ engine, params }) =>
    createFromApi(engine, params),
  ),
  route('GET', '/v1/subscriptions', 'subscription', listSubscriptionsShape, ({ engine, params, path }) => {
    const { status } = params
    const over = (item: Subscription) => item.status === 'canceled' || item.status === 'incomplete_expired'
    const found = engine.store
      .list('subscription')
      .filter(
        (item) =>
          (params.customer === undefined || item.customer === params.customer) &&
          (params.price === undefined || item.items.data.some((part) => part.price.id === params.price)) &&
          (params.collection_method === undefined || item.collection_method === params.collection_method) &&
          (params.customer !== undefined || item.test_clock === (params.test_clock ?? null)),
      )
      .filter((item) => {
        if (status === 'all') return true
        if (status === 'ended') return over(item)
        return status === undefined ? item.status !== 'canceled' : item.status === status
      })
    return paginate(found, params, path, 'subscription')
  }),
  route('GET', '/v1/subscriptions/:id', 'subscription', {}, ({ engine, id }) =>
    engine.store.require('subscription', id),
  ),
  route('POST', '/v1/subscriptions/:id', 'subscription', updateShape, ({ engine, id, params }) =>
    updateSubscription(engine, id, params),
  ),
  route(
    'DELETE',
    '/v1/subscriptions/:id',
    'subscription',
    { cancellation_details: cancellationShape, ...refused('invoice_now', 'prorate') },
    ({ engine, id, params }) => cancelSubscription(engine, id, params),
  ),
  route(
    'POST',
    '/v1/subscriptions/:id/resume',
    'subscription',
    {
      billing_cycle_anchor: refusedUnless('now'),
      ...refused('proration_date'),
      ...withoutEffect('payment_behavior', 'proration_behavior'),
    },
    ({ engine, id }) => resumeSubscription(engine, id),
  ),
  route(
    'GET',
    '/v1/subscription_items',
    'subscription',
    { ...listShape, subscription: required(string()) },
    ({ engine, params, path }) => {
      const { items } = engine.store.require('subscription', params.subscription, 'subscription')
      return paginate(items.data, params, path, 'subscription_item')
    },
  ),
  route('GET', '/v1/subscription_items/:id', 'subscription', {}, ({ engine, id }) =>
    engine.store.require('subscription_item', id),
  ),
  route(
    'POST',
    '/v1/subscription_items',
    'subscription',
    { ...itemUpdateShape, subscription: required(string()) },
    ({ engine, params }): SubscriptionItem | undefined => {
      const owner = engine.store.require('subscription', params.subscription, 'subscription')
      const price = recurringPrice(engine, params, '', owner)
      checkQuantity(price, params.quantity, '')
      const added = { deleted: false, price, quantity: params.quantity, metadata: params.metadata }
      updateItem(engine, added, owner.id, params.proration_behavior)
      return owner.items.data.at(-1)
    },
  ),
  route('POST', '/v1/subscription_items/:id', 'subscription', itemUpdateShape, ({ engine, id, params }) => {
    const { subscription, price: former } = engine.store.require('subscription_item', id)
    const priced = params.price !== undefined || params.price_data !== undefined
    const owner = engine.store.require('subscription', subscription)
    const price = priced ? recurringPrice(engine, params, '', owner) : undefined
    checkQuantity(price ?? former, params.quantity, '')
    const changed = { id, deleted: false, price, quantity: params.quantity, metadata: params.metadata }
    updateItem(engine, changed, subscription, params.proration_behavior)
    return engine.store.require('subscription_item', id)
  }),
  route(
    'DELETE',
    '/v1/subscription_items/:id',
    'subscription',
    {
      proration_behavior: prorationShape,
      ...refused('clear_usage', 'proration_date'),
      ...withoutEffect('payment_behavior'),
    },
    ({ engine, id, params }) => {
      const { subscription } = engine.store.require('subscription_item', id)
      updateItem(engine, { id, deleted: true }, subscription, params.proration_behavior)
      return { id, object: 'subscription_item', deleted: true }
    },
  ),
]
