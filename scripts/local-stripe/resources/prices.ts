/** Prices (https://docs.stripe.com/api/prices). Amounts are integers in the currency's minor unit. */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { createdListShape, paginate } from '../core/pagination.ts'
import {
  boolean,
  clearable,
  currency,
  hash,
  type Infer,
  list,
  mergeMetadata,
  metadata,
  missing,
  oneOf,
  required,
  string,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import type { Metadata, Price } from '../core/types.ts'
import { priceDataShape, taxBehavior } from './price-shape.ts'
import { createProduct } from './products.ts'

const createShape = {
  ...priceDataShape,
  active: boolean(),
  billing_scheme: oneOf('per_unit', 'tiered'),
  lookup_key: string(200),
  metadata: metadata(),
  nickname: string(),
  product_data: hash({
    name: required(string()),
    id: string(),
    metadata: metadata(),
    ...withoutEffect('active', 'statement_descriptor', 'tax_code', 'tax_details', 'unit_label'),
  }),
  transfer_lookup_key: boolean(),
  ...withoutEffect('currency_options', 'custom_unit_amount', 'tiers', 'tiers_mode', 'transform_quantity'),
}
const updateShape = {
  active: boolean(),
  lookup_key: clearable(string(200)),
  metadata: metadata(),
  nickname: clearable(string()),
  tax_behavior: taxBehavior,
  transfer_lookup_key: boolean(),
  ...withoutEffect('currency_options'),
}

type CreateParams = Infer<typeof priceDataShape> & Partial<Infer<typeof createShape>>

export function createPrice(engine: Engine, params: CreateParams & { metadata?: Metadata | null }): Price {
  const product = params.product
  if (product === undefined) throw missing('product')
  engine.store.require('product', product, 'product')
  checkInterval(params)
  if (params.lookup_key) claimLookupKey(engine, params.lookup_key, params.transfer_lookup_key ?? false)
  const { amount, exact } = amountOf(params)
  const price = engine.store.add<'price'>({
    id: engine.ids.next('price_'),
    object: 'price',
    active: params.active ?? true,
    billing_scheme: 'per_unit',
    created: engine.now(),
    currency: params.currency,
    custom_unit_amount: null,
    livemode: engine.livemode,
    lookup_key: params.lookup_key ?? null,
    metadata: mergeMetadata({}, params.metadata),
    nickname: params.nickname ?? null,
    product,
    recurring: params.recurring
      ? {
          interval: params.recurring.interval,
          interval_count: params.recurring.interval_count ?? 1,
          meter: null,
          trial_period_days: null,
          usage_type: params.recurring.usage_type ?? 'licensed',
        }
      : null,
    tax_behavior: params.tax_behavior ?? 'unspecified',
    tiers_mode: null,
    transform_quantity: null,
    type: params.recurring ? 'recurring' : 'one_time',
    unit_amount: amount,
    unit_amount_decimal: exact,
  })
  engine.emit('price.created', price)
  return price
}

/** How many of an interval make up three years, which is as long as a price may recur. */
const THREE_YEARS: Record<string, [most: number, adjective: string]> = {
  day: [1095, 'daily'],
  week: [156, 'weekly'],
  month: [36, 'monthly'],
  year: [3, 'yearly'],
}

function checkInterval({ recurring }: CreateParams): void {
  if (!recurring) return
  const [most, adjective] = THREE_YEARS[recurring.interval] ?? [1, recurring.interval]
  if ((recurring.interval_count ?? 1) <= most) return
  throw invalidRequest(`The interval_count for ${adjective} prices can't be greater than ${most}`, {
    param: 'recurring[interval_count]',
  })
}

/** The amount of one unit: whole minor units, or null when it has decimals, and always its exact text. */
function amountOf({ unit_amount: whole, unit_amount_decimal: text }: CreateParams) {
  if (whole !== undefined && text !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: unit_amount, unit_amount_decimal.', {
      param: 'unit_amount',
    })
  }
  if (whole === undefined && text === undefined) throw missing('unit_amount')
  const exact = text ?? String(whole)
  const amount = Number(exact)
  return { amount: Number.isInteger(amount) ? amount : null, exact }
}

/** A lookup key belongs to one active price; `transfer` takes it from the one that has it. */
function claimLookupKey(engine: Engine, key: string, transfer: boolean, claimant?: Price): void {
  const holder = engine.store.list('price').find((price) => price.lookup_key === key && price !== claimant)
  if (!holder) return
  if (!transfer) {
    throw invalidRequest(`A price (\`${holder.id}\`) already uses that lookup key.`, { param: 'lookup_key' })
  }
  change(engine, holder, { lookup_key: null }, 'price.updated')
}

export function updatePrice(engine: Engine, id: string, params: Infer<typeof updateShape>): Price {
  const price = engine.store.require('price', id)
  if (
    params.tax_behavior &&
    price.tax_behavior !== 'unspecified' &&
    params.tax_behavior !== price.tax_behavior
  ) {
    throw invalidRequest(
      '`tax_behavior` cannot be changed once it has been set to `inclusive` or `exclusive`.',
      {
        param: 'tax_behavior',
      },
    )
  }
  if (params.active === false && engine.store.get('product', price.product)?.default_price === price.id) {
    throw invalidRequest('This price cannot be archived because it is the default price of its product.', {
      param: 'active',
    })
  }
  const {
    metadata: sent,
    transfer_lookup_key: transfer = false,
    currency_options: _options,
    ...fields
  } = params
  if (params.lookup_key) claimLookupKey(engine, params.lookup_key, transfer, price)
  return change(engine, price, { ...fields, metadata: mergeMetadata(price.metadata, sent) }, 'price.updated')
}

const listShape = {
  ...createdListShape,
  active: boolean(),
  currency: currency(),
  lookup_keys: list(string(), { max: 10 }),
  product: string(),
  recurring: hash({ interval: string(), usage_type: string(), meter: string() }),
  type: oneOf('one_time', 'recurring'),
}

export const priceRoutes: Route[] = [
  route('POST', '/v1/prices', 'plan', createShape, ({ engine, params }) => {
    if (params.product === undefined && params.product_data) {
      const { id, name, metadata: sent } = params.product_data
      const product = createProduct(engine, { id, name, metadata: sent })
      return createPrice(engine, { ...params, product: product.id })
    }
    return createPrice(engine, params)
  }),
  route('GET', '/v1/prices', 'plan', listShape, ({ engine, params, path }) => {
    const found = engine.store
      .list('price')
      .filter(
        (price) =>
          (params.active === undefined || price.active === params.active) &&
          (params.currency === undefined || price.currency === params.currency) &&
          (!params.lookup_keys || params.lookup_keys.includes(price.lookup_key ?? '')) &&
          (params.product === undefined || price.product === params.product) &&
          (params.recurring?.interval === undefined ||
            price.recurring?.interval === params.recurring.interval) &&
          (params.type === undefined || price.type === params.type),
      )
    return paginate(found, params, path, 'price')
  }),
  route('GET', '/v1/prices/:id', 'plan', {}, ({ engine, id }) => engine.store.require('price', id)),
  route('POST', '/v1/prices/:id', 'plan', updateShape, ({ engine, id, params }) =>
    updatePrice(engine, id, params),
  ),
]
