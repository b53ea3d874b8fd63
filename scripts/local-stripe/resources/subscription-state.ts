/**
 * How a subscription changes by itself: by its invoices, its renewals, the end of its trial and its end
 * (https://docs.stripe.com/billing/subscriptions/overview).
 */
import { change, type Engine } from '../core/engine.ts'
import { chargedQuantity, isMetered, planOf } from '../core/plan.ts'
import { DAY_SECONDS, HOUR_SECONDS, nextPeriodEnd, periodAfter } from '../core/time.ts'
import type { Discount, Invoice, Metadata, Price, Subscription, SubscriptionItem } from '../core/types.ts'
import { closeUnpaid, draftInvoice, finalizeInvoice, type NewLine, takePendingItems } from './invoicing.ts'
import { defaultMethodOf } from './payment-methods.ts'

export interface Period {
  start: number
  end: number
}

// ---- items

/** Makes an item of a subscription. `itemFields` stores it. */
export function createItem(
  engine: Engine,
  subscription: { id: string; customer: string },
  {
    price,
    quantity,
    metadata,
    period,
  }: { price: Price; quantity: number | undefined; metadata: Metadata; period: Period },
): SubscriptionItem {
  return {
    id: engine.ids.next('si_', 14),
    object: 'subscription_item',
    billing_thresholds: null,
    created: engine.now(subscription.customer),
    current_period_end: period.end,
    current_period_start: period.start,
    current_trial: null,
    discounts: [],
    metadata,
    plan: planOf(price),
    price: structuredClone(price),
    ...(isMetered(price) ? {} : { quantity: quantity ?? 1 }),
    subscription: subscription.id,
    tax_rates: [],
  }
}

/** Stores items, and returns the fields of a subscription that depend on them. */
export function itemFields(
  engine: Engine,
  id: string,
  data: SubscriptionItem[],
): Pick<Subscription, 'items' | 'plan' | 'quantity'> {
  const [first] = data
  for (const item of data) engine.store.add<'subscription_item'>(item)
  return {
    items: {
      object: 'list',
      data,
      has_more: false,
      total_count: data.length,
      url: `/v1/subscription_items?subscription=${id}`,
    },
    plan: data.length === 1 && first ? first.plan : null,
    quantity: data.length === 1 && first ? (first.quantity ?? null) : null,
  }
}

/** Returns the items with another period. */
export function moveToPeriod(items: SubscriptionItem[], period: Period): SubscriptionItem[] {
  return items.map((item) => ({
    ...item,
    current_period_start: period.start,
    current_period_end: period.end,
  }))
}

/** The current period, which all items of a subscription share here. */
export function periodOf(subscription: Subscription): Period {
  const [item] = subscription.items.data
  return { start: item?.current_period_start ?? 0, end: item?.current_period_end ?? 0 }
}

/** The interval at which a subscription renews. */
export function recurrenceOf(items: SubscriptionItem[]): { interval: string; interval_count: number } {
  return items[0]?.price.recurring ?? { interval: 'month', interval_count: 1 }
}

/** The share of a whole period that lies between now and the billing anchor. */
export function firstShare(
  recurrence: { interval: string; interval_count: number },
  anchor: number,
  now: number,
): number {
  return Math.min(1, Math.max(0, (anchor - now) / (anchor - periodAfter(anchor, recurrence, -1))))
}

/** The invoice lines for the items in a period. A trial is free, and a period before the anchor is cheaper. */
export function linesFor(
  subscription: Subscription,
  items: SubscriptionItem[],
  period: Period,
  trial = false,
  share = 1,
): NewLine[] {
  return items.map((item) => {
    const quantity = chargedQuantity(item.price, item.quantity)
    const unit = Number(item.price.unit_amount_decimal ?? 0) * share
    return {
      amount: trial ? 0 : Math.round(unit * quantity),
      description: trial ? 'Trial period' : `${quantity} × ${item.price.nickname ?? item.price.product}`,
      price: item.price,
      quantity,
      period,
      subscription: subscription.id,
      subscriptionItem: item.id,
      ...(share < 1 ? { proration: true, discountable: true } : {}),
    }
  })
}

// ---- outcomes of invoices

/** Activates the subscription of an invoice that is paid or processing, unless another invoice is open. */
export function activateSubscription(engine: Engine, invoice: Invoice): void {
  const subscription = subscriptionOf(engine, invoice)
  if (!subscription || !['incomplete', 'past_due', 'unpaid'].includes(subscription.status)) return
  const owing = engine.store
    .list('invoice')
    .some(
      (other) =>
        other !== invoice && other.status === 'open' && subscriptionOf(engine, other) === subscription,
    )
  if (owing && subscription.status !== 'incomplete') return
  change(engine, subscription, { status: 'active' }, 'customer.subscription.updated')
  planSubscription(engine, subscription)
}

