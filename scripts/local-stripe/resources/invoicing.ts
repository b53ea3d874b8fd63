/**
 * The life of an invoice: drafted, finalized, paid or not (https://docs.stripe.com/invoicing/overview). The API
 * routes are in `invoices.ts`. The hooks `invoicePaid` and `invoiceUnpaid` announce its outcome to
 * `subscription-state.ts`.
 */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest, StripeFailure } from '../core/errors.ts'
import { DAY_SECONDS } from '../core/time.ts'
import type {
  CheckoutSession,
  Customer,
  Discount,
  Invoice,
  InvoiceItem,
  InvoiceLine,
  InvoicePayment,
  Metadata,
  PaymentIntent,
} from '../core/types.ts'
import { splitDiscount } from './coupons.ts'
import { defaultMethodOf, resolvePaymentMethod } from './payment-methods.ts'
import { type Charging, chargeMethod, createIntent, recordBalance } from './payments.ts'
import { shownTax, TAXED, taxOn } from './tax.ts'

/** One line of an invoice. Amounts are in minor units. */
export interface NewLine {
  amount: number
  description: string
  price: { id: string; product: string; unit_amount_decimal: string | null } | null
  quantity: number
  period: { start: number; end: number }
  subscription?: string
  subscriptionItem?: string
  invoiceItem?: string
  proration?: boolean
  /** Whether a discount applies. By default it does unless the line is a proration. */
  discountable?: boolean
  metadata?: Metadata
}

export interface NewInvoice {
  /** Set when another object must name the invoice before it exists. */
  id?: string
  customer: string
  currency: string
  lines: NewLine[]
  billingReason: string
  subscription?: {
    id: string
    metadata: Metadata
    default_payment_method: string | null
    automatic_tax?: { enabled: boolean }
  }
  /** Whether automatic tax applies. By default it does if it does for the subscription. */
  taxed?: boolean
  period?: { start: number; end: number }
  discount?: Discount
  metadata?: Metadata
  description?: string | null
  collectionMethod?: string
  daysUntilDue?: number | null
  autoAdvance?: boolean
  defaultMethod?: string | null
  shippingCost?: CheckoutSession['shipping_cost']
  /** Fields that show a parameter as it was sent. */
  shown?: Pick<Invoice, 'custom_fields' | 'footer'>
}

/** Drafts an invoice. */
export function draftInvoice(engine: Engine, draft: NewInvoice): Invoice {
  const customer = engine.store.require('customer', draft.customer, 'customer')
  const now = engine.now(draft.customer)
  const invoice = engine.store.add<'invoice'>({
    ...invoiceDefaults(engine, draft.id ?? engine.ids.next('in_'), customer, now),
    auto_advance: draft.autoAdvance ?? false,
    ...((draft.taxed ?? draft.subscription?.automatic_tax?.enabled) ? { automatic_tax: { ...TAXED } } : {}),
    billing_reason: draft.billingReason,
    collection_method: draft.collectionMethod ?? 'charge_automatically',
    currency: draft.currency,
    default_payment_method: draft.defaultMethod ?? null,
    description: draft.description ?? null,
    discounts: draft.discount ? [draft.discount.id] : [],
    due_date:
      draft.collectionMethod === 'send_invoice' ? now + (draft.daysUntilDue ?? 30) * DAY_SECONDS : null,
    metadata: draft.metadata ?? {},
    parent: draft.subscription ? parentOf(draft.subscription) : null,
    period_end: draft.period?.end ?? now,
    period_start: draft.period?.start ?? now,
    amount_shipping: draft.shippingCost?.amount_total ?? 0,
    shipping_cost: draft.shippingCost ? { ...draft.shippingCost, taxes: [] } : null,
    ...draft.shown,
  })
  Object.assign(invoice, lineFields(engine, invoice, draft.lines))
  engine.emit('invoice.created', invoice)
  return invoice
}

function parentOf(subscription: { id: string; metadata: Metadata }): Invoice['parent'] {
  return {
    quote_details: null,
    subscription_details: { metadata: { ...subscription.metadata }, subscription: subscription.id },
    type: 'subscription_details',
  }
}

