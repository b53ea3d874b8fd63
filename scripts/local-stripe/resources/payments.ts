/**
 * The life of a payment: a PaymentIntent, its charges, and their balance transactions
 * (https://docs.stripe.com/payments/paymentintents/lifecycle). The hooks `paymentFinished` and `chargeBooked`
 * announce it to invoices, checkout sessions and disputes, of which this file knows nothing.
 */
import { type Behaviour, change, type Engine } from '../core/engine.ts'
import { StripeFailure } from '../core/errors.ts'
import { DAY_SECONDS } from '../core/time.ts'
import type {
  BalanceTransaction,
  Charge,
  Metadata,
  PaymentIntent,
  PaymentMethod,
  Refund,
} from '../core/types.ts'

/** How long a card payment can be captured (https://docs.stripe.com/payments/place-a-hold-on-a-payment-method). */
const AUTHORIZATION_SECONDS = 7 * DAY_SECONDS

export interface NewPayment {
  amount: number
  currency: string
  customer?: string | null
  description?: string | null
  metadata?: Metadata
  captureMethod?: string
  receiptEmail?: string | null
  setupFutureUsage?: string | null
  methodTypes?: string[]
  automaticMethods?: PaymentIntent['automatic_payment_methods']
  /** The invoice's id, which Stripe shows as the order reference. */
  orderReference?: string
}

/** Makes a payment intent that waits for a payment method. */
export function createIntent(engine: Engine, payment: NewPayment): PaymentIntent {
  const id = engine.ids.next('pi_')
  const intent = engine.store.add<'payment_intent'>({
    id,
    object: 'payment_intent',
    allowed_payment_method_types: null,
    amount: payment.amount,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: payment.automaticMethods ?? null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: payment.captureMethod ?? 'automatic_async',
    client_secret: `${id}_secret_${engine.ids.next('', 25)}`,
    confirmation_method: 'automatic',
    created: engine.now(payment.customer),
    currency: payment.currency,
    customer: payment.customer ?? null,
    customer_account: null,
    description: payment.description ?? null,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: engine.livemode,
    managed_payments: null,
    metadata: payment.metadata ?? {},
    next_action: null,
    on_behalf_of: null,
    payment_details: { customer_reference: null, order_reference: payment.orderReference ?? null },
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: { installments: null, mandate_options: null, network: null, request_three_d_secure: 'automatic' },
    },
    payment_method_types: payment.methodTypes ?? ['card'],
    payment_record: null,
    processing: null,
    receipt_email: payment.receiptEmail ?? null,
    review: null,
    setup_future_usage: payment.setupFutureUsage ?? null,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'requires_payment_method',
    transfer_data: null,
    transfer_group: null,
  })
  engine.emit('payment_intent.created', intent)
  return intent
}

/** How a method is charged. */
export interface Charging {
  /** Whether the customer has just authenticated the payment. */
  authenticated?: boolean
  /** Whether the customer is absent. A payment that needs authentication is then declined. */
  offSession?: boolean
  /** Where the customer returns after the authentication. */
  returnUrl?: string | null
}

const AUTHENTICATION_REQUIRED: Behaviour = {
  outcome: 'declines',
  attaches: true,
  code: 'authentication_required',
  declineCode: 'authentication_required',
  message: 'Your card was declined. This transaction requires authentication.',
}

/**
 * Charges the method. The intent's status is the outcome: `succeeded`, `requires_capture`, `requires_action` when the
 * customer must authenticate, or `processing` for a method that settles later.
 * @returns the card error when the charge was declined, else null
 */
export function chargeMethod(
  engine: Engine,
  intent: PaymentIntent,
  method: PaymentMethod,
  charging: Charging = {},
): StripeFailure | null {
  const own: Behaviour = engine.behaviours.get(method.id) ?? { outcome: 'succeeds', attaches: true }
  const asks = own.authentication !== undefined && !charging.authenticated
  if (asks && !charging.offSession) {
    requireAction(engine, intent, method, charging.returnUrl ?? null)
    return null
  }
  const behaviour = asks ? AUTHENTICATION_REQUIRED : own
  const charge = createCharge(engine, intent, method, behaviour, charging.authenticated ?? false)
  intent.next_action = null
  if (behaviour.outcome === 'declines') {
    Object.assign(intent, { payment_method: null, status: 'requires_payment_method' })
    return recordDecline(engine, intent, charge, method, behaviour)
  }
  Object.assign(intent, { payment_method: method.id, latest_charge: charge.id, last_payment_error: null })
  if (behaviour.outcome === 'settles later') {
    change(engine, intent, { status: 'processing' }, 'payment_intent.processing')
    engine.emit('charge.pending', charge)
    planSettlement(engine, intent)
    return null
  }
  if (intent.capture_method === 'manual') {
    engine.emit('charge.succeeded', charge)
    const held = { status: 'requires_capture', amount_capturable: intent.amount }
    change(engine, intent, held, 'payment_intent.amount_capturable_updated')
    engine.schedule('expireAuthorization', intent.id, intent.customer, charge.created + AUTHORIZATION_SECONDS)
    return null
  }
  engine.emit('charge.succeeded', charge)
  change(engine, intent, { status: 'succeeded', amount_received: intent.amount }, 'payment_intent.succeeded')
  return null
}

