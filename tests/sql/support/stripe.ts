/**
 * Small builders of Stripe objects and events: the fields that a projection reads, in today's shape unless the name
 * says otherwise. Times are whole seconds; `T` is when most things here begin.
 */

// biome-ignore lint/suspicious/noExplicitAny: bodies of Stripe are open, and tests lay anything over them
export type Json = Record<string, any>

export const T = 1_760_000_000

let serial = 0
/** An id that no other object of the file has. */
export const newId = (prefix: string) => `${prefix}_${(++serial).toString().padStart(6, '0')}`

export const at = (seconds: number) => new Date(seconds * 1000)

export type EventOptions = {
  id?: string
  created?: number
  /** `data.previous_attributes` */
  previous?: Json
  account?: string
  livemode?: boolean
}

export function eventOf(type: string, object: Json, options: EventOptions = {}): Json {
  return {
    id: options.id ?? newId('evt'),
    object: 'event',
    ...(options.account ? { account: options.account } : {}),
    api_version: '2026-10-28.endive',
    created: options.created ?? T,
    data: options.previous ? { object, previous_attributes: options.previous } : { object },
    livemode: options.livemode ?? false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type,
  }
}

/** The metadata that a checkout begun here leaves on everything it makes. */
export const subjectMetadata = (type: string, id: string) => ({
  payments_subject_type: type,
  payments_subject_id: id,
})

export const product = (more: Json = {}): Json => ({
  id: newId('prod'),
  object: 'product',
  active: true,
  created: T,
  default_price: null,
  description: null,
  livemode: false,
  metadata: {},
  name: 'Tea',
  ...more,
})

export const price = (more: Json = {}): Json => ({
  id: newId('price'),
  object: 'price',
  active: true,
  billing_scheme: 'per_unit',
  created: T,
  currency: 'usd',
  livemode: false,
  lookup_key: null,
  metadata: {},
  product: 'prod_1',
  recurring: null,
  tax_behavior: 'unspecified',
  type: 'one_time',
  unit_amount: 1000,
  unit_amount_decimal: '1000',
  ...more,
})

export const monthlyPrice = (more: Json = {}): Json =>
  price({
    type: 'recurring',
    recurring: { interval: 'month', interval_count: 1, usage_type: 'licensed' },
    ...more,
  })

export const customer = (more: Json = {}): Json => ({
  id: newId('cus'),
  object: 'customer',
  created: T,
  email: 'ada@example.com',
  livemode: false,
  metadata: {},
  name: 'Ada',
  phone: null,
  ...more,
})

export const checkoutSession = (more: Json = {}): Json => ({
  id: newId('cs'),
  object: 'checkout.session',
  amount_subtotal: 1000,
  amount_total: 1000,
  cancel_url: 'https://shop.example/cancel',
  client_reference_id: null,
  created: T,
  currency: 'usd',
  customer: null,
  customer_details: { email: 'ada@example.com' },
  customer_email: null,
  expires_at: T + 86_400,
  invoice: null,
  livemode: false,
  metadata: {},
  mode: 'payment',
  payment_intent: null,
  payment_link: null,
  payment_status: 'paid',
  status: 'complete',
  subscription: null,
  success_url: 'https://shop.example/success',
  url: null,
  ...more,
})

/** The answer of the API to a new session: nobody has paid yet, and by the clock of the database there is time. */
export const openSession = (more: Json = {}): Json => {
  const session = checkoutSession({
    customer_details: null,
    expires_at: 4_000_000_000,
    payment_status: 'unpaid',
    status: 'open',
    ...more,
  })
  return { ...session, url: `https://checkout.stripe.com/c/pay/${session.id}`, ...more }
}

export const subscriptionItem = (more: Json = {}): Json => ({
  id: newId('si'),
  object: 'subscription_item',
  created: T,
  current_period_end: T + 2_592_000,
  current_period_start: T,
  metadata: {},
  price: { id: 'price_team', object: 'price', product: 'prod_team' },
  quantity: 1,
  ...more,
})

const list = (data: Json[]) => ({ object: 'list', data, has_more: false })

export const subscription = ({ items, ...more }: Json = {}): Json => ({
  id: newId('sub'),
  object: 'subscription',
  cancel_at: null,
  cancel_at_period_end: false,
  canceled_at: null,
  created: T,
  currency: 'usd',
  customer: 'cus_team',
  ended_at: null,
  items: list(items ?? [subscriptionItem()]),
  latest_invoice: null,
  livemode: false,
  metadata: {},
  status: 'active',
  trial_end: null,
  trial_start: null,
  ...more,
})

/** As before 2025-03-31.basil: the period is on the subscription. */
export function subscriptionBeforeBasil({ items, ...more }: Json = {}): Json {
  const whole = subscription({ items: items ?? [subscriptionItem()], ...more })
  const [first] = whole.items.data
  const withoutPeriod = whole.items.data.map(
    ({ current_period_end, current_period_start, ...item }: Json) => item,
  )
  return {
    ...whole,
    current_period_end: first.current_period_end,
    current_period_start: first.current_period_start,
    discount: null,
    items: list(withoutPeriod),
    ...more,
  }
}