/** An empty draft for a customer. */
function invoiceDefaults(
  engine: Engine,
  id: string,
  customer: Customer,
  now: number,
): Invoice & { object: 'invoice' } {
  return {
    id,
    object: 'invoice',
    account_country: 'US',
    account_name: 'Local Stripe',
    account_tax_ids: null,
    amount_due: 0,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_remaining: 0,
    amount_shipping: 0,
    application: null,
    attempt_count: 0,
    attempted: false,
    auto_advance: false,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
    automatically_finalizes_at: null,
    billing_reason: 'manual',
    collection_method: 'charge_automatically',
    created: now,
    currency: customer.currency ?? 'usd',
    custom_fields: null,
    customer: customer.id,
    customer_account: null,
    customer_address: customer.address ?? null,
    customer_email: customer.email,
    customer_name: customer.name ?? null,
    customer_phone: customer.phone ?? null,
    customer_shipping: null,
    customer_tax_exempt: customer.tax_exempt ?? 'none',
    customer_tax_ids: [],
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    due_date: null,
    effective_at: null,
    ending_balance: null,
    footer: null,
    from_invoice: null,
    hosted_invoice_url: null,
    invoice_pdf: null,
    issuer: { type: 'self' },
    last_finalization_error: null,
    latest_revision: null,
    lines: { object: 'list', data: [], has_more: false, total_count: 0, url: `/v1/invoices/${id}/lines` },
    livemode: engine.livemode,
    metadata: {},
    next_payment_attempt: null,
    number: null,
    on_behalf_of: null,
    parent: null,
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
    period_end: now,
    period_start: now,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: 0,
    statement_descriptor: null,
    status: 'draft',
    status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
    subtotal: 0,
    subtotal_excluding_tax: 0,
    test_clock: customer.test_clock ?? null,
    total: 0,
    total_discount_amounts: [],
    total_excluding_tax: 0,
    total_pretax_credit_amounts: [],
    total_taxes: [],
    webhooks_delivered_at: null,
  }
}

/** The fields of a draft that depend on its lines. */
export function lineFields(engine: Engine, invoice: Invoice, added: NewLine[]): Partial<Invoice> {
  const [discountId] = invoice.discounts
  const discount = discountId === undefined ? undefined : engine.store.get('discount', discountId)
  const coupon = discount?.source.coupon ? engine.store.get('coupon', discount.source.coupon) : undefined
  const data = [...invoice.lines.data, ...added.map((line) => createLine(engine, invoice, line))]
  const off = splitDiscount(
    coupon,
    data.map((line) => (line.discountable ? line.amount : 0)),
  )
  const taxed = invoice.automatic_tax.enabled
  const taxes = data.map((line, place) => (taxed ? taxOn(engine, line.amount - (off[place] ?? 0)) : 0))
  const lines = data.map((line, place) => ({
    ...line,
    ...(taxed ? { taxes: shownTax(taxes[place] ?? 0, line.amount - (off[place] ?? 0)) } : {}),
    discount_amounts: discount && off[place] ? [{ amount: off[place], discount: discount.id }] : [],
  }))
  const subtotal = lines.reduce((sum, line) => sum + line.amount, 0)
  const discounted = off.reduce((sum, amount) => sum + amount, 0)
  const tax = taxes.reduce((sum, amount) => sum + amount, 0)
  const untaxed = subtotal - discounted + invoice.amount_shipping
  const total = untaxed + tax
  return {
    lines: { ...invoice.lines, data: lines, total_count: lines.length },
    subtotal,
    subtotal_excluding_tax: subtotal,
    total,
    total_excluding_tax: untaxed,
    ...(taxed ? { total_taxes: shownTax(tax, subtotal - discounted) } : {}),
    total_discount_amounts: discount ? [{ amount: discounted, discount: discount.id }] : [],
    amount_due: Math.max(0, total),
    amount_remaining: Math.max(0, total),
  }
}

