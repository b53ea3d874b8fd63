/**
 * Paying a checkout session (https://docs.stripe.com/payments/checkout/how-checkout-works). The hosted page and the
 * control both call these functions.
 */
import { change, type Engine, type SessionDetails } from '../core/engine.ts'
import { invalidRequest, noSuch, StripeFailure } from '../core/errors.ts'
import { DAY_SECONDS } from '../core/time.ts'
import type { CheckoutSession, Customer, Invoice, PaymentIntent, PaymentMethod } from '../core/types.ts'
import { totalsOf } from './checkout-totals.ts'
import { createDiscount, promotionCodeOf } from './coupons.ts'
import { createCustomer } from './customers.ts'
import { collect } from './invoicing.ts'
import { attachPaymentMethod } from './payment-methods.ts'
import { chargeMethod, createIntent, recordBalance } from './payments.ts'
import { succeedSetup } from './setup-intents.ts'
import { endSubscription, expireIncomplete } from './subscription-state.ts'
import { createSubscription } from './subscriptions.ts'

/** What the customer entered. */
export interface Entry {
  /** The method for this payment; null only when there is nothing to pay. */
  method: PaymentMethod | null
  email?: string
  name?: string
  country?: string
}

/**
 * Pays an open session, or completes it when there is nothing to pay. Its `payment_status` stays `unpaid` while an
 * asynchronous method is processing.
 * @throws the card error when the payment is declined; the session stays open and can be paid again
 */
export function completeSession(engine: Engine, id: string, entry: Entry): CheckoutSession {
  const session = requireOpen(engine, id)
  const details = detailsOf(engine, session)
  const email = requireEmail(engine, session, entry)
  if (!entry.method && needsMethod(session)) {
    throw invalidRequest('A payment method is required.', {
      code: 'parameter_missing',
      param: 'payment_method',
    })
  }
  if (entry.method && !session.payment_method_types.includes(entry.method.type)) {
    throw invalidRequest(`This Checkout Session does not take payments by ${entry.method.type}.`, {
      param: 'payment_method',
    })
  }
  const customer = findOrCreateCustomer(engine, session, details, email, entry)
  const shown: NonNullable<CheckoutSession['customer_details']> = {
    address: {
      city: null,
      country: entry.country ?? 'US',
      line1: null,
      line2: null,
      postal_code: null,
      state: null,
    },
    business_name: null,
    email,
    individual_name: null,
    name: entry.name ?? customer?.name ?? null,
    phone: null,
    tax_exempt: 'none',
    tax_ids: [],
  }
  const paid =
    session.mode === 'subscription'
      ? paySubscription(engine, session, details, customer, entry.method)
      : session.mode === 'setup'
        ? saveMethod(engine, session, customer, entry.method)
        : payOnce(engine, session, details, customer, entry.method)
  engine.schedule(`expire ${id}`, null, null, () => undefined)
  change(
    engine,
    session,
    {
      ...paid.changes,
      customer: customer?.id ?? null,
      customer_details: shown,
      status: 'complete',
      url: null,
    },
    'checkout.session.completed',
  )
  if (paid.intent) recordBalance(engine, paid.intent)
  return session
}

interface Paid {
  changes: Partial<CheckoutSession>
  intent?: PaymentIntent
}

function payOnce(
  engine: Engine,
  session: CheckoutSession,
  details: SessionDetails,
  customer: Customer | null,
  method: PaymentMethod | null,
): Paid {
  if (details.coupon) redeemCoupon(engine, session, details, customer)
  if (session.amount_total === 0 || !method) return { changes: { payment_status: 'no_payment_required' } }
  const data = details.paymentIntentData
  const earlier = session.payment_intent
    ? engine.store.get('payment_intent', session.payment_intent)
    : undefined
  const intent =
    earlier ??
    createIntent(engine, {
      amount: session.amount_total ?? 0,
      currency: session.currency ?? 'usd',
      customer: customer?.id,
      description: data.description,
      metadata: data.metadata,
      captureMethod: data.capture_method,
      receiptEmail: data.receipt_email,
      setupFutureUsage: data.setup_future_usage,
      methodTypes: session.payment_method_types,
    })
  session.payment_intent = intent.id
  const failure = chargeMethod(engine, intent, method)
  if (failure) throw failure
  if (customer && data.setup_future_usage && !method.customer)
    attachPaymentMethod(engine, method.id, customer.id)
  return { changes: { payment_status: intent.status === 'succeeded' ? 'paid' : 'unpaid' }, intent }
}

function paySubscription(
  engine: Engine,
  session: CheckoutSession,
  details: SessionDetails,
  customer: Customer | null,
  method: PaymentMethod | null,
): Paid {
  if (!customer) throw new Error('a subscription needs a customer')
  const behaviour = method && engine.behaviours.get(method.id)
  if (method && !method.customer && behaviour?.attaches) attachPaymentMethod(engine, method.id, customer.id)
  const invoice = firstInvoice(engine, session, details, customer, method)
  const failure = invoice.status === 'open' ? collect(engine, invoice, method?.id) : null
  if (failure) throw failure
  const subscription = engine.store.require('subscription', details.incompleteSubscription ?? '')
  if (method && subscription.default_payment_method !== method.id) {
    change(engine, subscription, { default_payment_method: method.id }, 'customer.subscription.updated')
  }
  const nothingDue = invoice.amount_due === 0
  const status = nothingDue ? 'no_payment_required' : invoice.status === 'paid' ? 'paid' : 'unpaid'
  return {
    changes: {
      invoice: invoice.id,
      subscription: subscription.id,
      payment_status: status,
    },
  }
}

