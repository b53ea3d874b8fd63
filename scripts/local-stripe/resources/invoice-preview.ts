/**
 * Previews of invoices (https://docs.stripe.com/api/invoices/create_preview). The change that is previewed is made in a
 * copy of the account, which is thrown away.
 */

import type { Engine } from '../core/engine.ts'
import { invalidRequest, noSuch, StripeFailure } from '../core/errors.ts'
import {
  automaticTax,
  boolean,
  clearable,
  currency,
  hash,
  type Infer,
  integer,
  list,
  metadata,
  missing,
  oneOf,
  refused,
  refusedUnless,
  string,
  timestamp,
  timestampOrNow,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import { HOUR_SECONDS } from '../core/time.ts'
import type { Invoice, Subscription } from '../core/types.ts'
import { createEngine } from '../create-engine.ts'
import { createCustomer } from './customers.ts'
import { createInvoiceItem } from './invoices.ts'
import { billingMode } from './shared-shapes.ts'
import { startPeriod } from './subscription-state.ts'
import { createFromApi, itemChangeShape, updateSubscription } from './subscriptions.ts'

const invoiceItemShape = hash({
  amount: integer(),
  currency: currency(),
  description: string(),
  metadata: metadata(),
  period: hash({ start: timestamp(), end: timestamp() }),
  price: string(),
  quantity: integer({ min: 0 }),
  discountable: refusedUnless('true'),
  ...refused(
    'discounts',
    'invoiceitem',
    'price_data',
    'quantity_decimal',
    'tax_rates',
    'unit_amount',
    'unit_amount_decimal',
  ),
  ...withoutEffect('tax_behavior', 'tax_code'),
})
const detailsShape = {
  cancel_at: clearable(timestamp()),
  cancel_at_period_end: boolean(),
  items: list(itemChangeShape, { max: 20 }),
  proration_behavior: oneOf('always_invoice', 'create_prorations', 'none'),
  trial_end: timestampOrNow(),
  billing_cycle_anchor: refusedUnless('unchanged'),
  ...refused('cancel_now', 'default_tax_rates', 'proration_date', 'resume_at', 'start_date'),
}
const previewShape = {
  currency: currency(),
  customer: string(),
  invoice_items: list(invoiceItemShape, { max: 250 }),
  subscription: string(),
  automatic_tax: automaticTax(),
  ...refused('discounts', 'schedule', 'schedule_details'),
}
const createPreviewShape = {
  ...previewShape,
  subscription_details: hash({
    ...detailsShape,
    billing_mode: billingMode,
    ...refused('billing_schedules'),
    ...withoutEffect('metadata'),
  }),
  preview_mode: refusedUnless('next'),
  ...refused('on_behalf_of'),
  ...withoutEffect('customer_account', 'customer_details', 'issuer'),
}
const upcomingShape = {
  ...previewShape,
  subscription_cancel_at: detailsShape.cancel_at,
  subscription_cancel_at_period_end: detailsShape.cancel_at_period_end,
  subscription_items: detailsShape.items,
  subscription_proration_behavior: detailsShape.proration_behavior,
  subscription_trial_end: detailsShape.trial_end,
  subscription_details: hash(detailsShape),
  coupon: refusedUnless(''),
  ...refused(
    'subscription_billing_cycle_anchor',
    'subscription_cancel_now',
    'subscription_default_tax_rates',
    'subscription_proration_date',
    'subscription_start_date',
  ),
}

type PreviewParams = Omit<Infer<typeof createPreviewShape>, 'automatic_tax'>
type Details = NonNullable<PreviewParams['subscription_details']>

/** A copy of an account at this moment, in which nothing is delivered and nothing is planned. */
function copyOf(engine: Engine): Engine {
  const { accountId, livemode, dunning, pagesUrl } = engine
  const copy = createEngine({
    accountId,
    livemode,
    dunning,
    pagesUrl,
    now: () => new Date(engine.now() * 1000),
  })
  for (const object of engine.store.all()) {
    if (!('deleted' in object)) copy.store.add(structuredClone(object) as never)
  }
  for (const [id, behaviour] of engine.behaviours) copy.behaviours.set(id, behaviour)
  return copy
}

function noUpcoming(customer: string): StripeFailure {
  return new StripeFailure(404, {
    type: 'invalid_request_error',
    code: 'invoice_upcoming_none',
    message: `No upcoming invoices for customer: ${customer}`,
  })
}

/** The next invoice of a customer or subscription, after the changes that the request names. */
function previewInvoice(engine: Engine, params: PreviewParams): Invoice {
  const { subscription_details: details = {} } = params
  const named = details.items?.find((item) => item.id !== undefined)?.id
  const id = params.subscription ?? (named && engine.store.get('subscription_item', named)?.subscription)
  const known = id === undefined ? undefined : engine.store.require('subscription', id, 'subscription')
  if (params.customer !== undefined) engine.store.require('customer', params.customer, 'customer')
  if (known && params.customer !== undefined && known.customer !== params.customer)
    throw invalidRequest('The subscription does not belong to this customer.', { param: 'subscription' })
  const copy = copyOf(engine)
  const news = details.items !== undefined && !known
  const customer = known?.customer ?? params.customer ?? (news ? createCustomer(copy, {}).id : undefined)
  if (customer === undefined) throw missing('customer')
  const owner = known ?? (news ? undefined : nextToRenew(engine, customer))
  for (const { price, ...item } of params.invoice_items ?? []) {
    const period = item.period && { start: item.period.start ?? 0, end: item.period.end ?? 0 }
    const pricing = price === undefined ? undefined : { price }
    createInvoiceItem(copy, { ...item, period, pricing, customer, subscription: owner?.id })
  }
  const { balance } = copy.store.require('customer', customer)
  if (news) return draftOf(copy, subscribe(copy, customer, details), balance)
  if (!owner) throw noUpcoming(customer)
  return previewRenewal(copy, owner.id, details, balance)
}

/** The first invoice of a subscription that does not exist yet. */
function subscribe(copy: Engine, customer: string, details: Details): string {
  const items = (details.items ?? []).map(({ id: _id, deleted: _deleted, ...item }) => item)
  const { cancel_at, cancel_at_period_end, trial_end } = details
  const subscription = createFromApi(copy, {
    customer,
    items,
    cancel_at,
    cancel_at_period_end,
    trial_end,
    payment_behavior: 'default_incomplete',
  })
  return String(subscription.latest_invoice)
}

function previewRenewal(copy: Engine, id: string, details: Details, balance: number): Invoice {
  const { cancel_at, cancel_at_period_end, items, proration_behavior, trial_end } = details
  const before = new Set(copy.store.list('invoice').map((invoice) => invoice.id))
  const changed = Object.keys(details).length > 0
  if (changed)
    updateSubscription(copy, id, { cancel_at, cancel_at_period_end, items, proration_behavior, trial_end })
  const subscription = copy.store.require('subscription', id)
  const made = copy.store.list('invoice').find((invoice) => !before.has(invoice.id))
  if (made) return draftOf(copy, made.id, balance)
  const ends = subscription.ended_at !== null || subscription.cancel_at_period_end
  if (ends) throw noUpcoming(subscription.customer)
  const renewal = startPeriod(copy, subscription, 'subscription_cycle')
  const created = renewal.period_end
  const draft = draftOf(copy, renewal.id, balance)
  return { ...draft, billing_reason: 'upcoming', created, next_payment_attempt: created + HOUR_SECONDS }
}

/** The customer's subscription that renews first. */
function nextToRenew(engine: Engine, customer: string): Subscription | undefined {
  const endOf = (item: Subscription) => item.items.data[0]?.current_period_end ?? 0
  return engine.store
    .list('subscription')
    .filter((item) => item.customer === customer && item.ended_at === null && !item.cancel_at_period_end)
    .sort((a, b) => endOf(a) - endOf(b))[0]
}

/** The invoice as it was drafted, with the customer's credit. */
function draftOf(copy: Engine, id: string, balance: number): Invoice {
  const drafted = copy.events.find(
    ({ event }) => event.type === 'invoice.created' && event.data.object.id === id,
  )
  if (!drafted) throw noSuch('invoice', id)
  const draft = structuredClone(drafted.event.data.object) as unknown as Invoice
  const due = Math.max(0, draft.total + balance)
  return {
    ...draft,
    id: `upcoming_${id}`,
    amount_due: due,
    amount_remaining: due,
    auto_advance: true,
    starting_balance: balance,
  }
}

/** Versions from this one on have no `GET /v1/invoices/upcoming`. */
const UPCOMING_REMOVED = '2025-03-31'

export const invoicePreviewRoutes: Route[] = [
  route('POST', '/v1/invoices/create_preview', 'invoice', createPreviewShape, ({ engine, params }) =>
    previewInvoice(engine, params),
  ),
  route('GET', '/v1/invoices/upcoming', 'invoice', upcomingShape, ({ engine, params, version }) => {
    if (version.slice(0, 10) >= UPCOMING_REMOVED) throw noSuch('invoice', 'upcoming')
    const details: Details = {
      cancel_at: params.subscription_cancel_at,
      cancel_at_period_end: params.subscription_cancel_at_period_end,
      items: params.subscription_items,
      proration_behavior: params.subscription_proration_behavior,
      trial_end: params.subscription_trial_end,
      ...params.subscription_details,
    }
    const sent = Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined))
    const { customer, currency: asked, invoice_items, subscription } = params
    const preview = previewInvoice(engine, {
      customer,
      currency: asked,
      invoice_items,
      subscription,
      subscription_details: sent as Details,
    })
    const { id: _id, ...shown } = preview
    return shown
  }),
]
