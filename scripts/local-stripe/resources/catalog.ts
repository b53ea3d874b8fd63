/**
 * Products and prices (https://docs.stripe.com/api/products, https://docs.stripe.com/api/prices). They share a file
 * because each can create the other. Amounts are integers in the currency's minor unit.
 */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { AMOUNT_MAX_IDR, amountMaxOf } from '../core/money.ts'
import { createdListShape, paginate } from '../core/pagination.ts'
import {
  boolean,
  byCurrency,
  clearable,
  currency,
  decimal,
  hash,
  type Infer,
  integer,
  list,
  mergeMetadata,
  metadata,
  missing,
  oneOf,
  refused,
  refusedUnless,
  required,
  string,
  url,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import type { Metadata, Price, Product } from '../core/types.ts'
import { priceDataShape, taxBehavior } from './price-shape.ts'

// ---- products

const sharedProductShape = {
  active: boolean(),
  description: clearable(string()),
  images: list(string(), { max: 8 }),
  marketing_features: clearable(list(hash({ name: string() }), { max: 15 })),
  metadata: metadata(),
  shippable: boolean(),
  statement_descriptor: clearable(string(22)),
  tax_code: clearable(string()),
  unit_label: clearable(string(12)),
  url: clearable(url()),
  ...withoutEffect('package_dimensions', 'tax_details'),
}
const { product: _product, ...defaultPriceShape } = priceDataShape
const createProductShape = {
  name: required(string()),
  id: string(255),
  type: oneOf('good', 'service'),
  default_price_data: hash({ ...defaultPriceShape, metadata: metadata() }),
  ...sharedProductShape,
}
const updateProductShape = { name: string(), default_price: clearable(string()), ...sharedProductShape }

export function createProduct(engine: Engine, params: Infer<typeof createProductShape>): Product {
  if (params.id !== undefined && engine.store.find(params.id)) {
    throw invalidRequest('Product already exists.', { code: 'resource_already_exists', param: 'id' })
  }
  const now = engine.now()
  const product = engine.store.add<'product'>({
    id: params.id ?? engine.ids.next('prod_', 14),
    object: 'product',
    active: params.active ?? true,
    created: now,
    default_price: null,
    description: params.description ?? null,
    images: params.images ?? [],
    livemode: engine.livemode,
    marketing_features: params.marketing_features ?? [],
    metadata: mergeMetadata({}, params.metadata),
    name: params.name,
    package_dimensions: null,
    shippable: params.shippable ?? null,
    statement_descriptor: params.statement_descriptor ?? null,
    tax_code: params.tax_code ?? null,
    tax_details: null,
    type: params.type ?? 'service',
    unit_label: params.unit_label ?? null,
    updated: now,
    url: params.url ?? null,
  })
  engine.emit('product.created', product)
  if (params.default_price_data) {
    const price = createPrice(engine, { ...params.default_price_data, product: product.id })
    change(engine, product, { default_price: price.id }, 'product.updated')
  }
  return product
}

export function updateProduct(engine: Engine, id: string, params: Infer<typeof updateProductShape>): Product {
  const product = engine.store.require('product', id)
  if (params.default_price) engine.store.require('price', params.default_price, 'default_price')
  const {
    metadata: sent,
    marketing_features: features,
    package_dimensions: _dimensions,
    tax_details: _tax,
    ...fields
  } = params
  const changes = {
    ...fields,
    ...(features !== undefined && { marketing_features: features ?? [] }),
    metadata: mergeMetadata(product.metadata, sent),
  }
  return change(engine, product, { ...changes, updated: engine.now() }, 'product.updated')
}

export function deleteProduct(engine: Engine, id: string) {
  const product = engine.store.require('product', id)
  if (engine.store.list('price').some((price) => price.product === id)) {
    throw invalidRequest('This product cannot be deleted because it has one or more user-created prices.', {
      param: 'id',
    })
  }
  const left = engine.store.remove('product', id)
  engine.emit('product.deleted', product)
  return left
}

const listProductsShape = {
  ...createdListShape,
  active: boolean(),
  ids: list(string()),
  shippable: boolean(),
  type: string(),
  url: string(),
}

export const productRoutes: Route[] = [
  route('POST', '/v1/products', 'product', createProductShape, ({ engine, params }) =>
    createProduct(engine, params),
  ),
  route('GET', '/v1/products', 'product', listProductsShape, ({ engine, params, path }) => {
    const found = engine.store
      .list('product')
      .filter(
        (product) =>
          (params.active === undefined || product.active === params.active) &&
          (!params.ids || params.ids.includes(product.id)) &&
          (params.shippable === undefined || product.shippable === params.shippable) &&
          (params.url === undefined || product.url === params.url),
      )
    return paginate(found, params, path, 'product')
  }),
  route('GET', '/v1/products/:id', 'product', {}, ({ engine, id }) => engine.store.require('product', id)),
  route('POST', '/v1/products/:id', 'product', updateProductShape, ({ engine, id, params }) =>
    updateProduct(engine, id, params),
  ),
  route('DELETE', '/v1/products/:id', 'product', {}, ({ engine, id }) => deleteProduct(engine, id)),
]

// ---- prices

const createPriceShape = {
  ...priceDataShape,
  active: boolean(),
  billing_scheme: refusedUnless('per_unit'),
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
  custom_unit_amount: hash({
    enabled: required(boolean()),
    maximum: integer({ min: 1 }),
    minimum: integer({ min: 0 }),
    preset: integer({ min: 0 }),
  }),
  currency_options: byCurrency({
    tax_behavior: taxBehavior,
    unit_amount: integer({ min: 0, max: AMOUNT_MAX_IDR }),
    unit_amount_decimal: decimal(),
    ...refused('custom_unit_amount', 'tiers'),
  }),
  ...refused('tiers', 'tiers_mode', 'transform_quantity'),
}
const updatePriceShape = {
  active: boolean(),
  lookup_key: clearable(string(200)),
  metadata: metadata(),
  nickname: clearable(string()),
  tax_behavior: taxBehavior,
  transfer_lookup_key: boolean(),
  ...refused('currency_options'),
}

type PriceParams = Infer<typeof priceDataShape> & Partial<Infer<typeof createPriceShape>>

export function createPrice(engine: Engine, params: PriceParams & { metadata?: Metadata | null }): Price {
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
    custom_unit_amount: params.custom_unit_amount?.enabled
      ? {
          maximum: params.custom_unit_amount.maximum ?? null,
          minimum: params.custom_unit_amount.minimum ?? null,
          preset: params.custom_unit_amount.preset ?? null,
        }
      : null,
    livemode: engine.livemode,
    lookup_key: params.lookup_key ?? null,
    metadata: mergeMetadata({}, params.metadata),
    nickname: params.nickname ?? null,
    product,
    recurring: params.recurring
      ? {
          interval: params.recurring.interval,
          interval_count: params.recurring.interval_count ?? 1,
          meter: params.recurring.meter ?? null,
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
  if (params.currency_options) engine.currencyOptions.set(price.id, optionsOf(params))
  engine.emit('price.created', price)
  return price
}

/** What the price costs in each other currency. */
function optionsOf({ currency: own, currency_options: sent = {}, tax_behavior: taxed }: PriceParams) {
  const options = Object.entries(sent).map(([other, option]) => {
    if (other === own) {
      throw invalidRequest(`${own} is the currency of the price itself.`, {
        param: `currency_options[${own}]`,
      })
    }
    const { unit_amount, unit_amount_decimal } = option
    const { amount, exact } = amountOf({ currency: other, unit_amount, unit_amount_decimal })
    const shown = {
      custom_unit_amount: null,
      tax_behavior: option.tax_behavior ?? taxed ?? 'unspecified',
      unit_amount: amount,
      unit_amount_decimal: exact,
    }
    return [other, shown] as const
  })
  return Object.fromEntries(options)
}

/** The price as it is charged in a currency: with the amount that it has there, else as it is. */
export function priceIn(engine: Engine, price: Price, asked: string | null | undefined): Price {
  const option = asked ? engine.currencyOptions.get(price.id)?.[asked] : undefined
  if (!asked || !option) return price
  const { unit_amount, unit_amount_decimal } = option
  return { ...price, currency: asked, unit_amount, unit_amount_decimal }
}

/** The longest interval of a price is three years: the number of units, and the adjective for the error message. */
const THREE_YEARS: Record<string, [most: number, adjective: string]> = {
  day: [1095, 'daily'],
  week: [156, 'weekly'],
  month: [36, 'monthly'],
  year: [3, 'yearly'],
}

function checkInterval({ recurring }: PriceParams): void {
  if (!recurring) return
  const [most, adjective] = THREE_YEARS[recurring.interval] ?? [1, recurring.interval]
  if ((recurring.interval_count ?? 1) <= most) return
  throw invalidRequest(`The interval_count for ${adjective} prices can't be greater than ${most}`, {
    param: 'recurring[interval_count]',
  })
}

/** The amount of one unit: its exact text, and the whole minor units or null when it has decimals. */
function amountOf({ unit_amount: whole, unit_amount_decimal: text, ...params }: PriceParams) {
  if (params.custom_unit_amount?.enabled) {
    if (params.recurring || whole !== undefined || text !== undefined) {
      const other = params.recurring ? 'recurring' : 'unit_amount'
      throw invalidRequest(`You may only specify one of these parameters: custom_unit_amount, ${other}.`, {
        param: 'custom_unit_amount',
      })
    }
    return { amount: null, exact: null }
  }
  if (whole !== undefined && text !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: unit_amount, unit_amount_decimal.', {
      param: 'unit_amount',
    })
  }
  if (whole === undefined && text === undefined) throw missing('unit_amount')
  if (whole !== undefined) integer({ max: amountMaxOf(params.currency) }).parse(String(whole), 'unit_amount')
  const exact = text ?? String(whole)
  const amount = Number(exact)
  return { amount: Number.isInteger(amount) ? amount : null, exact }
}

