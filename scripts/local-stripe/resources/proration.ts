/** Changes of a subscription's items, and their cost (https://docs.stripe.com/billing/subscriptions/prorations). */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { mergeMetadata } from '../core/params.ts'
import { chargedQuantity, isMetered, planOf } from '../core/plan.ts'
import { periodAfter } from '../core/time.ts'
import type { InvoiceItem, Metadata, Price, Subscription, SubscriptionItem } from '../core/types.ts'
import { collect, draftInvoice, finalizeInvoice, takePendingItems } from './invoicing.ts'
import {
  createItem,
  itemFields,
  linesFor,
  moveToPeriod,
  periodOf,
  recurrenceOf,
} from './subscription-state.ts'

export type ProrationBehavior = 'always_invoice' | 'create_prorations' | 'none'

/** One item added (no id), changed, or deleted. */
export interface ItemChange {
  id?: string
  deleted: boolean
  price?: Price
  quantity?: number
  metadata?: Metadata | null
}

/**
 * Changes the items of a subscription, together with `others` of its fields. Unused time of the former items is
 * credited, and the remaining time of the new ones is charged. A new billing interval begins a new period at once.
 */
export function changeItems(
  engine: Engine,
  subscription: Subscription,
  itemChanges: ItemChange[],
  proration: ProrationBehavior,
  others: Partial<Subscription>,
): void {
  const before = subscription.items.data
  const period = periodOf(subscription)
  const now = engine.now(subscription.customer)
  const after = applyChanges(engine, subscription, itemChanges)
  if (after.length === 0) {
    throw invalidRequest(
      'A subscription must have at least one active plan. To cancel, please use the cancel endpoint instead.',
    )
  }
  const [old, fresh] = [recurrenceOf(before), recurrenceOf(after)]
  const sameCycle = old.interval === fresh.interval && old.interval_count === fresh.interval_count
  const trialing = subscription.status === 'trialing'
  const newPeriod = sameCycle || trialing ? period : { start: now, end: periodAfter(now, fresh, 1) }
  const items = moveToPeriod(after, newPeriod)
  const restarts = newPeriod !== period
  const invoiceId = engine.ids.next('in_')
  const bills = !trialing && proration !== 'none'
  const invoicesNow = restarts ? !trialing : bills && proration === 'always_invoice'
  const changed = findPriceChanges(before, items)
  change(
    engine,
    subscription,
    {
      ...others,
      ...itemFields(engine, subscription.id, items),
      ...(restarts ? { billing_cycle_anchor: now } : {}),
      ...(invoicesNow && (changed.length > 0 || restarts) ? { latest_invoice: invoiceId } : {}),
    },
    'customer.subscription.updated',
  )
  if (bills) {
    for (const { from, to } of changed) {
      if (from && !isMetered(from.price)) prorate(engine, subscription, from, period, now, -1)
      if (to && !isMetered(to.price) && !restarts) prorate(engine, subscription, to, newPeriod, now, 1)
    }
  }
  if (!invoicesNow || (changed.length === 0 && !restarts)) return
  const invoice = draftInvoice(engine, {
    id: invoiceId,
    customer: subscription.customer,
    currency: subscription.currency,
    lines: [
      ...takePendingItems(engine, invoiceId, subscription.customer, subscription.id),
      ...(restarts ? linesFor(subscription, items, newPeriod) : []),
    ],
    billingReason: 'subscription_update',
    subscription,
    period: { start: period.start, end: now },
    collectionMethod: subscription.collection_method,
    daysUntilDue: subscription.days_until_due,
  })
  finalizeInvoice(engine, invoice)
  if (invoice.status === 'open' && invoice.collection_method === 'charge_automatically')
    collect(engine, invoice)
}

function applyChanges(
  engine: Engine,
  subscription: Subscription,
  itemChanges: ItemChange[],
): SubscriptionItem[] {
  let items = subscription.items.data
  for (const { id, deleted, price, quantity, metadata } of itemChanges) {
    if (id !== undefined && !items.some((item) => item.id === id)) {
      throw invalidRequest(`The subscription item '${id}' does not belong to this subscription.`, {
        param: 'items',
      })
    }
    if (deleted) {
      items = items.filter((item) => item.id !== id)
      engine.store.remove('subscription_item', id ?? '')
    } else if (id === undefined && price) {
      const period = periodOf(subscription)
      const added = { price, quantity, metadata: mergeMetadata({}, metadata), period }
      items = [...items, createItem(engine, subscription, added)]
    } else {
      items = items.map((item) => (item.id === id ? changeItem(item, { price, quantity, metadata }) : item))
    }
  }
  return items
}

function changeItem(item: SubscriptionItem, changes: Omit<ItemChange, 'id' | 'deleted'>): SubscriptionItem {
  const { price, quantity, metadata } = changes
  const { quantity: former, ...rest } = item
  const priced = price ?? item.price
  return {
    ...rest,
    ...(price ? { price: structuredClone(price), plan: planOf(price) } : {}),
    ...(isMetered(priced) ? {} : { quantity: quantity ?? former ?? 1 }),
    metadata: mergeMetadata(item.metadata, metadata),
  }
}

interface Difference {
  from?: SubscriptionItem
  to?: SubscriptionItem
}

/** The items whose price or quantity has changed. */
function findPriceChanges(before: SubscriptionItem[], after: SubscriptionItem[]): Difference[] {
  const gone = before.filter((item) => !after.some((other) => other.id === item.id)).map((from) => ({ from }))
  const rest = after.map((to) => ({ from: before.find((item) => item.id === to.id), to }))
  return [
    ...gone,
    ...rest.filter(({ from, to }) => from?.price.id !== to.price.id || from.quantity !== to.quantity),
  ]
}

/** Adds a pending invoice item for the rest of a period: a credit with sign -1, a charge with sign 1. */
function prorate(
  engine: Engine,
  subscription: Subscription,
  item: SubscriptionItem,
  period: { start: number; end: number },
  now: number,
  sign: 1 | -1,
): void {
  const share = (period.end - now) / (period.end - period.start)
  if (isMetered(item.price)) return
  const full = Number(item.price.unit_amount_decimal ?? 0) * chargedQuantity(item.price, item.quantity)
  const amount = sign * Math.round(full * share)
  const day = new Date(now * 1000).toISOString().slice(0, 10)
  const pending: InvoiceItem = {
    id: engine.ids.next('ii_'),
    object: 'invoiceitem',
    amount,
    currency: subscription.currency,
    customer: subscription.customer,
    customer_account: null,
    date: now,
    description: `${sign < 0 ? 'Unused' : 'Remaining'} time on ${item.price.nickname ?? item.price.product} after ${day}`,
    discountable: false,
    discounts: [],
    invoice: null,
    livemode: engine.livemode,
    metadata: {},
    net_amount: amount,
    parent: {
      subscription_details: { subscription: subscription.id, subscription_item: item.id },
      type: 'subscription_details',
    },
    period: { start: now, end: period.end },
    pricing: {
      price_details: { price: item.price.id, product: item.price.product },
      type: 'price_details',
      unit_amount_decimal: item.price.unit_amount_decimal,
    },
    proration: true,
    quantity: item.quantity ?? 1,
    quantity_decimal: String(item.quantity ?? 1),
    tax_rates: [],
    test_clock: subscription.test_clock,
  }
  engine.store.add<'invoiceitem'>(pending)
  engine.emit('invoiceitem.created', pending)
}
