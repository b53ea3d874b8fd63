/** Customers (https://docs.stripe.com/api/customers). */
import { change, type Engine } from '../core/engine.ts'
import { createdListShape, paginate } from '../core/pagination.ts'
import {
  clearable,
  email,
  hash,
  type Infer,
  integer,
  list,
  mergeMetadata,
  metadata,
  oneOf,
  refused,
  string,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import type { Customer, Deleted } from '../core/types.ts'
import { addressShape, fullAddress } from './address.ts'
import { attachPaymentMethod } from './payment-methods.ts'
import { endSubscription } from './subscription-state.ts'

const sharedShape = {
  address: clearable(hash(addressShape)),
  balance: integer(),
  description: clearable(string()),
  email: clearable(email()),
  invoice_prefix: string(12),
  invoice_settings: hash({
    default_payment_method: clearable(string()),
    ...withoutEffect('custom_fields', 'footer', 'rendering_options'),
  }),
  metadata: metadata(),
  name: clearable(string(256)),
  phone: clearable(string(20)),
  preferred_locales: list(string()),
  shipping: clearable(hash({ address: hash(addressShape), name: string(), phone: clearable(string()) })),
  tax_exempt: clearable(oneOf('exempt', 'none', 'reverse')),
  ...refused('source'),
  ...withoutEffect(
    'business_name',
    'cash_balance',
    'individual_name',
    'next_invoice_sequence',
    'tax',
    'validate',
  ),
}
const createShape = {
  ...sharedShape,
  payment_method: string(),
  test_clock: string(),
  ...withoutEffect('tax_id_data'),
}
const updateShape = { ...sharedShape, ...withoutEffect('default_source') }

export function createCustomer(engine: Engine, params: Infer<typeof createShape>): Customer {
  if (params.test_clock !== undefined) {
    engine.store.require('test_helpers.test_clock', params.test_clock, 'test_clock')
  }
  const clock = params.test_clock && engine.store.require('test_helpers.test_clock', params.test_clock)
  const customer = engine.store.add<'customer'>({
    id: engine.ids.next('cus_', 14),
    object: 'customer',
    address: params.address ? fullAddress(params.address) : null,
    balance: params.balance ?? 0,
    created: clock ? clock.frozen_time : engine.now(),
    currency: null,
    customer_account: null,
    default_source: null,
    delinquent: false,
    description: params.description ?? null,
    discount: null,
    email: params.email ?? null,
    invoice_credit_balance: {},
    invoice_prefix: params.invoice_prefix ?? engine.ids.next('', 8).toUpperCase(),
    invoice_settings: {
      custom_fields: null,
      default_payment_method: params.invoice_settings?.default_payment_method ?? null,
      footer: null,
      rendering_options: null,
    },
    livemode: engine.livemode,
    metadata: mergeMetadata({}, params.metadata),
    name: params.name ?? null,
    next_invoice_sequence: 1,
    phone: params.phone ?? null,
    preferred_locales: params.preferred_locales ?? [],
    shipping: shippingOf(params.shipping),
    tax_exempt: params.tax_exempt ?? 'none',
    test_clock: params.test_clock ?? null,
  })
  engine.emit('customer.created', customer)
  if (params.payment_method) attachPaymentMethod(engine, params.payment_method, customer.id, 'payment_method')
  return customer
}

function shippingOf(sent: Infer<typeof sharedShape>['shipping']): Customer['shipping'] {
  if (!sent) return null
  return { address: fullAddress(sent.address ?? {}), name: sent.name ?? '', phone: sent.phone ?? null }
}

/** The customer, or Stripe's error. A deleted customer is refused in every parameter. */
export function requireCustomer(engine: Engine, id: string, param = 'customer'): Customer {
  return engine.store.require('customer', id, param)
}

export function updateCustomer(engine: Engine, id: string, params: Infer<typeof updateShape>): Customer {
  const customer = engine.store.require('customer', id)
  const method = params.invoice_settings?.default_payment_method
  if (method) engine.store.require('payment_method', method, 'invoice_settings[default_payment_method]')
  const changes: Partial<Customer> = { metadata: mergeMetadata(customer.metadata, params.metadata) }
  if (params.address !== undefined) changes.address = params.address && fullAddress(params.address)
  if (params.balance !== undefined) changes.balance = params.balance
  if (params.description !== undefined) changes.description = params.description
  if (params.email !== undefined) changes.email = params.email
  if (params.name !== undefined) changes.name = params.name
  if (params.phone !== undefined) changes.phone = params.phone
  if (params.preferred_locales !== undefined) changes.preferred_locales = params.preferred_locales
  if (params.shipping !== undefined) changes.shipping = shippingOf(params.shipping)
  if (params.tax_exempt !== undefined) changes.tax_exempt = params.tax_exempt ?? 'none'
  if (method !== undefined)
    changes.invoice_settings = { ...customer.invoice_settings, default_payment_method: method }
  return change(engine, customer, changes, 'customer.updated')
}

/** Deletes a customer; its subscriptions end at once. */
export function deleteCustomer(engine: Engine, id: string): Deleted {
  const customer = engine.store.require('customer', id)
  for (const subscription of engine.store.list('subscription')) {
    if (subscription.customer === id && subscription.ended_at === null) endSubscription(engine, subscription)
  }
  engine.emit('customer.deleted', customer)
  return engine.store.remove('customer', id)
}

const listShape = { ...createdListShape, email: string(), test_clock: string() }

export const customerRoutes: Route[] = [
  route('POST', '/v1/customers', 'customer', createShape, ({ engine, params }) =>
    createCustomer(engine, params),
  ),
  route('GET', '/v1/customers', 'customer', listShape, ({ engine, params, path }) => {
    return paginate(
      engine.store.list('customer'),
      params,
      path,
      'customer',
      (customer) =>
        (params.email === undefined || customer.email === params.email) &&
        customer.test_clock === (params.test_clock ?? null),
    )
  }),
  route('GET', '/v1/customers/:id', 'customer', {}, ({ engine, id }) => {
    return engine.store.removed(id) ?? engine.store.require('customer', id)
  }),
  route('POST', '/v1/customers/:id', 'customer', updateShape, ({ engine, id, params }) =>
    updateCustomer(engine, id, params),
  ),
  route('DELETE', '/v1/customers/:id', 'customer', {}, ({ engine, id }) => deleteCustomer(engine, id)),
]