function createLine(engine: Engine, invoice: Invoice, line: NewLine): InvoiceLine {
  const proration = line.proration ?? false
  const details = { proration, proration_details: { credited_items: null } }
  return {
    id: engine.ids.next('il_'),
    object: 'line_item',
    amount: line.amount,
    currency: invoice.currency,
    description: line.description,
    discount_amounts: [],
    discountable: line.discountable ?? !proration,
    discounts: [],
    invoice: invoice.id,
    livemode: engine.livemode,
    metadata: line.metadata ?? {},
    parent: line.subscriptionItem
      ? {
          invoice_item_details: null,
          subscription_item_details: {
            invoice_item: line.invoiceItem ?? null,
            ...details,
            subscription: line.subscription ?? null,
            subscription_item: line.subscriptionItem,
          },
          type: 'subscription_item_details',
        }
      : {
          invoice_item_details: {
            invoice_item: line.invoiceItem ?? engine.ids.next('ii_'),
            ...details,
            subscription: line.subscription ?? null,
          },
          subscription_item_details: null,
          type: 'invoice_item_details',
        },
    period: line.period,
    pretax_credit_amounts: [],
    pricing: line.price
      ? {
          price_details: { price: line.price.id, product: line.price.product },
          type: 'price_details',
          unit_amount_decimal: line.price.unit_amount_decimal,
        }
      : null,
    quantity: line.quantity,
    quantity_decimal: String(line.quantity),
    subscription: line.subscription ?? null,
    subtotal: line.amount,
    taxes: [],
  }
}

/** The line that a pending invoice item becomes. */
export function lineOfItem(engine: Engine, item: InvoiceItem): NewLine {
  const id = item.pricing?.price_details?.price
  const price = id === undefined ? undefined : engine.store.get('price', id)
  return {
    amount: item.amount,
    description: item.description ?? '',
    price: price ?? null,
    quantity: item.quantity,
    period: item.period,
    invoiceItem: item.id,
    proration: item.proration,
    subscription: item.parent?.subscription_details?.subscription,
    subscriptionItem: item.parent?.subscription_details?.subscription_item,
    metadata: { ...(item.metadata ?? {}) },
  }
}

/** Moves the customer's pending invoice items (of one subscription, or of none) to an invoice. */
export function takePendingItems(
  engine: Engine,
  invoiceId: string,
  customer: string,
  subscription: string | null,
): NewLine[] {
  return engine.store
    .list('invoiceitem')
    .filter((item) => item.customer === customer && item.invoice === null)
    .filter((item) => (item.parent?.subscription_details?.subscription ?? null) === subscription)
    .reverse()
    .map((item) => {
      item.invoice = invoiceId
      return lineOfItem(engine, item)
    })
}

/**
 * Finalizes a draft: numbers it, uses the customer's credit and creates its payment. An invoice with nothing to pay is
 * paid at once.
 * @param paidBy a payment that has succeeded and pays this invoice
 */
export function finalizeInvoice(engine: Engine, invoice: Invoice, paidBy?: PaymentIntent): Invoice {
  if (invoice.status !== 'draft') {
    throw invalidRequest('This invoice is already finalized, you can’t re-finalize a non-draft invoice.', {
      code: 'invoice_not_editable',
    })
  }
  const customer = engine.store.require('customer', invoice.customer ?? '')
  const now = engine.now(customer.id)
  const starting = paidBy ? 0 : customer.balance
  const ending = invoice.total < 0 ? starting + invoice.total : Math.min(0, starting + invoice.total)
  const kept = starting > 0 ? 0 : ending
  const due = Math.max(0, invoice.total + starting)
  const sequence = customer.next_invoice_sequence ?? 1
  customer.next_invoice_sequence = sequence + 1
  if (!paidBy && kept !== starting) change(engine, customer, { balance: kept }, 'customer.updated')
  const page = `${engine.pagesUrl}/i/${invoice.id}`
  change(
    engine,
    invoice,
    {
      status: 'open',
      number: `${customer.invoice_prefix}-${String(sequence).padStart(4, '0')}`,
      amount_due: due,
      amount_remaining: due,
      automatically_finalizes_at: null,
      effective_at: now,
      webhooks_delivered_at: now,
      starting_balance: starting,
      ending_balance: kept,
      hosted_invoice_url: page,
      invoice_pdf: `${page}/pdf`,
      status_transitions: { ...invoice.status_transitions, finalized_at: now },
    },
    'invoice.finalized',
  )
  if (due > 0) addPayment(engine, invoice, paidBy ?? intentFor(engine, invoice))
  if (due === 0 || paidBy) markPaid(engine, invoice)
  return invoice
}