/** A lookup key belongs to one price. `transfer` takes it from the price that has it. */
function claimLookupKey(engine: Engine, key: string, transfer: boolean, claimant?: Price): void {
  const holder = engine.store.list('price').find((price) => price.lookup_key === key && price !== claimant)
  if (!holder) return
  if (!transfer) {
    throw invalidRequest(`A price (\`${holder.id}\`) already uses that lookup key.`, { param: 'lookup_key' })
  }
  change(engine, holder, { lookup_key: null }, 'price.updated')
}

export function updatePrice(engine: Engine, id: string, params: Infer<typeof updatePriceShape>): Price {
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

const listPricesShape = {
  ...createdListShape,
  active: boolean(),
  currency: currency(),
  lookup_keys: list(string(), { max: 10 }),
  product: string(),
  recurring: hash({ interval: string(), usage_type: string(), meter: string() }),
  type: oneOf('one_time', 'recurring'),
}

export const priceRoutes: Route[] = [
  route('POST', '/v1/prices', 'plan', createPriceShape, ({ engine, params }) => {
    if (params.product === undefined && params.product_data) {
      const { id, name, metadata: sent } = params.product_data
      const product = createProduct(engine, { id, name, metadata: sent })
      return createPrice(engine, { ...params, product: product.id })
    }
    return createPrice(engine, params)
  }),
  route('GET', '/v1/prices', 'plan', listPricesShape, ({ engine, params, path }) => {
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
          (params.recurring?.usage_type === undefined ||
            price.recurring?.usage_type === params.recurring.usage_type) &&
          (params.recurring?.meter === undefined || price.recurring?.meter === params.recurring.meter) &&
          (params.type === undefined || price.type === params.type),
      )
    return paginate(found, params, path, 'price')
  }),
  route('GET', '/v1/prices/:id', 'plan', {}, ({ engine, id }) => engine.store.require('price', id)),
  route('POST', '/v1/prices/:id', 'plan', updatePriceShape, ({ engine, id, params }) =>
    updatePrice(engine, id, params),
  ),
]
