/**
 * Paying a checkout session (https://docs.stripe.com/payments/checkout/how-checkout-works). The hosted page and the
 * control both call these functions.
 */
import { change, type Engine, type Entered, type SessionDetails } from '../core/engine.ts'
import { invalidRequest, noSuch, StripeFailure } from '../core/errors.ts'
import { checkNotTooLarge, TOTAL_DUE } from '../core/money.ts'
import { DAY_SECONDS } from '../core/time.ts'
import type { CheckoutSession, Customer, Invoice, PaymentIntent, PaymentMethod } from '../core/types.ts'
import { takeChoices } from './checkout-choices.ts'
import { invoiceOnce } from './checkout-invoice.ts'
import { totalsOf } from './checkout-totals.ts'
import { createDiscount, promotionCodeOf } from './coupons.ts'
import { fillCustomFields } from './custom-fields.ts'
import { createCustomer } from './customers.ts'
import { collect, defaultPaymentOf } from './invoicing.ts'
import { collectedFields, presentmentOf } from './page-options.ts'
import { attachPaymentMethod } from './payment-methods.ts'
import { chargeMethod, createIntent, failAuthentication, recordBalance, rememberSetup } from './payments.ts'
import { failSetup, requireSetupAction, succeedSetup } from './setup-intents.ts'
import { endSubscription, expireIncomplete } from './subscription-state.ts'
import { createSubscription } from './subscriptions.ts'

/** How long the recovery link of an expired session works. */
const RECOVERY_SECONDS = 30 * DAY_SECONDS

/**
 * Pays an open session, or completes it when there is nothing to pay. Its `payment_status` stays `unpaid` while an
 * asynchronous method is processing. When the customer must authenticate, the session stays open until
 * `authenticateSession`.
 * @throws the card error when the payment is declined; the session stays open and can be paid again
 */
