/** Payment methods (https://docs.stripe.com/api/payment_methods), made from test numbers and test tokens. */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest, noSuch, StripeFailure } from '../core/errors.ts'
import { listShape, paginate } from '../core/pagination.ts'
import {
  clearable,
  email,
  hash,
  integer,
  mergeMetadata,
  metadata,
  oneOf,
  required,
  string,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import { methodOfNumber, methodOfToken, type TestMethod } from '../core/test-methods.ts'
import type { Metadata, PaymentMethod } from '../core/types.ts'
import { addressShape, fullAddress } from './address.ts'

interface Origin {
  expMonth?: number
  expYear?: number
  name?: string | null
  email?: string | null
  address?: Parameters<typeof fullAddress>[0] | null
  phone?: string | null
  metadata?: Metadata | null
}

/** Makes a payment method with the behaviour of a test method. It belongs to no customer yet. */
export function createPaymentMethod(engine: Engine, test: TestMethod, origin: Origin = {}): PaymentMethod {
  const method: PaymentMethod = {
    id: engine.ids.next('pm_'),
    object: 'payment_method',
    allow_redisplay: 'unspecified',
    billing_details: {
      address: fullAddress(origin.address ?? {}),
      email: origin.email ?? null,
      name: origin.name ?? null,
      phone: origin.phone ?? null,
      tax_id: null,
    },
    created: engine.now(),
    customer: null,
    customer_account: null,
    livemode: engine.livemode,
    metadata: mergeMetadata({}, origin.metadata),
    type: test.type,
  }
  if (test.type === 'card') method.card = cardDetails(test, origin)
  if (test.type === 'us_bank_account') method.us_bank_account = bankDetails(test)
  if (test.type === 'sepa_debit') method.sepa_debit = sepaDetails(test)
  engine.store.add<'payment_method'>(method)
  engine.behaviours.set(method.id, test)
  return method
}

function cardDetails(test: TestMethod, origin: Origin): NonNullable<PaymentMethod['card']> {
  const brand = test.brand ?? 'visa'
  return {
    brand,
    checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: 'pass' },
    country: 'US',
    display_brand: brand,
    exp_month: origin.expMonth ?? 12,
    exp_year: origin.expYear ?? 2034,
    fingerprint: `local${brand}${test.last4}`,
    funding: 'credit',
    generated_from: null,
    last4: test.last4,
    networks: { available: [brand], preferred: null },
    regulated_status: 'unregulated',
    three_d_secure_usage: { supported: true },
    wallet: null,
  }
}

function bankDetails(test: TestMethod): NonNullable<PaymentMethod['us_bank_account']> {
  return {
    account_holder_type: 'individual',
    account_type: 'checking',
    bank_name: 'STRIPE TEST BANK',
    financial_connections_account: null,
    fingerprint: `localbank${test.last4}`,
    last4: test.last4,
    networks: { preferred: 'ach', supported: ['ach'] },
    routing_number: '110000000',
    status_details: null,
  }
}

function sepaDetails(test: TestMethod): NonNullable<PaymentMethod['sepa_debit']> {
  return {
    bank_code: '19043',
    branch_code: '',
    country: 'AT',
    fingerprint: `localsepa${test.last4}`,
    generated_from: { charge: null, setup_attempt: null },
    last4: test.last4,
  }
}

/** The payment method with the id. A test token such as `pm_card_visa` makes a new one. */
export function resolvePaymentMethod(engine: Engine, id: string, param = 'payment_method'): PaymentMethod {
  const test = methodOfToken(id)
  if (test) return createPaymentMethod(engine, test)
  const method = engine.store.get('payment_method', id)
  if (!method) throw noSuch('PaymentMethod', id, param)
  return method
}

/**
 * Attaches a payment method to a customer.
 * @throws a card error when the card is declined at once
 */
export function attachPaymentMethod(
  engine: Engine,
  id: string,
  customer: string,
  param?: string,
): PaymentMethod {
  engine.store.require('customer', customer, 'customer')
  const method = resolvePaymentMethod(engine, id, param)
  if (method.customer === customer) return method
  if (method.customer) {
    throw invalidRequest('The payment method you provided has already been attached to a customer.', {
      code: 'payment_method_already_attached',
      param: 'payment_method',
    })
  }
  const behaviour = engine.behaviours.get(method.id)
  if (behaviour && !behaviour.attaches) {
    throw new StripeFailure(402, {
      type: 'card_error',
      code: behaviour.code,
      decline_code: behaviour.declineCode,
      message: behaviour.message ?? 'Your card was declined.',
    })
  }
  return change(engine, method, { customer }, 'payment_method.attached')
}

