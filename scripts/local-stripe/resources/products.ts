/** Products (https://docs.stripe.com/api/products). */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { createdListShape, paginate } from '../core/pagination.ts'
import {
  boolean,
  clearable,
  hash,
  type Infer,
  list,
  mergeMetadata,
  metadata,
  oneOf,
  required,
  string,
  url,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import type { Product } from '../core/types.ts'
import { priceDataShape } from './price-shape.ts'
import { createPrice } from './prices.ts'

const shared = {
  active: boolean(),
  description: clearable(string()),
  images: list(string(), { max: 8 }),
  marketing_features: list(hash({ name: string() }), { max: 15 }),
  metadata: metadata(),
  shippable: boolean(),
  statement_descriptor: clearable(string(22)),
  tax_code: clearable(string()),
  unit_label: clearable(string(12)),
  url: clearable(url()),
  ...withoutEffect('package_dimensions', 'tax_details'),
}
const { product: _product, ...defaultPriceShape } = priceDataShape
const createShape = {
  name: required(string()),
  id: string(255),
  type: oneOf('good', 'service'),
  default_price_data: hash({ ...defaultPriceShape, metadata: metadata() }),
  ...shared,
}
const updateShape = { name: string(), default_price: clearable(string()), ...shared }

export function createProduct(engine: Engine, params: Infer<typeof createShape>): Product {
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

export function updateProduct(engine: Engine, id: string, params: Infer<typeof updateShape>): Product {
  const product = engine.store.require('product', id)
  if (params.default_price) engine.store.require('price', params.default_price, 'default_price')
  const { metadata: sent, package_dimensions: _dimensions, tax_details: _tax, ...fields } = params
  const changes = { ...fields, metadata: mergeMetadata(product.metadata, sent) }
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

const listShape = {
  ...createdListShape,
  active: boolean(),
  ids: list(string()),
  shippable: boolean(),
  type: string(),
  url: string(),
}

export const productRoutes: Route[] = [
  route('POST', '/v1/products', 'product', createShape, ({ engine, params }) =>
    createProduct(engine, params),
  ),
  route('GET', '/v1/products', 'product', listShape, ({ engine, params, path }) => {
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
  route('POST', '/v1/products/:id', 'product', updateShape, ({ engine, id, params }) =>
    updateProduct(engine, id, params),
  ),
  route('DELETE', '/v1/products/:id', 'product', {}, ({ engine, id }) => deleteProduct(engine, id)),
]
