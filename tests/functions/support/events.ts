/** Events as Stripe sends them, and their signature. */
import { randomBytes } from 'node:crypto'
import { Stripe } from 'stripe'
import { WEBHOOK_SECRET } from './system.ts'

export type EventOptions = { id?: string; livemode?: boolean; created?: number }

export function eventOf(type: string, object: object, options: EventOptions = {}) {
  return {
    id: options.id ?? `evt_${randomBytes(8).toString('hex')}`,
    object: 'event',
    api_version: Stripe.API_VERSION,
    created: options.created ?? Math.floor(Date.now() / 1000),
    data: { object },
    livemode: options.livemode ?? false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type,
  }
}

/** A product that changed; a small event that leads to one row. */
export function productEvent(id: string, name: string, options: EventOptions = {}) {
  const created = options.created ?? Math.floor(Date.now() / 1000)
  const product = {
    id,
    object: 'product',
    active: true,
    attributes: [],
    created,
    default_price: null,
    description: null,
    images: [],
    livemode: options.livemode ?? false,
    marketing_features: [],
    metadata: {},
    name,
    package_dimensions: null,
    shippable: null,
    statement_descriptor: null,
    tax_code: null,
    type: 'service',
    unit_label: null,
    updated: created,
    url: null,
  }
  return eventOf('product.updated', product, { ...options, created })
}

const stripe = new Stripe('sk_test_signs_nothing')

/** The `Stripe-Signature` header over a body. */
export function signatureOf(body: string, { secret = WEBHOOK_SECRET, ageSeconds = 0 } = {}): string {
  const timestamp = Math.floor(Date.now() / 1000) - ageSeconds
  return stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp })
}