export function detachPaymentMethod(engine: Engine, id: string): PaymentMethod {
  const method = engine.store.require('payment_method', id)
  if (!method.customer) {
    throw invalidRequest(
      'The payment method you provided is not attached to a customer so detachment is impossible.',
      { param: 'payment_method' },
    )
  }
  const { customer } = method
  change(engine, method, { customer: null }, 'payment_method.detached')
  const owner = engine.store.get('customer', customer)
  if (owner?.invoice_settings.default_payment_method === id) {
    const settings = { ...owner.invoice_settings, default_payment_method: null }
    change(engine, owner, { invoice_settings: settings }, 'customer.updated')
  }
  return method
}

/** The customer's default payment method, if any. */
export function defaultMethodOf(engine: Engine, customer: string | null): string | null {
  return (customer && engine.store.get('customer', customer)?.invoice_settings.default_payment_method) || null
}

const billingShape = hash({
  address: clearable(hash(addressShape)),
  email: clearable(email()),
  name: clearable(string()),
  phone: clearable(string()),
  ...withoutEffect('tax_id'),
})
const createShape = {
  type: required(oneOf('card', 'sepa_debit', 'us_bank_account')),
  billing_details: billingShape,
  card: hash({
    number: string(),
    token: string(),
    exp_month: integer({ min: 1, max: 12 }),
    exp_year: integer(),
    cvc: string(),
    ...withoutEffect('networks'),
  }),
  metadata: metadata(),
  sepa_debit: hash({ iban: required(string()) }),
  us_bank_account: hash({
    account_number: string(),
    ...withoutEffect(
      'account_holder_type',
      'account_type',
      'financial_connections_account',
      'routing_number',
    ),
  }),
  ...withoutEffect('allow_redisplay'),
}
const listMethodsShape = {
  ...listShape,
  customer: string(),
  type: string(),
  ...withoutEffect('allow_redisplay', 'customer_account'),
}

export const paymentMethodRoutes: Route[] = [
  route('POST', '/v1/payment_methods', 'payment_method', createShape, ({ engine, params }) => {
    const { card, billing_details: billing } = params
    const token = card?.token === undefined ? undefined : methodOfToken(card.token)
    const number = params.sepa_debit?.iban ?? params.us_bank_account?.account_number ?? card?.number
    if (card?.token !== undefined && !token) throw noSuch('token', card.token, 'card[token]')
    const test = token ?? methodOfNumber(number ?? '')
    return createPaymentMethod(engine, test, {
      expMonth: card?.exp_month,
      expYear: card?.exp_year,
      name: billing?.name,
      email: billing?.email,
      address: billing?.address,
      phone: billing?.phone,
      metadata: params.metadata,
    })
  }),
  route('GET', '/v1/payment_methods', 'payment_method', listMethodsShape, ({ engine, params, path }) => {
    const found = engine.store
      .list('payment_method')
      .filter(
        (method) => method.customer !== null && (!params.customer || method.customer === params.customer),
      )
      .filter((method) => params.type === undefined || method.type === params.type)
    return paginate(found, params, path, 'PaymentMethod')
  }),
  route('GET', '/v1/payment_methods/:id', 'payment_method', {}, ({ engine, id }) =>
    resolvePaymentMethod(engine, id, 'id'),
  ),
  route(
    'POST',
    '/v1/payment_methods/:id',
    'payment_method',
    {
      metadata: metadata(),
      billing_details: billingShape,
      ...withoutEffect('allow_redisplay', 'card', 'us_bank_account'),
    },
    ({ engine, id, params }) => {
      const method = engine.store.require('payment_method', id)
      const { address, email, name, phone } = params.billing_details ?? {}
      const given = { address: address && fullAddress(address), email, name, phone }
      const sent = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
      const changes = {
        metadata: mergeMetadata(method.metadata ?? {}, params.metadata),
        billing_details: { ...method.billing_details, ...sent },
      }
      return change(engine, method, changes, 'payment_method.updated')
    },
  ),
  route(
    'POST',
    '/v1/payment_methods/:id/attach',
    'payment_method',
    { customer: required(string()), ...withoutEffect('customer_account') },
    ({ engine, id, params }) => attachPaymentMethod(engine, id, params.customer, 'id'),
  ),
  route('POST', '/v1/payment_methods/:id/detach', 'payment_method', {}, ({ engine, id }) =>
    detachPaymentMethod(engine, id),
  ),
  route(
    'GET',
    '/v1/customers/:id/payment_methods',
    'payment_method',
    listMethodsShape,
    ({ engine, id, params, path }) => {
      engine.store.require('customer', id, 'customer')
      const found = engine.store
        .list('payment_method')
        .filter(
          (method) => method.customer === id && (params.type === undefined || method.type === params.type),
        )
      return paginate(found, params, path, 'PaymentMethod')
    },
  ),
]
