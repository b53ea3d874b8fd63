/**
 * Renders objects of the pinned API version in older ones. One pure function undoes each change of
 * https://docs.stripe.com/changelog, newest first. It looks up other objects that the old shape shows in the store.
 */
import { planOf } from './plan.ts'
import type { Store } from './store.ts'
import type { Invoice, InvoiceLine, Json, StripeObject, Subscription } from './types.ts'

/** The version of the stored objects: the one that the SDK pins. */
export const PINNED_VERSION = '2026-10-28.endive'

interface Change {
  /** Versions before this one have the old shape. */
  since: string
  object: string
  undo: (object: Json, store: Store) => void
}

/** Renders the object in `version` (a date, with or without a release name). It changes the given object. */
export function renderObject<T extends object>(object: T, version: string, store: Store): Json {
  const json = object as unknown as Json
  if (version !== PINNED_VERSION && !json.deleted) undoChanges(json, version.slice(0, 10), store)
  return json
}

function undoChanges(value: unknown, date: string, store: Store): void {
  if (Array.isArray(value)) for (const item of value) undoChanges(item, date, store)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return
  const json = value as Json
  for (const change of CHANGES)
    if (change.object === json.object && date < change.since) change.undo(json, store)
  for (const item of Object.values(json)) undoChanges(item, date, store)
}

const CHANGES: Change[] = [
  {
    since: '2026-03-25',
    object: 'checkout.session',
    undo: (session) => {
      const older: Record<string, string> = {
        hosted_page: 'hosted',
        embedded_page: 'embedded',
        elements: 'custom',
      }
      session.ui_mode = older[String(session.ui_mode)] ?? session.ui_mode
    },
  },
  {
    since: '2025-09-30',
    object: 'discount',
    undo: (discount, store) => {
      const { coupon } = discount.source as { coupon: string | null }
      discount.coupon = (coupon && structuredClone(store.get('coupon', coupon))) || null
      delete discount.source
    },
  },
  {
    since: '2025-09-30',
    object: 'promotion_code',
    undo: (promotion, store) => {
      const { coupon } = promotion.promotion as { coupon: string | Json | null }
      promotion.coupon =
        typeof coupon === 'string' ? (structuredClone(store.get('coupon', coupon)) ?? null) : coupon
      delete promotion.promotion
    },
  },
  { since: '2025-03-31', object: 'checkout.session', undo: undoCollectedInformation },
  { since: '2025-03-31', object: 'subscription', undo: undoItemPeriods },
  {
    since: '2025-03-31',
    object: 'subscription_item',
    undo: dropKeys('current_period_start', 'current_period_end'),
  },
  { since: '2025-03-31', object: 'line_item', undo: undoLinePricing },
  { since: '2025-03-31', object: 'invoice', undo: undoInvoiceParent },
  {
    since: '2025-03-31',
    object: 'payment_intent',
    undo: (intent, store) => linkInvoice(intent, intent.id, store),
  },
  {
    since: '2025-03-31',
    object: 'charge',
    undo: (charge, store) => linkInvoice(charge, charge.payment_intent, store),
  },
  {
    since: '2022-11-15',
    object: 'payment_intent',
    undo: (intent, store) => {
      const charges = store.list('charge').filter((charge) => charge.payment_intent === intent.id)
      intent.charges = {
        object: 'list',
        data: structuredClone(charges),
        has_more: false,
        total_count: charges.length,
        url: `/v1/charges?payment_intent=${intent.id}`,
      }
      delete intent.latest_charge
    },
  },
  {
    since: '2022-11-15',
    object: 'charge',
    undo: (charge, store) => {
      const refunds = store.list('refund').filter((refund) => refund.charge === charge.id)
      charge.refunds = {
        object: 'list',
        data: structuredClone(refunds),
        has_more: false,
        total_count: refunds.length,
        url: `/v1/charges/${charge.id}/refunds`,
      }
    },
  },
]

function dropKeys(...keys: string[]): Change['undo'] {
  return (object) => {
    for (const key of keys) delete object[key]
  }
}

function undoCollectedInformation(session: Json): void {
  const collected = session.collected_information as { shipping_details?: unknown } | null
  session.shipping_details = collected?.shipping_details ?? null
  delete session.collected_information
}

/** Older subscriptions had the period and the discount themselves. */
function undoItemPeriods(subscription: Json, store: Store): void {
  const [first] = (subscription as unknown as Subscription).items.data
  subscription.current_period_start = first?.current_period_start ?? null
  subscription.current_period_end = first?.current_period_end ?? null
  subscription.discount = firstDiscount(subscription.discounts, store)
}

function firstDiscount(ids: unknown, store: Store): Json | null {
  const [id] = ids as string[]
  const found = id === undefined ? undefined : store.get('discount', id)
  return found ? (structuredClone(found) as unknown as Json) : null
}

/** Older lines showed the price and its plan. */
function undoLinePricing(line: Json, store: Store): void {
  const { pricing, parent } = line as unknown as InvoiceLine
  const found = pricing?.price_details && store.get('price', pricing.price_details.price)
  const details = parent?.subscription_item_details ?? null
  line.price = found ? structuredClone(found) : null
  line.plan = found?.recurring ? planOf(found) : null
  line.proration = details?.proration ?? parent?.invoice_item_details?.proration ?? false
  line.subscription = details?.subscription ?? parent?.invoice_item_details?.subscription ?? null
  line.type = details ? 'subscription' : 'invoiceitem'
  if (details) line.subscription_item = details.subscription_item
  else line.invoice_item = parent?.invoice_item_details?.invoice_item ?? null
  delete line.pricing
  delete line.parent
}

/** Older invoices named their subscription, payment intent and charge. */
function undoInvoiceParent(invoice: Json, store: Store): void {
  const { id, parent, status } = invoice as unknown as Invoice
  const details = parent?.subscription_details ?? null
  const payment = store
    .list('invoice_payment')
    .find((candidate) => candidate.invoice === id && candidate.is_default)
  const intent = payment?.payment.payment_intent ?? null
  invoice.subscription = details?.subscription ?? null
  invoice.subscription_details = details ? { metadata: details.metadata } : null
  invoice.payment_intent = intent
  invoice.charge = (intent && store.get('payment_intent', intent)?.latest_charge) || null
  invoice.paid = status === 'paid'
  invoice.paid_out_of_band = status === 'paid' && payment === undefined && (invoice.amount_due as number) > 0
  invoice.discount = firstDiscount(invoice.discounts, store)
  invoice.tax = null
  invoice.quote = null
  delete invoice.parent
  delete invoice.payments
}

function linkInvoice(object: Json, intent: unknown, store: Store): void {
  const payment = store
    .list('invoice_payment')
    .find((candidate) => candidate.payment.payment_intent === intent)
  object.invoice = (intent && payment?.invoice) || null
}

/** Whether this is an object of the API and not only a hash. */
export function isStripeObject(value: unknown): value is StripeObject {
  return typeof value === 'object' && value !== null && 'object' in value && 'id' in value
}