/** Waits for the customer's authentication on the page that `next_action` names. */
function requireAction(
  engine: Engine,
  intent: PaymentIntent,
  method: PaymentMethod,
  returnUrl: string | null,
): void {
  const next_action: PaymentIntent['next_action'] = {
    redirect_to_url: { return_url: returnUrl, url: `${engine.pagesUrl}/3ds/${intent.id}` },
    type: 'redirect_to_url',
  }
  const changes = {
    status: 'requires_action',
    payment_method: method.id,
    last_payment_error: null,
    next_action,
  }
  change(engine, intent, changes, 'payment_intent.requires_action')
}

/** A method that was authenticated once pays off session from now on, if its test card says so. */
export function rememberSetup(engine: Engine, method: string): void {
  const behaviour = engine.behaviours.get(method)
  if (behaviour?.authentication !== 'until set up') return
  engine.behaviours.set(method, { ...behaviour, authentication: undefined })
}

/** Records that the customer failed the authentication, or gave it up. */
export function failAuthentication(engine: Engine, intent: PaymentIntent): StripeFailure {
  const method = engine.store.get('payment_method', intent.payment_method ?? '')
  const body = {
    type: 'invalid_request_error' as const,
    code: 'payment_intent_authentication_failure',
    message:
      'The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.',
  }
  const error = { ...body, ...(method ? { payment_method: structuredClone(method) } : {}) }
  Object.assign(intent, {
    status: 'requires_payment_method',
    payment_method: null,
    next_action: null,
    last_payment_error: error,
  })
  engine.emit('payment_intent.payment_failed', intent)
  return new StripeFailure(402, body)
}

function createCharge(
  engine: Engine,
  intent: PaymentIntent,
  method: PaymentMethod,
  behaviour: Behaviour,
  authenticated: boolean,
): Charge {
  const declined = behaviour.outcome === 'declines'
  const pending = behaviour.outcome === 'settles later'
  const captured = !declined && intent.capture_method !== 'manual'
  const id = engine.ids.next(method.type === 'card' ? 'ch_' : 'py_')
  return engine.store.add<'charge'>({
    id,
    object: 'charge',
    amount: intent.amount,
    amount_captured: captured ? intent.amount : 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: null,
    billing_details: { ...method.billing_details },
    calculated_statement_descriptor: method.type === 'card' ? 'LOCAL STRIPE' : null,
    captured,
    created: engine.now(intent.customer),
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: declined ? (behaviour.code ?? null) : null,
    failure_message: declined ? (behaviour.message ?? null) : null,
    fraud_details: {},
    livemode: engine.livemode,
    metadata: { ...intent.metadata },
    on_behalf_of: null,
    outcome: {
      advice_code: null,
      network_advice_code: null,
      network_decline_code: null,
      network_status: declined ? 'declined_by_network' : 'approved_by_network',
      reason: declined ? (behaviour.declineCode ?? behaviour.code ?? null) : null,
      risk_level: 'normal',
      risk_score: 20,
      seller_message: declined
        ? 'The bank did not return any further details with this decline.'
        : 'Payment complete.',
      type: declined ? 'issuer_declined' : 'authorized',
    },
    paid: !declined && !pending,
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: methodDetails(
      method,
      intent.amount,
      authenticated,
      intent.capture_method === 'manual' ? engine.now(intent.customer) + AUTHORIZATION_SECONDS : null,
    ),
    radar_options: {},
    receipt_email: intent.receipt_email,
    receipt_number: null,
    receipt_url: declined || pending ? null : `${engine.pagesUrl}/receipts/${id}`,
    refunded: false,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: declined ? 'failed' : pending ? 'pending' : 'succeeded',
    transfer_data: null,
    transfer_group: null,
  })
}

const AUTHENTICATED: NonNullable<NonNullable<Charge['payment_method_details']>['card']>['three_d_secure'] = {
  authentication_flow: 'challenge',
  electronic_commerce_indicator: '05',
  exemption_indicator: null,
  result: 'authenticated',
  result_reason: null,
  transaction_id: null,
  version: '2.2.0',
}

