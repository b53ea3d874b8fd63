/** PaymentIntents and charges as API resources (https://docs.stripe.com/api/payment_intents). */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { checkFraction, checkPayable } from '../core/money.ts'
import { createdListShape, paginate } from '../core/pagination.ts'
import {
  boolean,
  clearable,
  currency,
  email,
  hash,
  type Infer,
  integer,
  list,
  mergeMetadata,
  metadata,
  oneOf,
  refused,
  refusedUnless,
  removedIn,
  required,
  string,
  url,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import type { PaymentIntent, PaymentMethod } from '../core/types.ts'
import { requireCustomer } from './customers.ts'
import { attachPaymentMethod, resolvePaymentMethod } from './payment-methods.ts'
import {
  capturePayment,
  chargeMethod,
  createIntent,
  endIntent,
  failAuthentication,
  recordBalance,
  rememberSetup,
} from './payments.ts'
import { methodOptions } from './shared-shapes.ts'

const sharedShape = {
  customer: string(),
  description: clearable(string(1000)),
  metadata: metadata(),
  payment_method: clearable(string()),
  payment_method_types: removedIn('2026-09-30', list(string())),
  allowed_payment_method_types: list(string()),
  receipt_email: clearable(email()),
  setup_future_usage: clearable(oneOf('off_session', 'on_session')),
  payment_method_options: methodOptions,
  ...refused('application_fee_amount', 'on_behalf_of', 'payment_method_data', 'transfer_data'),
  ...withoutEffect(
    'amount_details',
    'customer_account',
    'excluded_payment_method_types',
    'hooks',
    'payment_details',
    'payment_method_configuration',
    'shipping',
    'statement_descriptor',
    'statement_descriptor_suffix',
    'transfer_group',
  ),
}
const confirmOnly = {
  error_on_requires_action: boolean(),
  off_session: oneOf('true', 'false', 'one_off', 'recurring'),
  return_url: url(),
  ...refused('confirmation_token'),
  ...withoutEffect('mandate', 'mandate_data', 'radar_options', 'use_stripe_sdk'),
}
const captureMethod = oneOf('automatic', 'automatic_async', 'manual')
const amount = integer({ min: 1 })
const createShape = {
  ...sharedShape,
  ...confirmOnly,
  amount: required(amount),
  currency: required(currency()),
  automatic_payment_methods: hash({
    enabled: required(boolean()),
    allow_redirects: oneOf('always', 'never'),
  }),
  capture_method: captureMethod,
  confirm: boolean(),
  confirmation_method: refusedUnless('automatic'),
}
const updateShape = { ...sharedShape, amount, currency: currency(), capture_method: captureMethod }
const confirmShape = {
  payment_method: string(),
  receipt_email: clearable(email()),
  setup_future_usage: clearable(oneOf('off_session', 'on_session')),
  capture_method: captureMethod,
  ...confirmOnly,
  payment_method_options: methodOptions,
  ...refused('amount_to_confirm', 'payment_method_data'),
  ...withoutEffect(
    'allowed_payment_method_types',
    'amount_details',
    'excluded_payment_method_types',
    'hooks',
    'payment_details',
    'shipping',
  ),
}
const captureShape = {
  amount_to_capture: integer({ min: 1 }),
  metadata: metadata(),
  final_capture: refusedUnless('true'),
  ...refused('application_fee_amount', 'transfer_data'),
  ...withoutEffect(
    'amount_details',
    'hooks',
    'payment_details',
    'statement_descriptor',
    'statement_descriptor_suffix',
  ),
}

function checkAmount(amount: number, currency: string): void {
  checkPayable(amount, currency, 'amount')
  checkFraction(amount, currency, 'amount')
}

function createFromApi(engine: Engine, params: Infer<typeof createShape>): PaymentIntent {
  checkAmount(params.amount, params.currency)
  if (params.customer !== undefined) requireCustomer(engine, params.customer)
  const automatic = params.automatic_payment_methods
  const intent = createIntent(engine, {
    amount: params.amount,
    currency: params.currency,
    customer: params.customer,
    description: params.description,
    metadata: mergeMetadata({}, params.metadata),
    captureMethod: params.capture_method,
    receiptEmail: params.receipt_email,
    setupFutureUsage: params.setup_future_usage,
    methodTypes: params.allowed_payment_method_types ?? params.payment_method_types,
    automaticMethods: automatic ? { allow_redirects: 'always', ...automatic } : null,
  })
  if (params.payment_method) {
    const method = resolvePaymentMethod(engine, params.payment_method)
    Object.assign(intent, { payment_method: method.id, status: 'requires_confirmation' })
  }
  if (!params.confirm) return intent
  const { error_on_requires_action, off_session, return_url } = params
  return confirmIntent(engine, intent, { error_on_requires_action, off_session, return_url })
}

/**
 * Confirms an intent with the given payment method or its own.
 * @throws the card error when the charge is declined
 */
function confirmIntent(
  engine: Engine,
  intent: PaymentIntent,
  params: Infer<typeof confirmShape>,
): PaymentIntent {
  if (!['requires_payment_method', 'requires_confirmation', 'requires_action'].includes(intent.status)) {
    throw unexpectedState(intent, 'confirm', 'requires_confirmation or requires_payment_method')
  }
  const chosen = params.payment_method ?? intent.payment_method
  if (!chosen) {
    throw invalidRequest(
      "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.",
      { code: 'payment_intent_unexpected_state' },
    )
  }
  if (params.capture_method) intent.capture_method = params.capture_method
  if (params.receipt_email !== undefined) intent.receipt_email = params.receipt_email
  if (params.setup_future_usage !== undefined) intent.setup_future_usage = params.setup_future_usage
  const method = resolvePaymentMethod(engine, chosen)
  const failure = chargeMethod(engine, intent, method, {
    offSession:
      (params.off_session !== undefined && params.off_session !== 'false') || params.error_on_requires_action,
    returnUrl: params.return_url,
  })
  if (failure) {
    engine.announce('paymentFinished', intent, false)
    throw failure
  }
  finishConfirmation(engine, intent, method)
  return intent
}

function finishConfirmation(engine: Engine, intent: PaymentIntent, method: PaymentMethod): void {
  if (intent.status === 'requires_action') return
  if (intent.customer && intent.setup_future_usage && !method.customer) {
    attachPaymentMethod(engine, method.id, intent.customer)
  }
  if (intent.status === 'succeeded') engine.announce('paymentFinished', intent, true)
  recordBalance(engine, intent)
}

/**
 * The customer authenticates an intent outside of checkout, or fails to.
 * @throws the error of the failed authentication, or the card error when the charge is declined afterwards
 */
export function authenticateIntent(engine: Engine, id: string, succeeds: boolean): PaymentIntent {
  const intent = engine.store.require('payment_intent', id)
  const method = engine.store.get('payment_method', intent.payment_method ?? '')
  if (intent.status !== 'requires_action' || !method) {
    throw invalidRequest(
      `This PaymentIntent has the status ${intent.status}: it waits for no authentication.`,
    )
  }
  const failure = succeeds
    ? chargeMethod(engine, intent, method, { authenticated: true })
    : failAuthentication(engine, intent)
  if (failure) {
    engine.announce('paymentFinished', intent, false)
    throw failure
  }
  if (intent.setup_future_usage) rememberSetup(engine, method.id)
  finishConfirmation(engine, intent, method)
  return intent
}

function cancelIntent(engine: Engine, intent: PaymentIntent, reason: string | undefined): PaymentIntent {
  if (['succeeded', 'canceled', 'processing'].includes(intent.status)) {
    throw unexpectedState(
      intent,
      'cancel',
      'requires_payment_method, requires_capture, requires_reauthorization, requires_confirmation, requires_action',
    )
  }
  return endIntent(engine, intent, (reason ?? null) as PaymentIntent['cancellation_reason'])
}

function unexpectedState(intent: PaymentIntent, verb: string, allowed: string) {
  return invalidRequest(
    `You cannot ${verb} this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be ${verb === 'cancel' ? 'canceled' : `${verb}ed`}: ${allowed}.`,
    { code: 'payment_intent_unexpected_state' },
  )
}

const requireIntent = (engine: Engine, id: string) => engine.store.require('payment_intent', id, 'intent')

export const paymentIntentRoutes: Route[] = [
  route('POST', '/v1/payment_intents', 'payment_intent', createShape, ({ engine, params }) =>
    createFromApi(engine, params),
  ),
  route(
    'GET',
    '/v1/payment_intents',
    'payment_intent',
    { ...createdListShape, customer: string(), ...withoutEffect('customer_account') },
    ({ engine, params, path }) => {
      const found = engine.store
        .list('payment_intent')
        .filter((intent) => params.customer === undefined || intent.customer === params.customer)
      return paginate(found, params, path, 'payment_intent')
    },
  ),
  route('GET', '/v1/payment_intents/:id', 'payment_intent', { client_secret: string() }, ({ engine, id }) =>
    engine.store.require('payment_intent', id),
  ),
  route('POST', '/v1/payment_intents/:id', 'payment_intent', updateShape, ({ engine, id, params }) => {
    const intent = engine.store.require('payment_intent', id)
    if (params.customer !== undefined) requireCustomer(engine, params.customer)
    if (params.amount !== undefined || params.currency !== undefined)
      checkAmount(params.amount ?? intent.amount, params.currency ?? intent.currency)
    const { amount, currency, customer, description, receipt_email, setup_future_usage } = params
    const sent = { amount, currency, customer, description, receipt_email, setup_future_usage }
    const fields = Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== undefined))
    // Every update clears the error of the last attempt.
    const metadata = mergeMetadata(intent.metadata, params.metadata)
    Object.assign(intent, fields, { last_payment_error: null, metadata })
    if (params.capture_method) intent.capture_method = params.capture_method
    const types = params.allowed_payment_method_types ?? params.payment_method_types
    if (types) intent.payment_method_types = types
    if (params.payment_method) {
      const method = resolvePaymentMethod(engine, params.payment_method)
      Object.assign(intent, { payment_method: method.id, status: 'requires_confirmation' })
    }
    return intent
  }),
  route('POST', '/v1/payment_intents/:id/confirm', 'payment_intent', confirmShape, ({ engine, id, params }) =>
    confirmIntent(engine, requireIntent(engine, id), params),
  ),
  route(
    'POST',
    '/v1/payment_intents/:id/capture',
    'payment_intent',
    captureShape,
    ({ engine, id, params }) => {
      const intent = requireIntent(engine, id)
      if (intent.status !== 'requires_capture') {
        throw invalidRequest(
          `This PaymentIntent could not be captured because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.`,
          { code: 'payment_intent_unexpected_state' },
        )
      }
      const captured = params.amount_to_capture ?? intent.amount_capturable
      if (captured > intent.amount_capturable) {
        throw invalidRequest('The amount to capture must be less than or equal to the capturable amount.', {
          code: 'amount_too_large',
          param: 'amount_to_capture',
        })
      }
      if (params.amount_to_capture !== undefined)
        checkFraction(captured, intent.currency, 'amount_to_capture')
      intent.metadata = mergeMetadata(intent.metadata, params.metadata)
      return capturePayment(engine, intent, captured)
    },
  ),
  route(
    'POST',
    '/v1/payment_intents/:id/cancel',
    'payment_intent',
    { cancellation_reason: oneOf('abandoned', 'duplicate', 'fraudulent', 'requested_by_customer') },
    ({ engine, id, params }) => cancelIntent(engine, requireIntent(engine, id), params.cancellation_reason),
  ),
  route(
    'GET',
    '/v1/charges',
    'charge',
    { ...createdListShape, customer: string(), payment_intent: string(), transfer_group: string() },
    ({ engine, params, path }) => {
      const found = engine.store
        .list('charge')
        .filter(
          (charge) =>
            (params.customer === undefined || charge.customer === params.customer) &&
            (params.payment_intent === undefined || charge.payment_intent === params.payment_intent),
        )
      return paginate(found, params, path, 'charge')
    },
  ),
  route('GET', '/v1/charges/:id', 'charge', {}, ({ engine, id }) => engine.store.require('charge', id)),
  route(
    'POST',
    '/v1/charges/:id',
    'charge',
    {
      description: clearable(string()),
      metadata: metadata(),
      receipt_email: clearable(email()),
      ...withoutEffect('customer', 'fraud_details', 'shipping', 'transfer_group'),
    },
    ({ engine, id, params }) => {
      const charge = engine.store.require('charge', id)
      const changes = {
        metadata: mergeMetadata(charge.metadata, params.metadata),
        description: params.description === undefined ? charge.description : params.description,
        receipt_email: params.receipt_email === undefined ? charge.receipt_email : params.receipt_email,
      }
      return change(engine, charge, changes, 'charge.updated')
    },
  ),
  route('GET', '/v1/balance_transactions/:id', 'balance_transaction_source', {}, ({ engine, id }) =>
    engine.store.require('balance_transaction', id),
  ),
]