/** Makes the subscription of an unpaid invoice past due. After the last retry dunning decides its status. */
export function failSubscription(engine: Engine, invoice: Invoice): void {
  const subscription = subscriptionOf(engine, invoice)
  if (!subscription || invoice.billing_reason === 'subscription_create') {
    if (subscription?.status === 'active') {
      change(engine, subscription, { status: 'past_due' }, 'customer.subscription.updated')
    }
    return
  }
  if (subscription.status === 'active' || subscription.status === 'trialing') {
    change(engine, subscription, { status: 'past_due' }, 'customer.subscription.updated')
  }
  const exhausted = invoice.billing_reason === 'subscription_cycle' && invoice.next_payment_attempt === null
  if (subscription.status !== 'past_due' || !exhausted) return
  if (engine.dunning.finally === 'canceled') endSubscription(engine, subscription, 'payment_failed')
  if (engine.dunning.finally === 'unpaid') {
    change(engine, subscription, { status: 'unpaid' }, 'customer.subscription.updated')
  }
}

function subscriptionOf(engine: Engine, invoice: Invoice): Subscription | undefined {
  return engine.store.get('subscription', invoice.parent?.subscription_details?.subscription ?? '')
}

// ---- renewals and trials

/** Plans all work that follows from the present state of the subscription. */
export function planSubscription(engine: Engine, subscription: Subscription): void {
  const { id, customer, status, trial_end: trialEnd, cancel_at: cancelAt } = subscription
  const over = subscription.ended_at !== null || status === 'incomplete_expired'
  const runs = ['active', 'trialing', 'past_due', 'unpaid'].includes(status)
  const now = engine.now(customer)
  const warning =
    status === 'trialing' && trialEnd !== null ? Math.max(now, trialEnd - 3 * DAY_SECONDS) : null
  const expiry = status === 'incomplete' ? subscription.created + 23 * HOUR_SECONDS : null
  const resumes = subscription.pause_collection?.resumes_at ?? null
  engine.schedule('renewSubscription', id, customer, runs ? periodOf(subscription).end : null)
  engine.schedule('expireSubscription', id, customer, expiry)
  engine.schedule('cancelSubscription', id, customer, over ? null : cancelAt)
  engine.schedule('resumeSubscription', id, customer, over ? null : resumes)
  if (warning === null || !engine.trialWarnings.has(id)) {
    engine.schedule('warnOfTrialEnd', id, customer, warning)
  }
}

/** Begins the next period. Its invoice is drafted now, and finalized and collected an hour later. */
export function renewSubscription(engine: Engine, subscription: Subscription): void {
  const now = engine.now(subscription.customer)
  const dueToEnd = subscription.cancel_at !== null && subscription.cancel_at <= now
  if (subscription.ended_at !== null) return
  if (subscription.cancel_at_period_end || dueToEnd) {
    endSubscription(engine, subscription, 'cancellation_requested')
    return
  }
  if (subscription.status === 'trialing' && endTrialWithoutMethod(engine, subscription)) return
  startPeriod(engine, subscription, 'subscription_cycle')
}

/** Pauses or cancels at the end of a trial without a payment method, if the subscription's settings say so. */
function endTrialWithoutMethod(engine: Engine, subscription: Subscription): boolean {
  const method = subscription.default_payment_method ?? defaultMethodOf(engine, subscription.customer)
  const behaviour = subscription.trial_settings?.end_behavior.missing_payment_method
  if (method || behaviour === 'create_invoice' || behaviour === undefined) return false
  if (behaviour === 'cancel') endSubscription(engine, subscription, null)
  else {
    change(
      engine,
      subscription,
      { status: 'paused' },
      'customer.subscription.updated',
      'customer.subscription.paused',
    )
    planSubscription(engine, subscription)
  }
  return true
}

/**
 * Moves the subscription into its next period and bills it.
 * @param anew starts a new billing cycle now instead of continuing the current one
 */