/** The invoice of the session's subscription: that of an earlier attempt, or a new one. */
function firstInvoice(
  engine: Engine,
  session: CheckoutSession,
  details: SessionDetails,
  customer: Customer,
  method: PaymentMethod | null,
): Invoice {
  if (details.incompleteSubscription) {
    const earlier = engine.store.require('subscription', details.incompleteSubscription)
    return engine.store.require('invoice', earlier.latest_invoice ?? '')
  }
  const now = engine.now(customer.id)
  const recurring = details.lineItems.filter((item) => item.price?.type === 'recurring')
  const { subscription, invoice } = createSubscription(engine, {
    customer: customer.id,
    items: recurring.flatMap(({ price, quantity }) => (price ? [{ price, quantity: quantity ?? 1 }] : [])),
    oneTime: details.lineItems.filter((item) => item.price?.type === 'one_time'),
    metadata: details.subscriptionData.metadata,
    description: details.subscriptionData.description,
    defaultMethod: method && engine.behaviours.get(method.id)?.attaches ? method.id : null,
    trialEnd: details.trialEnd ?? (details.trialDays === null ? null : now + details.trialDays * DAY_SECONDS),
    missingMethod: details.trialMissingPaymentMethod,
    discount: details.coupon ? { coupon: details.coupon, promotionCode: details.promotionCode } : null,
    session: session.id,
  })
  details.incompleteSubscription = subscription.id
  return invoice
}

function saveMethod(
  engine: Engine,
  session: CheckoutSession,
  customer: Customer | null,
  method: PaymentMethod | null,
): Paid {
  if (customer && method) attachPaymentMethod(engine, method.id, customer.id)
  if (session.setup_intent && method) succeedSetup(engine, session.setup_intent, customer?.id ?? null, method)
  return { changes: {} }
}

function redeemCoupon(
  engine: Engine,
  session: CheckoutSession,
  details: SessionDetails,
  customer: Customer | null,
): void {
  if (!details.coupon || session.payment_intent) return
  createDiscount(engine, details.coupon, {
    customer: customer?.id ?? null,
    session: session.id,
    promotionCode: details.promotionCode,
  })
}

/** Whether the page must ask for a payment method. */
export function needsMethod(session: CheckoutSession): boolean {
  return (
    session.mode === 'setup' ||
    (session.amount_total ?? 0) > 0 ||
    session.payment_method_collection === 'always'
  )
}

function requireEmail(engine: Engine, session: CheckoutSession, entry: Entry): string | null {
  const customer = session.customer ? engine.store.get('customer', session.customer) : undefined
  const email = customer?.email ?? session.customer_email ?? entry.email ?? null
  if (email === null && !customer) {
    throw invalidRequest('Please enter your email address.', { code: 'email_invalid', param: 'email' })
  }
  return email
}

function findOrCreateCustomer(
  engine: Engine,
  session: CheckoutSession,
  details: SessionDetails,
  email: string | null,
  entry: Entry,
): Customer | null {
  if (session.customer) return engine.store.require('customer', session.customer)
  const needed =
    session.customer_creation === 'always' || details.paymentIntentData.setup_future_usage !== undefined
  if (!needed) return null
  const customer = createCustomer(engine, { email, name: entry.name ?? null })
  session.customer = customer.id
  return customer
}

function requireOpen(engine: Engine, id: string): CheckoutSession {
  const session = engine.store.get('checkout.session', id)
  if (!session) throw noSuch('checkout.session', id)
  if (session.status === 'open') return session
  throw new StripeFailure(400, {
    type: 'invalid_request_error',
    message:
      session.status === 'complete'
        ? 'This Checkout Session has been completed already.'
        : 'This Checkout Session has expired.',
  })
}

function detailsOf(engine: Engine, session: CheckoutSession): SessionDetails {
  const details = engine.sessions.get(session.id)
  if (!details) throw noSuch('checkout.session', session.id)
  return details
}

/** Applies a promotion code that the customer entered. */
export function applyPromotionCode(engine: Engine, id: string, code: string): CheckoutSession {
  const session = requireOpen(engine, id)
  const details = detailsOf(engine, session)
  const promotion = session.allow_promotion_codes ? promotionCodeOf(engine, code) : undefined
  if (!promotion?.promotion.coupon) throw invalidRequest('This code is invalid.', { param: 'promotion_code' })
  details.coupon = promotion.promotion.coupon
  details.promotionCode = promotion.id
  const discounts = [{ coupon: null, promotion_code: promotion.id }]
  return change(engine, session, { ...totalsOf(engine, details), discounts })
}

/** Expires an open session, and ends the payment or subscription of a declined attempt. */
export function expireSession(engine: Engine, session: CheckoutSession): CheckoutSession {
  const details = engine.sessions.get(session.id)
  engine.schedule(`expire ${session.id}`, null, null, () => undefined)
  change(engine, session, { status: 'expired', url: null }, 'checkout.session.expired')
  const intent = session.payment_intent
    ? engine.store.get('payment_intent', session.payment_intent)
    : undefined
  if (intent && intent.status !== 'canceled') {
    const canceled = {
      status: 'canceled',
      canceled_at: engine.now(intent.customer),
      cancellation_reason: 'expired',
      last_payment_error: null,
    }
    change(engine, intent, canceled, 'payment_intent.canceled')
  }
  const subscription = engine.store.get('subscription', details?.incompleteSubscription ?? '')
  if (subscription?.status === 'incomplete') expireIncomplete(engine, subscription)
  else if (subscription) endSubscription(engine, subscription)
  return session
}
