/** `expand[]` (https://docs.stripe.com/api/expanding_objects): ids become objects, up to four levels deep. */
import type { Engine } from './engine.ts'
import { invalidRequest } from './errors.ts'
import type { Json, List } from './types.ts'
import { isStripeObject } from './versions.ts'

const LEVELS_MAX = 4

/** Fields that hold ids of other objects. */
const EXPANDABLE_FIELDS = new Set([
  'balance_transaction',
  'charge',
  'configuration',
  'coupon',
  'customer',
  'default_payment_method',
  'default_price',
  'discounts',
  'failure_balance_transaction',
  'invoice',
  'latest_charge',
  'latest_invoice',
  'payment_intent',
  'payment_method',
  'pending_setup_intent',
  'price',
  'product',
  'promotion_code',
  'schedule',
  'setup_intent',
  'shipping_rate',
  'subscription',
  'test_clock',
])

/** Fields that are absent unless expanded, by the kind of object that has them. */
const INCLUDABLE_FIELDS: Record<string, Record<string, (object: Json, engine: Engine) => unknown>> = {
  'checkout.session': {
    line_items: (session, engine) =>
      list(
        engine.sessions.get(String(session.id))?.lineItems ?? [],
        `/v1/checkout/sessions/${session.id}/line_items`,
      ),
  },
  invoice: {
    payments: (invoice, engine) =>
      list(
        engine.store.list('invoice_payment').filter((payment) => payment.invoice === invoice.id),
        '/v1/invoice_payments',
      ),
    confirmation_secret: (invoice, engine) => {
      const payment = engine.store
        .list('invoice_payment')
        .find((candidate) => candidate.invoice === invoice.id)
      const intent = payment?.payment.payment_intent
      const secret = intent && engine.store.get('payment_intent', intent)?.client_secret
      return secret ? { client_secret: secret, type: 'payment_intent' } : null
    },
  },
  charge: {
    refunds: (charge, engine) =>
      list(
        engine.store.list('refund').filter((refund) => refund.charge === charge.id),
        `/v1/charges/${charge.id}/refunds`,
      ),
  },
  customer: {
    subscriptions: (customer, engine) =>
      list(
        engine.store
          .list('subscription')
          .filter((item) => item.customer === customer.id && item.status !== 'canceled'),
        `/v1/customers/${customer.id}/subscriptions`,
      ),
    sources: (customer) => list([], `/v1/customers/${customer.id}/sources`),
    tax_ids: (customer) => list([], `/v1/customers/${customer.id}/tax_ids`),
  },
  price: {
    tiers: () => undefined,
    currency_options: ({ id, currency, unit_amount, unit_amount_decimal, tax_behavior }, engine) => ({
      [String(currency)]: { custom_unit_amount: null, tax_behavior, unit_amount, unit_amount_decimal },
      ...engine.currencyOptions.get(String(id)),
    }),
  },
  coupon: { applies_to: () => undefined, currency_options: () => ({}) },
}

/** @throws 400 when a field has more than four levels */
export function checkDepth(fields: string[]): void {
  for (const field of fields) {
    if (field.split('.').filter((level) => level !== 'data').length <= LEVELS_MAX) continue
    throw invalidRequest(`You cannot expand more than 4 levels of a property. Property: ${field}`, {
      param: 'expand',
    })
  }
}

/** Returns a copy of the answer with the given fields expanded. It never changes the stored objects. */
export function expandAnswer(engine: Engine, answer: unknown, fields: string[]): unknown {
  const copy = structuredClone(answer)
  for (const field of fields) expandField(engine, copy, field.split('.'), field)
  return copy
}

function expandField(engine: Engine, holder: unknown, [level = '', ...rest]: string[], field: string): void {
  if (Array.isArray(holder)) {
    for (const item of holder) expandField(engine, item, [level, ...rest], field)
    return
  }
  if (typeof holder !== 'object' || holder === null) return
  const json = holder as Json
  const include = INCLUDABLE_FIELDS[String(json.object)]?.[level]
  if (include && !(level in json)) json[level] = structuredClone(include(json, engine))
  if (!(level in json) && !EXPANDABLE_FIELDS.has(level) && !include) throw cannotExpand(field)
  json[level] = expandValue(engine, json[level], level, field)
  if (rest.length > 0) expandField(engine, json[level], rest, field)
}

function expandValue(engine: Engine, value: unknown, level: string, field: string): unknown {
  if (Array.isArray(value))
    return value.map((item) => (typeof item === 'string' ? lookUp(engine, item) : item))
  if (typeof value === 'object' || value === undefined) return value
  if (!EXPANDABLE_FIELDS.has(level)) throw cannotExpand(field)
  return typeof value === 'string' ? lookUp(engine, value) : value
}

function lookUp(engine: Engine, id: string): unknown {
  const found = engine.store.find(id) ?? engine.store.removed(id)
  return isStripeObject(found) ? structuredClone(found) : id
}

function cannotExpand(field: string) {
  return invalidRequest(
    `This property cannot be expanded (${field}). You may want to try expanding 'data.${field}' instead.`,
    { param: 'expand' },
  )
}

function list(data: unknown[], url: string): List<unknown> {
  return { object: 'list', data, has_more: false, url }
}