export function startPeriod(
  engine: Engine,
  subscription: Subscription,
  reason: string,
  anew = false,
): Invoice {
  const { id, customer } = subscription
  const now = engine.now(customer)
  const last = periodOf(subscription)
  const recurrence = recurrenceOf(subscription.items.data)
  const afterTrial = subscription.status === 'trialing'
  const anchor = anew ? now : afterTrial ? last.end : subscription.billing_cycle_anchor
  const start = anew ? now : last.end
  const period = { start, end: nextPeriodEnd(anchor, recurrence, start) }
  const items = moveToPeriod(subscription.items.data, period)
  const invoiceId = engine.ids.next('in_')
  const discount = runningDiscountOf(engine, subscription)
  change(
    engine,
    subscription,
    {
      ...itemFields(engine, id, items),
      billing_cycle_anchor: anchor,
      latest_invoice: invoiceId,
      discounts: discount ? [discount.id] : [],
      ...(afterTrial ? { status: 'active' } : {}),
    },
    'customer.subscription.updated',
  )
  const paused = subscription.pause_collection?.behavior
  const invoice = draftInvoice(engine, {
    id: invoiceId,
    customer,
    currency: subscription.currency,
    lines: [...takePendingItems(engine, invoiceId, customer, id), ...linesFor(subscription, items, period)],
    billingReason: reason,
    subscription,
    period: last,
    discount,
    collectionMethod: subscription.collection_method,
    daysUntilDue: subscription.days_until_due,
    autoAdvance: paused === undefined && subscription.status !== 'unpaid',
  })
  planSubscription(engine, subscription)
  if (paused === 'void') {
    finalizeInvoice(engine, invoice)
    if (invoice.status === 'open') closeUnpaid(engine, invoice, 'void')
  } else if (paused === 'mark_uncollectible') closeUnpaid(engine, invoice, 'uncollectible')
  else if (invoice.auto_advance && reason === 'subscription_cycle') finalizeLater(engine, invoice)
  return invoice
}

function finalizeLater(engine: Engine, invoice: Invoice): void {
  const at = engine.now(invoice.customer) + HOUR_SECONDS
  invoice.automatically_finalizes_at = at
  engine.schedule('finalizeInvoice', invoice.id, invoice.customer, at)
}

/** The subscription's discount, unless it has ended. `once` applies to the first invoice only. */
function runningDiscountOf(engine: Engine, subscription: Subscription): Discount | undefined {
  const [id] = subscription.discounts
  const discount = id === undefined ? undefined : engine.store.get('discount', id)
  const coupon = engine.store.get('coupon', discount?.source.coupon ?? '')
  if (!discount || coupon?.duration === 'once') return undefined
  if (discount.end !== null && discount.end <= engine.now(subscription.customer)) return undefined
  return discount
}

// ---- end

/** Ends a subscription now. Its open invoices are no longer collected automatically. */
export function endSubscription(
  engine: Engine,
  subscription: Subscription,
  reason: 'cancellation_requested' | 'payment_failed' | 'payment_disputed' | null = 'cancellation_requested',
): Subscription {
  if (subscription.ended_at !== null) return subscription
  const now = engine.now(subscription.customer)
  const details = subscription.cancellation_details
  change(
    engine,
    subscription,
    {
      status: 'canceled',
      ended_at: now,
      canceled_at: subscription.canceled_at ?? now,
      cancellation_details: {
        comment: details?.comment ?? null,
        feedback: details?.feedback ?? null,
        feedback_option: null,
        reason: details?.reason ?? reason,
      },
    },
    'customer.subscription.deleted',
  )
  planSubscription(engine, subscription)
  for (const invoice of engine.store.list('invoice')) {
    const waits = invoice.status === 'open' || invoice.status === 'draft'
    if (!waits || !invoice.auto_advance || subscriptionOf(engine, invoice) !== subscription) continue
    engine.schedule('collectInvoice', invoice.id, null, null)
    engine.schedule('finalizeInvoice', invoice.id, null, null)
    const stopped = { auto_advance: false, next_payment_attempt: null, automatically_finalizes_at: null }
    change(engine, invoice, stopped, 'invoice.updated')
  }
  return subscription
}

/** Expires a subscription whose first payment did not succeed within 23 hours, and voids its invoice. */
export function expireIncomplete(engine: Engine, subscription: Subscription): void {
  if (subscription.status !== 'incomplete') return
  const now = engine.now(subscription.customer)
  change(
    engine,
    subscription,
    { status: 'incomplete_expired', ended_at: now },
    'customer.subscription.updated',
  )
  planSubscription(engine, subscription)
  const invoice = engine.store.get('invoice', subscription.latest_invoice ?? '')
  if (invoice?.status === 'open') closeUnpaid(engine, invoice, 'void')
}