export function completeSession(
  engine: Engine,
  id: string,
  entry: Entered,
  authenticated = false,
): CheckoutSession {
  const session = requireOpen(engine, id)
  const details = detailsOf(engine, session)
  const email = requireEmail(engine, session, entry)
  takeChoices(details, entry)
  if (!entry.method && needsMethod(engine, session)) {
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
  const customFields = fillCustomFields(session.custom_fields, entry.customFields)
  chooseShipping(session, details, entry.shippingRate)
  if (session.mode !== 'setup') {
    const totals = totalsOf(engine, details, engine.now(session.customer))
    checkNotTooLarge(totals.amount_total ?? 0, session.currency ?? 'usd', 'quantity', TOTAL_DUE)
    Object.assign(session, totals)
  }
  const customer = findOrCreateCustomer(engine, session, details, email, entry)
  const collected = collectedFields(session, entry, { email, customer })
  const paid =
    session.mode === 'subscription'
      ? paySubscription(engine, session, details, customer, entry.method, authenticated)
      : session.mode === 'setup'
        ? saveMethod(engine, session, customer, entry.method, authenticated)
        : payOnce(engine, session, details, customer, entry, authenticated)
  details.entered = paid === 'requires action' ? entry : null
  if (paid === 'requires action') return session
  engine.schedule('expireSession', id, null, null)
  change(
    engine,
    session,
    {
      ...paid.changes,
      custom_fields: customFields,
      customer: customer?.id ?? null,
      ...collected,
      ...(session.automatic_tax.enabled
        ? { automatic_tax: { ...session.automatic_tax, status: 'complete' } }
        : {}),
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
  entry: Entered,
  authenticated: boolean,
): Paid | 'requires action' {
  const { method } = entry
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
  intent.amount = session.amount_total ?? 0
  const failure = chargeMethod(engine, intent, method, { authenticated })
  if (failure) throw failure
  if (intent.status === 'requires_action') return 'requires action'
  const presentment = presentmentOf(session, entry.presentmentCurrency)
  if (presentment) {
    session.presentment_details = presentment
    intent.presentment_details = presentment
  }
  const saves = session.saved_payment_method_options?.payment_method_save === 'enabled' && entry.saveMethod
  if (customer && (data.setup_future_usage || saves)) {
    if (!method.customer) attachPaymentMethod(engine, method.id, customer.id)
    rememberSetup(engine, method.id)
  }
  if (intent.status !== 'succeeded') return { changes: { payment_status: 'unpaid' }, intent }
  const invoice = invoiceOnce(engine, session, intent, customer?.id ?? null)
  return { changes: { payment_status: 'paid', ...(invoice ? { invoice: invoice.id } : {}) }, intent }
}

function paySubscription(
  engine: Engine,
  session: CheckoutSession,
  details: SessionDetails,
  customer: Customer | null,
  method: PaymentMethod | null,
  authenticated: boolean,
): Paid | 'requires action' {
  if (!customer) throw new Error('a subscription needs a customer')
  const behaviour = method && engine.behaviours.get(method.id)
  if (method && !method.customer && behaviour?.attaches) attachPaymentMethod(engine, method.id, customer.id)
  const invoice = firstInvoice(engine, session, details, customer, method)
  const failure = invoice.status === 'open' ? collect(engine, invoice, method?.id, { authenticated }) : null
  if (failure) throw failure
  if (intentOfInvoice(engine, invoice)?.status === 'requires_action') return 'requires action'
  if (method && authenticated) rememberSetup(engine, method.id)
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
    items: recurring.flatMap(({ price, quantity }) =>
      price ? [{ price, quantity: quantity ?? undefined }] : [],
    ),
    oneTime: details.lineItems.filter((item) => item.price?.type === 'one_time'),
    metadata: details.subscriptionData.metadata,
    description: details.subscriptionData.description,
    defaultMethod: method && engine.behaviours.get(method.id)?.attaches ? method.id : null,
    trialEnd: details.trialEnd ?? (details.trialDays === null ? null : now + details.trialDays * DAY_SECONDS),
    missingMethod: details.trialMissingPaymentMethod,
    discount: details.coupon ? { coupon: details.coupon, promotionCode: details.promotionCode } : null,
    session: session.id,
    taxed: details.taxed,
    anchor: details.billingAnchor,
    prorates: details.prorates,
  })
  details.incompleteSubscription = subscription.id
  return invoice
}

function saveMethod(
  engine: Engine,
  session: CheckoutSession,
  customer: Customer | null,
  method: PaymentMethod | null,
  authenticated: boolean,
): Paid | 'requires action' {
  const asks = method && engine.behaviours.get(method.id)?.authentication !== undefined
  if (session.setup_intent && asks && !authenticated) {
    requireSetupAction(engine, session.setup_intent, method)
    return 'requires action'
  }
  if (customer && method) attachPaymentMethod(engine, method.id, customer.id)
  if (method) rememberSetup(engine, method.id)
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

function intentOfInvoice(engine: Engine, invoice: Invoice): PaymentIntent | undefined {
  const payment = defaultPaymentOf(engine, invoice.id)
  return engine.store.get('payment_intent', payment?.payment.payment_intent ?? '')
}

/**
 * The customer authenticates the payment of an open session, or fails to.
 * @throws the error of the failed authentication, or the card error when the payment is declined afterwards; the
 *   session stays open and can be paid again
 */
export function authenticateSession(engine: Engine, id: string, succeeds: boolean): CheckoutSession {
  const session = requireOpen(engine, id)
  const details = detailsOf(engine, session)
  const { entered } = details
  if (!entered) throw invalidRequest('This Checkout Session waits for no authentication.')
  details.entered = null
  if (succeeds) return completeSession(engine, id, entered, true)
  if (session.setup_intent) throw failSetup(engine, session.setup_intent)
  const subscription = engine.store.get('subscription', details.incompleteSubscription ?? '')
  const invoice = engine.store.get('invoice', subscription?.latest_invoice ?? '')
  const intent = invoice
    ? intentOfInvoice(engine, invoice)
    : engine.store.get('payment_intent', session.payment_intent ?? '')
  if (!intent) throw invalidRequest('This Checkout Session waits for no authentication.')
  const failure = failAuthentication(engine, intent)
  if (invoice) engine.announce('paymentFinished', intent, false)
  throw failure
}

/** Whether the page must ask for a payment method. */
export function needsMethod(engine: Engine, session: CheckoutSession): boolean {
  const items = engine.sessions.get(session.id)?.lineItems ?? []
  return (
    session.mode === 'setup' ||
    (session.amount_total ?? 0) > 0 ||
    items.some((item) => item.price?.custom_unit_amount) ||
    session.payment_method_collection === 'always'
  )
}

function requireEmail(engine: Engine, session: CheckoutSession, entry: Entered): string | null {
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
  entry: Entered,
): Customer | null {
  if (session.customer) return engine.store.require('customer', session.customer)
  const needed =
    session.customer_creation === 'always' ||
    details.paymentIntentData.setup_future_usage !== undefined ||
    session.invoice_creation?.enabled
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

/** @throws 400 when the session does not offer the rate */
function chooseShipping(session: CheckoutSession, details: SessionDetails, rate: string | undefined): void {
  if (rate === undefined) return
  if (!session.shipping_options?.some((option) => option.shipping_rate === rate))
    throw invalidRequest('Please choose one of the shipping options.', { param: 'shipping_rate' })
  details.shippingRate = rate
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
  return change(engine, session, { ...totalsOf(engine, details, engine.now(session.customer)), discounts })
}

/** Expires an open session, and ends the payment or subscription of a declined attempt. */
export function expireSession(engine: Engine, session: CheckoutSession): CheckoutSession {
  const details = engine.sessions.get(session.id)
  engine.schedule('expireSession', session.id, null, null)
  const recovery = session.after_expiration?.recovery
  if (recovery?.enabled) {
    recovery.url = `${engine.pagesUrl}/r/${session.id}`
    recovery.expires_at = engine.now(session.customer) + RECOVERY_SECONDS
  }
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
      next_action: null,
    }
    change(engine, intent, canceled, 'payment_intent.canceled')
  }
  const subscription = engine.store.get('subscription', details?.incompleteSubscription ?? '')
  if (subscription?.status === 'incomplete') expireIncomplete(engine, subscription)
  else if (subscription) endSubscription(engine, subscription)
  return session
}