function methodDetails(
  method: PaymentMethod,
  amount: number,
  authenticated: boolean,
  captureBefore: number | null,
): Charge['payment_method_details'] {
  const { card, us_bank_account: bank, sepa_debit: sepa } = method
  if (bank) {
    return {
      type: 'us_bank_account',
      us_bank_account: {
        account_holder_type: bank.account_holder_type,
        account_type: bank.account_type,
        bank_name: bank.bank_name,
        fingerprint: bank.fingerprint,
        last4: bank.last4,
        payment_reference: null,
        routing_number: bank.routing_number,
      },
    }
  }
  if (sepa) {
    return {
      type: 'sepa_debit',
      sepa_debit: {
        bank_code: sepa.bank_code,
        branch_code: sepa.branch_code,
        country: sepa.country,
        fingerprint: sepa.fingerprint,
        last4: sepa.last4,
        mandate: null,
      },
    }
  }
  return {
    type: 'card',
    card: {
      amount_authorized: amount,
      authorization_code: '123456',
      brand: card?.brand ?? 'visa',
      ...(captureBefore === null ? {} : { capture_before: captureBefore }),
      checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: 'pass' },
      country: card?.country ?? 'US',
      electronic_commerce_indicator: null,
      exp_month: card?.exp_month ?? 12,
      exp_year: card?.exp_year ?? 2034,
      extended_authorization: { status: 'disabled' },
      fingerprint: card?.fingerprint ?? null,
      funding: card?.funding ?? 'credit',
      incremental_authorization: { status: 'unavailable' },
      installments: null,
      last4: card?.last4 ?? '4242',
      mandate: null,
      multicapture: { status: 'unavailable' },
      network: card?.brand ?? 'visa',
      network_token: { used: false },
      network_transaction_id: '105102104705511',
      overcapture: { maximum_amount_capturable: amount, status: 'unavailable' },
      regulated_status: 'unregulated',
      three_d_secure: authenticated ? AUTHENTICATED : null,
      transaction_link_id: null,
      wallet: null,
    },
  }
}

/** Records a failed charge on its intent, and emits the events. */
function recordDecline(
  engine: Engine,
  intent: PaymentIntent,
  charge: Charge,
  method: PaymentMethod,
  behaviour: Behaviour,
): StripeFailure {
  const body = {
    type: 'card_error' as const,
    code: behaviour.code ?? 'card_declined',
    ...(behaviour.declineCode ? { decline_code: behaviour.declineCode } : {}),
    message: behaviour.message ?? 'Your card was declined.',
    charge: charge.id,
  }
  const failed = { latest_charge: charge.id, last_payment_error: { ...body, payment_method: method } }
  Object.assign(intent, structuredClone(failed))
  engine.emit('charge.failed', charge)
  engine.emit('payment_intent.payment_failed', intent)
  return new StripeFailure(402, {
    ...body,
    payment_intent: structuredClone(intent),
    payment_method: structuredClone(method),
  })
}

function planSettlement(engine: Engine, intent: PaymentIntent): void {
  const { settleAfterSeconds: delay } = engine
  if (delay === null) return
  engine.schedule('settlePayment', intent.id, intent.customer, engine.now(intent.customer) + delay)
}

/**
 * Settles a payment that is processing: it succeeds or fails, which is announced.
 * @param succeeds by default the payment method decides
 */
export function settlePayment(engine: Engine, id: string, succeeds?: boolean): PaymentIntent {
  const intent = engine.store.require('payment_intent', id)
  const charge = engine.store.require('charge', intent.latest_charge ?? '')
  const method = engine.store.require('payment_method', intent.payment_method ?? '')
  if (intent.status !== 'processing') {
    throw new StripeFailure(400, {
      type: 'invalid_request_error',
      message: `This PaymentIntent has the status ${intent.status}: only one that is processing can settle.`,
    })
  }
  const succeeded = succeeds ?? !engine.behaviours.get(method.id)?.failsLater
  engine.schedule('settlePayment', id, null, null)
  if (succeeded) {
    change(engine, charge, { status: 'succeeded', paid: true }, 'charge.succeeded')
    change(
      engine,
      intent,
      { status: 'succeeded', amount_received: intent.amount },
      'payment_intent.succeeded',
    )
  } else {
    const message = 'The customer’s bank account could not be debited.'
    Object.assign(charge, { status: 'failed', failure_code: 'account_closed', failure_message: message })
    Object.assign(intent, { status: 'requires_payment_method', payment_method: null })
    recordDecline(engine, intent, charge, method, {
      outcome: 'declines',
      attaches: true,
      code: 'payment_method_provider_decline',
      message,
    })
  }
  engine.announce('paymentFinished', intent, succeeded)
  if (succeeded) recordBalance(engine, intent)
  return intent
}