export const invoiceLine = (more: Json = {}): Json => ({
  id: newId('il'),
  object: 'line_item',
  amount: 1000,
  metadata: {},
  parent: null,
  pricing: { price_details: { price: 'price_team', product: 'prod_team' }, type: 'price_details' },
  quantity: 1,
  ...more,
})

/** A paid invoice; `subscription` ties it to one, as under `parent`. */
export function invoice({
  subscription: subscriptionId,
  lines,
  subscription_metadata,
  ...more
}: Json = {}): Json {
  return {
    id: newId('in'),
    object: 'invoice',
    amount_due: 1000,
    amount_paid: 1000,
    amount_remaining: 0,
    attempt_count: 1,
    created: T,
    currency: 'usd',
    customer: 'cus_team',
    customer_email: 'ada@example.com',
    description: null,
    lines: list(lines ?? [invoiceLine()]),
    livemode: false,
    metadata: {},
    parent: subscriptionId
      ? {
          quote_details: null,
          subscription_details: { metadata: subscription_metadata ?? {}, subscription: subscriptionId },
          type: 'subscription_details',
        }
      : null,
    status: 'paid',
    status_transitions: { finalized_at: T, marked_uncollectible_at: null, paid_at: T, voided_at: null },
    ...more,
  }
}

/** As before 2025-03-31.basil: subscription, PaymentIntent and charge are named by the invoice itself. */
export function invoiceBeforeBasil({
  subscription: id,
  lines,
  subscription_metadata,
  ...more
}: Json = {}): Json {
  const { parent, ...whole } = invoice({
    lines: lines ?? [
      {
        id: newId('il'),
        object: 'line_item',
        amount: 1000,
        metadata: {},
        plan: { id: 'price_team', object: 'plan', product: 'prod_team' },
        price: { id: 'price_team', object: 'price', product: 'prod_team' },
        proration: false,
      },
    ],
  })
  return {
    ...whole,
    charge: null,
    paid: true,
    payment_intent: null,
    subscription: id ?? null,
    subscription_details: { metadata: subscription_metadata ?? {} },
    ...more,
  }
}

export const invoicePayment = (more: Json = {}): Json => ({
  id: newId('inpay'),
  object: 'invoice_payment',
  amount_paid: 1000,
  amount_requested: 1000,
  created: T,
  currency: 'usd',
  invoice: 'in_1',
  is_default: true,
  livemode: false,
  payment: { payment_intent: 'pi_1', type: 'payment_intent' },
  status: 'paid',
  status_transitions: { canceled_at: null, paid_at: T },
  ...more,
})

export const paymentIntent = (more: Json = {}): Json => ({
  id: newId('pi'),
  object: 'payment_intent',
  amount: 1000,
  amount_received: 1000,
  created: T,
  currency: 'usd',
  customer: null,
  description: null,
  last_payment_error: null,
  latest_charge: null,
  livemode: false,
  metadata: {},
  receipt_email: null,
  status: 'succeeded',
  ...more,
})

/** A PaymentIntent whose last attempt was declined. */
export const declined = (more: Json = {}): Json =>
  paymentIntent({
    amount_received: 0,
    last_payment_error: { code: 'card_declined', type: 'card_error' },
    status: 'requires_payment_method',
    ...more,
  })

export const charge = (more: Json = {}): Json => ({
  id: newId('ch'),
  object: 'charge',
  amount: 1000,
  amount_captured: 1000,
  amount_refunded: 0,
  billing_details: { email: 'ada@example.com' },
  created: T,
  currency: 'usd',
  customer: null,
  description: null,
  livemode: false,
  metadata: {},
  paid: true,
  payment_intent: null,
  receipt_email: null,
  refunded: false,
  status: 'succeeded',
  ...more,
})

export const refund = (more: Json = {}): Json => ({
  id: newId('re'),
  object: 'refund',
  amount: 1000,
  charge: null,
  created: T,
  currency: 'usd',
  metadata: {},
  payment_intent: null,
  reason: null,
  status: 'succeeded',
  ...more,
})

export const dispute = (more: Json = {}): Json => ({
  id: newId('dp'),
  object: 'dispute',
  amount: 1000,
  charge: null,
  created: T,
  currency: 'usd',
  livemode: false,
  metadata: {},
  payment_intent: null,
  reason: 'fraudulent',
  status: 'needs_response',
  ...more,
})

export const creditNote = (more: Json = {}): Json => ({
  id: newId('cn'),
  object: 'credit_note',
  amount: 300,
  created: T + 60,
  currency: 'usd',
  customer: 'cus_team',
  invoice: 'in_1',
  livemode: false,
  memo: null,
  metadata: {},
  number: 'A-0001-CN-01',
  pdf: 'https://pay.stripe.com/credit_notes/x/pdf',
  reason: 'order_change',
  status: 'issued',
  subtotal: 252,
  total: 300,
  total_taxes: [{ amount: 48 }],
  type: 'pre_payment',
  voided_at: null,
  ...more,
})