/** Creates the payment intent of a finalized invoice. */
function intentFor(engine: Engine, invoice: Invoice): PaymentIntent {
  const forSubscription = invoice.billing_reason === 'subscription_create'
  return createIntent(engine, {
    amount: invoice.amount_due,
    currency: invoice.currency,
    customer: invoice.customer,
    description: forSubscription
      ? 'Subscription creation'
      : invoice.parent
        ? 'Subscription update'
        : invoice.description,
    orderReference: invoice.id,
    setupFutureUsage: invoice.parent ? 'off_session' : null,
  })
}

/** Connects an invoice and its payment. */
function addPayment(engine: Engine, invoice: Invoice, intent: PaymentIntent): void {
  engine.store.add<'invoice_payment'>({
    id: engine.ids.next('inpay_'),
    object: 'invoice_payment',
    amount_paid: null,
    amount_requested: invoice.amount_due,
    created: engine.now(invoice.customer),
    currency: invoice.currency,
    invoice: invoice.id,
    is_default: true,
    livemode: engine.livemode,
    payment: { payment_intent: intent.id, type: 'payment_intent' },
    status: 'open',
    status_transitions: { canceled_at: null, paid_at: null },
  })
}

/** The default payment of an invoice, if it has one. */
export function defaultPaymentOf(engine: Engine, invoice: string): InvoicePayment | undefined {
  return engine.store
    .list('invoice_payment')
    .find((payment) => payment.invoice === invoice && payment.is_default)
}

/**
 * Tries to collect an open invoice.
 * @param chosen the payment method; by default that of the invoice, its subscription or its customer
 * @returns the error when the payment failed, or null when it succeeded, is processing or needs the customer
 */
export function collect(
  engine: Engine,
  invoice: Invoice,
  chosen?: string | null,
  charging: Charging = {},
): StripeFailure | null {
  const payment = defaultPaymentOf(engine, invoice.id)
  const intent = payment && engine.store.require('payment_intent', payment.payment.payment_intent ?? '')
  if (!intent || intent.status === 'processing') return null
  const subscription = engine.store.get(
    'subscription',
    invoice.parent?.subscription_details?.subscription ?? '',
  )
  const id =
    chosen ??
    invoice.default_payment_method ??
    subscription?.default_payment_method ??
    defaultMethodOf(engine, invoice.customer)
  const failure = id
    ? chargeMethod(engine, intent, resolvePaymentMethod(engine, id), charging)
    : missingMethod()
  if (failure) markFailed(engine, invoice)
  else if (intent.status === 'requires_action') awaitAction(engine, invoice)
  else if (intent.status === 'succeeded') markPaid(engine, invoice)
  else
    change(engine, invoice, { attempted: true, attempt_count: invoice.attempt_count + 1 }, 'invoice.updated')
  if (intent.status === 'processing') engine.announce('invoicePaid', invoice)
  recordBalance(engine, intent)
  return failure
}

/** Waits for the customer, who must authenticate the payment. A renewal counts as failed until then. */
function awaitAction(engine: Engine, invoice: Invoice): void {
  if (invoice.billing_reason !== 'subscription_create') markFailed(engine, invoice)
  else change(engine, invoice, { attempted: true }, 'invoice.updated')
  engine.emit('invoice.payment_action_required', invoice)
}

function missingMethod(): StripeFailure {
  return new StripeFailure(400, {
    type: 'invalid_request_error',
    code: 'missing_payment_method',
    message:
      'This customer has no attached payment source or default payment method. Please consider adding a default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.',
  })
}

