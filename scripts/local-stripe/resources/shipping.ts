/** Shipping rates (https://docs.stripe.com/api/shipping_rates), with fixed amounts, as checkout offers them. */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { createdListShape, paginate } from '../core/pagination.ts'
import {
  boolean,
  currency,
  hash,
  type Infer,
  integer,
  list,
  mergeMetadata,
  metadata,
  missing,
  oneOf,
  refused,
  required,
  string,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import type { CheckoutSession, ShippingRate } from '../core/types.ts'
import { taxBehavior } from './price-shape.ts'

const estimateShape = hash({
  unit: required(oneOf('business_day', 'day', 'hour', 'month', 'week')),
  value: required(integer({ min: 1 })),
})
const rateShape = {
  display_name: required(string(100)),
  delivery_estimate: hash({ maximum: estimateShape, minimum: estimateShape }),
  fixed_amount: hash({
    amount: required(integer({ min: 0 })),
    currency: required(currency()),
    ...refused('currency_options'),
  }),
  metadata: metadata(),
  tax_behavior: taxBehavior,
  tax_code: string(),
  type: oneOf('fixed_amount'),
}

/** The parameter `shipping_options` of a checkout session. */
export const shippingOptionsShape = list(
  hash({ shipping_rate: string(), shipping_rate_data: hash(rateShape) }),
  { max: 5 },
)

function createShippingRate(engine: Engine, params: Infer<typeof rateShape>, path = ''): ShippingRate {
  if (!params.fixed_amount) throw missing(path === '' ? 'fixed_amount' : `${path}[fixed_amount]`)
  const { maximum = null, minimum = null } = params.delivery_estimate ?? {}
  return engine.store.add<'shipping_rate'>({
    id: engine.ids.next('shr_'),
    object: 'shipping_rate',
    active: true,
    created: engine.now(),
    delivery_estimate: params.delivery_estimate ? { maximum, minimum } : null,
    display_name: params.display_name,
    fixed_amount: { amount: params.fixed_amount.amount, currency: params.fixed_amount.currency },
    livemode: engine.livemode,
    metadata: mergeMetadata({}, params.metadata),
    tax_behavior: params.tax_behavior ?? 'unspecified',
    tax_code: params.tax_code ?? null,
    type: 'fixed_amount',
  })
}

/** The shipping options that a session offers. The customer's choice is the first one at the beginning. */
export function resolveShipping(
  engine: Engine,
  options: Infer<{ options: typeof shippingOptionsShape }>['options'],
  currencyOfSession: string,
): CheckoutSession['shipping_options'] {
  return (options ?? []).map((option, place) => {
    const path = `shipping_options[${place}]`
    if (option.shipping_rate === undefined && !option.shipping_rate_data)
      throw missing(`${path}[shipping_rate]`)
    const rate = option.shipping_rate_data
      ? createShippingRate(engine, option.shipping_rate_data, `${path}[shipping_rate_data]`)
      : engine.store.require('shipping_rate', option.shipping_rate ?? '', `${path}[shipping_rate]`)
    if (!rate.active)
      throw invalidRequest(`The shipping rate ${rate.id} is archived.`, { param: `${path}[shipping_rate]` })
    if (rate.fixed_amount?.currency !== currencyOfSession) {
      throw invalidRequest(
        `The shipping rate's currency ${rate.fixed_amount?.currency} does not match the currency ${currencyOfSession} of the Checkout Session.`,
        { param: path },
      )
    }
    return { shipping_amount: rate.fixed_amount.amount, shipping_rate: rate.id }
  })
}

/** What the chosen shipping rate costs, or null without one. */
export function shippingCostOf(engine: Engine, rate: string | null): CheckoutSession['shipping_cost'] {
  const found = rate === null ? undefined : engine.store.get('shipping_rate', rate)
  if (!found) return null
  const amount = found.fixed_amount?.amount ?? 0
  return { amount_subtotal: amount, amount_tax: 0, amount_total: amount, shipping_rate: found.id }
}

export const shippingRateRoutes: Route[] = [
  route('POST', '/v1/shipping_rates', 'shipping_rate', rateShape, ({ engine, params }) =>
    createShippingRate(engine, params),
  ),
  route(
    'GET',
    '/v1/shipping_rates',
    'shipping_rate',
    { ...createdListShape, active: boolean(), currency: currency() },
    ({ engine, params, path }) => {
      const found = engine.store
        .list('shipping_rate')
        .filter(
          (rate) =>
            (params.active === undefined || rate.active === params.active) &&
            (params.currency === undefined || rate.fixed_amount?.currency === params.currency),
        )
      return paginate(found, params, path, 'shipping rate')
    },
  ),
  route('GET', '/v1/shipping_rates/:id', 'shipping_rate', {}, ({ engine, id }) =>
    engine.store.require('shipping_rate', id),
  ),
  route(
    'POST',
    '/v1/shipping_rates/:id',
    'shipping_rate',
    { active: boolean(), metadata: metadata(), ...refused('fixed_amount', 'tax_behavior') },
    ({ engine, id, params }) => {
      const rate = engine.store.require('shipping_rate', id)
      const changes = {
        active: params.active ?? rate.active,
        metadata: mergeMetadata(rate.metadata, params.metadata),
      }
      return change(engine, rate, changes)
    },
  ),
]
