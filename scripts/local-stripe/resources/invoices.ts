/** Invoices, invoice payments and invoice items as API resources (https://docs.stripe.com/api/invoices). */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { createdListShape, listShape, paginate } from '../core/pagination.ts'
import {
  automaticTax,
  boolean,
  clearable,
  currency,
  hash,
  type Infer,
  integer,
  mergeMetadata,
  metadata,
  missing,
  oneOf,
  refused,
  refusedUnless,
  required,
  string,
  timestamp,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import { DAY_SECONDS } from '../core/time.ts'
import type { Invoice, InvoiceItem } from '../core/types.ts'
import { requireCustomer } from './customers.ts'
import {
  closeUnpaid,
  collect,
  draftInvoice,
  finalizeInvoice,
  lineFields,
  lineOfItem,
  markPaid,
  takePendingItems,
} from './invoicing.ts'

const sharedShape = {
  auto_advance: boolean(),
  collection_method: oneOf('charge_automatically', 'send_invoice'),
  days_until_due: integer({ min: 0 }),
  default_payment_method: clearable(string()),
  description: clearable(string(1500)),
  metadata: metadata(),
  automatic_tax: automaticTax(),
  ...refused(
    'application_fee_amount',
    'automatically_finalizes_at',
    'default_source',
    'default_tax_rates',
    'discounts',
    'on_behalf_of',
    'shipping_cost',
    'transfer_data',
  ),
  ...withoutEffect(
    'account_tax_ids',
    'custom_fields',
    'due_date',
    'effective_at',
    'footer',
    'issuer',
    'number',
    'payment_settings',
    'rendering',
    'shipping_details',
    'statement_descriptor',
  ),
}
const createShape = {
  ...sharedShape,
  currency: currency(),
  customer: required(string()),
  pending_invoice_items_behavior: oneOf('exclude', 'include'),
  subscription: string(),
  ...refused('from_invoice'),
  ...withoutEffect('customer_account'),
}
const payShape = {
  paid_out_of_band: boolean(),
  payment_method: string(),
  ...refused('forgive', 'source'),
  ...withoutEffect('mandate', 'off_session'),
}
const itemShape = {
  amount: integer(),
  currency: currency(),
  customer: string(),
  description: clearable(string()),
  invoice: string(),
  metadata: metadata(),
  pricing: hash({ price: string() }),
  quantity: integer({ min: 0 }),
  subscription: string(),
  period: hash({ start: required(timestamp()), end: required(timestamp()) }),
  discountable: refusedUnless('true'),
  ...refused('discounts', 'price_data', 'quantity_decimal', 'tax_rates', 'unit_amount_decimal'),
  ...withoutEffect('customer_account', 'tax_behavior', 'tax_code'),
}

function createInvoice(engine: Engine, params: Infer<typeof createShape>): Invoice {
  const customer = requireCustomer(engine, params.customer)
  const subscription =
    params.subscription === undefined
      ? undefined
      : engine.store.require('subscription', params.subscription, 'subscription')
  const id = engine.ids.next('in_')
  const included = subscription !== undefined || params.pending_invoice_items_behavior === 'include'
  const pending = engine.store
    .list('invoiceitem')
    .find((item) => included && item.customer === customer.id && item.invoice === null)
  return draftInvoice(engine, {
    id,
    customer: customer.id,
    currency: params.currency ?? subscription?.currency ?? pending?.currency ?? customer.currency ?? 'usd',
    lines: included ? takePendingItems(engine, id, customer.id, subscription?.id ?? null) : [],
    billingReason: 'manual',
    subscription,
    metadata: mergeMetadata({}, params.metadata),
    description: params.description,
    collectionMethod: params.collection_method,
    daysUntilDue: params.days_until_due,
    autoAdvance: params.auto_advance ?? false,
    defaultMethod: params.default_payment_method,
  })
}

export function createInvoiceItem(engine: Engine, params: Infer<typeof itemShape>): InvoiceItem {
  const { invoice: invoiceId } = params
  const invoice = invoiceId === undefined ? undefined : engine.store.require('invoice', invoiceId, 'invoice')
  if (invoice && invoice.status !== 'draft') {
    throw invalidRequest('The invoice is already finalized: only drafts take invoice items.', {
      code: 'invoice_not_editable',
      param: 'invoice',
    })
  }
  const customer = requireCustomer(engine, params.customer ?? invoice?.customer ?? '').id
  const priceId = params.pricing?.price
  const price = priceId === undefined ? undefined : engine.store.require('price', priceId, 'pricing[price]')
  if (params.subscription !== undefined)
    engine.store.require('subscription', params.subscription, 'subscription')
  const quantity = params.quantity ?? 1
  const amount = price ? Math.round(Number(price.unit_amount_decimal) * quantity) : params.amount
  if (amount === undefined) throw missing('amount')
  const now = engine.now(customer)
  const item: InvoiceItem = {
    id: engine.ids.next('ii_'),
    object: 'invoiceitem',
    amount,
    currency: price?.currency ?? params.currency ?? invoice?.currency ?? 'usd',
    customer,
    customer_account: null,
    date: now,
    description: params.description ?? null,
    discountable: true,
    discounts: [],
    invoice: invoice?.id ?? null,
    livemode: engine.livemode,
    metadata: mergeMetadata({}, params.metadata),
    net_amount: amount,
    parent:
      params.subscription === undefined
        ? null
        : { subscription_details: { subscription: params.subscription }, type: 'subscription_details' },
    period: params.period ?? { start: now, end: now },
    pricing: price
      ? {
          price_details: { price: price.id, product: price.product },
          type: 'price_details',
          unit_amount_decimal: price.unit_amount_decimal,
        }
      : null,
    proration: false,
    quantity,
    quantity_decimal: String(quantity),
    tax_rates: [],
    test_clock: engine.store.require('customer', customer).test_clock ?? null,
  }
  engine.store.add<'invoiceitem'>(item)
  engine.emit('invoiceitem.created', item)
  if (invoice)
    change(engine, invoice, lineFields(engine, invoice, [lineOfItem(engine, item)]), 'invoice.updated')
  return item
}

/**
 * Pays an open invoice. A draft is finalized first.
 * @throws the card error, or a request error when there is no payment method
 */
function payInvoice(engine: Engine, id: string, params: Infer<typeof payShape>): Invoice {
  const invoice = engine.store.require('invoice', id, 'invoice')
  if (invoice.status === 'draft') finalizeInvoice(engine, invoice)
  if (invoice.status === 'paid') {
    if (invoice.amount_due === 0) return invoice
    throw invalidRequest('Invoice is already paid', { code: 'invoice_already_paid' })
  }
  if (invoice.status === 'void') throw invalidRequest('The invoice is void and cannot be paid.')
  if (params.paid_out_of_band) return markPaid(engine, invoice, true)
  const failure = collect(engine, invoice, params.payment_method)
  if (failure) throw failure
  return invoice
}

const listInvoicesShape = {
  ...createdListShape,
  collection_method: string(),
  customer: string(),
  status: oneOf('draft', 'open', 'paid', 'uncollectible', 'void'),
  subscription: string(),
  ...withoutEffect('customer_account', 'due_date'),
}

export const invoiceRoutes: Route[] = [
  route('POST', '/v1/invoices', 'invoice', createShape, ({ engine, params }) =>
    createInvoice(engine, params),
  ),
  route('GET', '/v1/invoices', 'invoice', listInvoicesShape, ({ engine, params, path }) => {
    const found = engine.store
      .list('invoice')
      .filter(
        (invoice) =>
          (params.customer === undefined || invoice.customer === params.customer) &&
          (params.status === undefined || invoice.status === params.status) &&
          (params.collection_method === undefined ||
            invoice.collection_method === params.collection_method) &&
          (params.subscription === undefined ||
            invoice.parent?.subscription_details?.subscription === params.subscription),
      )
    return paginate(found, params, path, 'invoice')
  }),
  route('GET', '/v1/invoices/:id', 'invoice', {}, ({ engine, id }) => engine.store.require('invoice', id)),
  route('GET', '/v1/invoices/:id/lines', 'invoice', listShape, ({ engine, id, params, path }) =>
    paginate(engine.store.require('invoice', id).lines.data, params, path, 'line_item'),
  ),
  route('POST', '/v1/invoices/:id', 'invoice', sharedShape, ({ engine, id, params }) => {
    const invoice = engine.store.require('invoice', id)
    const changes: Partial<Invoice> = { metadata: mergeMetadata(invoice.metadata ?? {}, params.metadata) }
    if (params.auto_advance !== undefined) changes.auto_advance = params.auto_advance
    if (params.description !== undefined) changes.description = params.description
    if (params.collection_method !== undefined) changes.collection_method = params.collection_method
    if (params.days_until_due !== undefined)
      changes.due_date = engine.now(invoice.customer) + params.days_until_due * DAY_SECONDS
    if (params.default_payment_method !== undefined)
      changes.default_payment_method = params.default_payment_method
    return change(engine, invoice, changes, 'invoice.updated')
  }),
  route('DELETE', '/v1/invoices/:id', 'invoice', {}, ({ engine, id }) => {
    const invoice = engine.store.require('invoice', id)
    if (invoice.status !== 'draft' || invoice.parent) {
      throw invalidRequest('You can only delete draft invoices.', { code: 'invoice_not_editable' })
    }
    engine.emit('invoice.deleted', invoice)
    return engine.store.remove('invoice', id)
  }),
  route(
    'POST',
    '/v1/invoices/:id/finalize',
    'invoice',
    { ...withoutEffect('auto_advance') },
    ({ engine, id }) => finalizeInvoice(engine, engine.store.require('invoice', id)),
  ),
  route('POST', '/v1/invoices/:id/pay', 'invoice', payShape, ({ engine, id, params }) =>
    payInvoice(engine, id, params),
  ),
  route('POST', '/v1/invoices/:id/void', 'invoice', {}, ({ engine, id }) =>
    closeUnpaid(engine, engine.store.require('invoice', id), 'void'),
  ),
  route('POST', '/v1/invoices/:id/mark_uncollectible', 'invoice', {}, ({ engine, id }) =>
    closeUnpaid(engine, engine.store.require('invoice', id), 'uncollectible'),
  ),
  route(
    'GET',
    '/v1/invoice_payments',
    'invoice',
    {
      ...createdListShape,
      invoice: string(),
      payment: hash({ type: required(string()), payment_intent: string(), payment_record: string() }),
      status: oneOf('canceled', 'open', 'paid'),
    },
    ({ engine, params, path }) => {
      const found = engine.store
        .list('invoice_payment')
        .filter(
          (payment) =>
            (params.invoice === undefined || payment.invoice === params.invoice) &&
            (params.payment?.payment_intent === undefined ||
              payment.payment.payment_intent === params.payment.payment_intent) &&
            (params.status === undefined || payment.status === params.status),
        )
      return paginate(found, params, path, 'invoice_payment')
    },
  ),
  route('GET', '/v1/invoice_payments/:id', 'invoice', {}, ({ engine, id }) =>
    engine.store.require('invoice_payment', id),
  ),
  route('POST', '/v1/invoiceitems', 'invoice', itemShape, ({ engine, params }) =>
    createInvoiceItem(engine, params),
  ),
  route(
    'GET',
    '/v1/invoiceitems',
    'invoice',
    {
      ...createdListShape,
      customer: string(),
      invoice: string(),
      pending: boolean(),
      ...withoutEffect('customer_account'),
    },
    ({ engine, params, path }) => {
      const found = engine.store
        .list('invoiceitem')
        .filter(
          (item) =>
            (params.customer === undefined || item.customer === params.customer) &&
            (params.invoice === undefined || item.invoice === params.invoice) &&
            (params.pending === undefined || (item.invoice === null) === params.pending),
        )
      const page = paginate(
        found.map((item) => ({ id: item.id, created: item.date, item })),
        params,
        path,
        'invoiceitem',
      )
      return { ...page, data: page.data.map(({ item }) => item) }
    },
  ),
  route('GET', '/v1/invoiceitems/:id', 'invoice', {}, ({ engine, id }) =>
    engine.store.require('invoiceitem', id),
  ),
]