/** Marks an invoice as paid, and announces it. */
export function markPaid(engine: Engine, invoice: Invoice, outOfBand = false): Invoice {
  const now = engine.now(invoice.customer)
  const payment = defaultPaymentOf(engine, invoice.id)
  const tried = outOfBand || payment ? 1 : 0
  change(
    engine,
    invoice,
    {
      status: 'paid',
      amount_paid: invoice.amount_due,
      amount_remaining: 0,
      ...(outOfBand ? { amount_paid_off_stripe: invoice.amount_due } : {}),
      attempted: true,
      attempt_count: outOfBand ? invoice.attempt_count : invoice.attempt_count + tried,
      auto_advance: false,
      next_payment_attempt: null,
      status_transitions: { ...invoice.status_transitions, paid_at: now },
    },
    'invoice.updated',
    'invoice.paid',
    'invoice.payment_succeeded',
  )
  if (payment && outOfBand) cancelPayment(engine, payment)
  else if (payment) {
    change(
      engine,
      payment,
      {
        status: 'paid',
        amount_paid: payment.amount_requested,
        status_transitions: { ...payment.status_transitions, paid_at: now },
      },
      'invoice_payment.paid',
    )
  }
  setDelinquent(engine, invoice, false)
  engine.announce('invoicePaid', invoice)
  return invoice
}

/** The customer is delinquent after a failed automatic payment, until an invoice is paid or given up. */
function setDelinquent(engine: Engine, invoice: Invoice, delinquent: boolean): void {
  const customer = engine.store.get('customer', invoice.customer ?? '')
  if (customer) change(engine, customer, { delinquent }, 'customer.updated')
}

/** Cancels the payment of an invoice that is void or was paid in another way. */
function cancelPayment(engine: Engine, payment: InvoicePayment): void {
  const invoice = engine.store.get('invoice', payment.invoice)
  const now = engine.now(invoice?.customer)
  const intent = engine.store.get('payment_intent', payment.payment.payment_intent ?? '')
  change(engine, payment, {
    status: 'canceled',
    status_transitions: { ...payment.status_transitions, canceled_at: now },
  })
  if (intent && intent.status !== 'succeeded') {
    change(
      engine,
      intent,
      { status: 'canceled', canceled_at: now, cancellation_reason: 'void_invoice', last_payment_error: null },
      'payment_intent.canceled',
    )
  }
}

/** Records a failed attempt, announces it, and plans the next retry of a renewal. */
export function markFailed(engine: Engine, invoice: Invoice): void {
  const now = engine.now(invoice.customer)
  const attempts = invoice.attempt_count + 1
  const renewal = invoice.billing_reason === 'subscription_cycle'
  const wait = renewal && invoice.auto_advance ? engine.dunning.retryDays[attempts - 1] : undefined
  const next = wait === undefined ? null : now + wait * DAY_SECONDS
  change(
    engine,
    invoice,
    { attempted: true, attempt_count: attempts, next_payment_attempt: next },
    'invoice.updated',
    'invoice.payment_failed',
  )
  if (invoice.billing_reason !== 'subscription_create') setDelinquent(engine, invoice, true)
  engine.schedule('collectInvoice', invoice.id, invoice.customer, next)
  engine.announce('invoiceUnpaid', invoice)
}

/** Closes an unpaid invoice as void or uncollectible. */
export function closeUnpaid(engine: Engine, invoice: Invoice, status: 'void' | 'uncollectible'): Invoice {
  const allowed = status === 'void' ? ['open', 'uncollectible'] : ['open', 'draft']
  if (!allowed.includes(invoice.status ?? '')) {
    throw invalidRequest(
      `You can only pass in ${status === 'void' ? 'open or uncollectible' : 'open'} invoices. This invoice isn't open.`,
      { code: 'invoice_not_editable' },
    )
  }
  const now = engine.now(invoice.customer)
  const moment = status === 'void' ? 'voided_at' : 'marked_uncollectible_at'
  const payment = defaultPaymentOf(engine, invoice.id)
  engine.schedule('collectInvoice', invoice.id, null, null)
  change(
    engine,
    invoice,
    {
      status,
      auto_advance: false,
      next_payment_attempt: null,
      ...(status === 'void' ? { amount_remaining: invoice.amount_remaining } : {}),
      status_transitions: { ...invoice.status_transitions, [moment]: now },
    },
    'invoice.updated',
    status === 'void' ? 'invoice.voided' : 'invoice.marked_uncollectible',
  )
  if (payment && status === 'void') cancelPayment(engine, payment)
  if (status === 'uncollectible') setDelinquent(engine, invoice, false)
  return invoice
}