/**
 * Cancels an intent that waits for its capture, or for a payment method, and releases what is authorized.
 * @param chargeEvent how the charge is told: Stripe refunds one that is canceled, and expires one that nobody captured
 */
export function endIntent(
  engine: Engine,
  intent: PaymentIntent,
  reason: PaymentIntent['cancellation_reason'],
  chargeEvent: 'charge.refunded' | 'charge.expired' = 'charge.refunded',
): PaymentIntent {
  const charge = engine.store.get('charge', intent.latest_charge ?? '')
  if (intent.status === 'requires_capture' && charge) {
    releaseHold(engine, charge, charge.amount)
    change(engine, charge, { amount_refunded: charge.amount, refunded: true }, chargeEvent)
  }
  engine.schedule('expireAuthorization', intent.id, null, null)
  return change(
    engine,
    intent,
    {
      status: 'canceled',
      canceled_at: engine.now(intent.customer),
      cancellation_reason: reason,
      amount_capturable: 0,
      last_payment_error: null,
      next_action: null,
    },
    'payment_intent.canceled',
  )
}

/** Captures an authorized amount (minor units), and releases the rest. */
export function capturePayment(engine: Engine, intent: PaymentIntent, amount: number): PaymentIntent {
  const charge = engine.store.require('charge', intent.latest_charge ?? '')
  const rest = charge.amount - amount
  engine.schedule('expireAuthorization', intent.id, null, null)
  change(
    engine,
    charge,
    { captured: true, amount_captured: amount, amount_refunded: rest },
    'charge.captured',
  )
  if (rest > 0) releaseHold(engine, charge, rest)
  change(
    engine,
    intent,
    { status: 'succeeded', amount_received: amount, amount_capturable: 0 },
    'payment_intent.succeeded',
  )
  engine.announce('paymentFinished', intent, true)
  recordBalance(engine, intent)
  return intent
}

/**
 * Releases an authorized amount that will not be captured. Stripe records it as a refund of the charge, for which no
 * money moves.
 */
export function releaseHold(engine: Engine, charge: Charge, amount: number): void {
  engine.emit('refund.created', addRefund(engine, charge, amount, { status: 'succeeded' }))
}

/** Stores a refund of a charge; amount in minor units. */
export function addRefund(engine: Engine, charge: Charge, amount: number, rest: Partial<Refund>): Refund {
  return engine.store.add<'refund'>({
    id: engine.ids.next('re_'),
    object: 'refund',
    amount,
    balance_transaction: null,
    charge: charge.id,
    created: engine.now(charge.customer),
    currency: charge.currency,
    customer: charge.customer,
    customer_account: null,
    metadata: {},
    payment_intent: charge.payment_intent,
    payment_method: charge.payment_method,
    reason: null,
    receipt_number: null,
    source_transfer_reversal: null,
    status: null,
    transfer_reversal: null,
    ...rest,
  })
}

/**
 * Books the charge of a succeeded intent on the account's balance, and announces it. Stripe does this moments after the
 * payment, so `charge.updated` follows every card payment.
 */
export function recordBalance(engine: Engine, intent: PaymentIntent): void {
  const charge = engine.store.get('charge', intent.latest_charge ?? '')
  if (charge?.status !== 'succeeded' || !charge.captured || charge.balance_transaction) return
  const fee = Math.round(charge.amount_captured * 0.029) + 30
  const booked = bookTransaction(engine, charge.id, 'charge', charge.amount_captured, fee, charge)
  change(engine, charge, { balance_transaction: booked.id }, 'charge.updated')
  engine.announce('chargeBooked', charge)
}

/** Records a movement on the account's balance. Amounts are in minor units, negative when money leaves. */
export function bookTransaction(
  engine: Engine,
  source: string,
  type: string,
  amount: number,
  fee: number,
  {
    currency,
    customer,
    description,
  }: { currency: string; customer: string | null; description: string | null },
): BalanceTransaction {
  const now = engine.now(customer)
  return engine.store.add<'balance_transaction'>({
    id: engine.ids.next('txn_'),
    object: 'balance_transaction',
    amount,
    available_on: now + 2 * DAY_SECONDS,
    balance_type: 'payments',
    created: now,
    currency,
    description,
    exchange_rate: null,
    fee,
    fee_details:
      fee === 0
        ? []
        : [
            {
              amount: fee,
              application: null,
              currency,
              description: 'Stripe processing fees',
              type: 'stripe_fee',
            },
          ],
    net: amount - fee,
    reporting_category: type,
    source,
    status: 'pending',
    type,
  })
}
