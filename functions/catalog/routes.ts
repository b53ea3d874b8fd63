/** The routes of products and prices. */
import { listRoute, readEvery } from '../core/paging.ts'
import { route } from '../core/route.ts'
import { environmentParams } from '../core/schema-parts.ts'
import { isReplayed } from '../core/stripe.ts'
import {
  change,
  changedPrice,
  changedProduct,
  clearable,
  featuresOf,
  idempotency,
  ifUnchanged,
  omitUndefined,
} from './change.ts'
import { CATALOGUE, PRICES, PRODUCTS, priceOf, productOf } from './lists.ts'
import {
  archivePriceResponse,
  catalogResponse,
  catalogueQuery,
  createPriceBody,
  createProductBody,
  deleteProductResponse,
  deleteQuery,
  priceParams,
  priceResponse,
  pricesQuery,
  productParams,
  productQuery,
  productResponse,
  productsQuery,
  productWithPricesResponse,
  updatePriceBody,
  updateProductBody,
} from './schemas.ts'

const getCatalog = route({
  id: 'listStripeCatalog',
  method: 'GET',
  path: '/stripe/{environment}/catalog',
  summary: 'Lists products by name and prices by product',
  params: environmentParams,
  response: catalogResponse,
  async handle({ params: { environment } }, { database }) {
    const [products, prices] = await Promise.all([
      readEvery(database, PRODUCTS, { environment }),
      readEvery(database, PRICES, { environment }),
    ])
    return { products, prices }
  },
})

const listProducts = listRoute({
  id: 'listStripeProducts',
  path: '/stripe/{environment}/catalog/products',
  summary: 'Lists products by name',
  query: productsQuery,
  items: 'products',
  list: PRODUCTS,
})

const listCatalogue = listRoute({
  id: 'listCatalogueProducts',
  path: '/stripe/{environment}/catalog/overview',
  summary: 'Finds products by name, with their first active prices',
  query: catalogueQuery,
  items: 'products',
  list: CATALOGUE,
})

const createProduct = route({
  id: 'createStripeProduct',
  asksStripe: true,
  method: 'POST',
  path: '/stripe/{environment}/catalog/products',
  summary: 'Creates a product',
  params: environmentParams,
  body: createProductBody,
  status: 201,
  response: productResponse,
  errors: { 404: ['PAYMENT_PRODUCT_NOT_FOUND'] }, // created, and already deleted
  async handle(
    { params: { environment }, body: { idempotencyKey, description, marketingFeatures, ...rest } },
    deps,
  ) {
    const made = await change(environment, deps, async (client) => {
      const created = await client.products.create(
        omitUndefined({
          ...rest,
          description: description ?? undefined,
          marketing_features: featuresOf(marketingFeatures) || undefined,
        }),
        await idempotency(environment, 'create_product', idempotencyKey),
      )
      return isReplayed(created) ? client.products.retrieve(created.id) : created
    })
    return { product: await changedProduct(deps, environment, made) }
  },
})

const getProduct = route({
  id: 'getStripeProduct',
  method: 'GET',
  path: '/stripe/{environment}/catalog/products/{productId}',
  summary: 'Returns a product and its prices',
  params: productParams,
  query: productQuery,
  response: productWithPricesResponse,
  errors: { 404: ['PAYMENT_PRODUCT_NOT_FOUND'] },
  async handle({ params: { environment, productId }, query: { withPrices } }, deps) {
    const product = await productOf(deps, environment, productId)
    if (withPrices === 'false') return { product, prices: [] }
    const prices = await readEvery(deps.database, PRICES, { environment, filters: { productId } })
    return { product, prices }
  },
})

const updateProduct = route({
  id: 'updateStripeProduct',
  asksStripe: true,
  method: 'PATCH',
  path: '/stripe/{environment}/catalog/products/{productId}',
  summary: 'Changes a product',
  params: productParams,
  body: updateProductBody,
  response: productResponse,
  errors: { 404: ['PAYMENT_PRODUCT_NOT_FOUND'], 409: ['PAYMENT_CHANGED_MEANWHILE'] },
  async handle(
    { params: { environment, productId }, body: { description, ifRevision, marketingFeatures, ...rest } },
    deps,
  ) {
    const editor = { environment, objectId: productId, revision: ifRevision }
    const updated = await ifUnchanged(deps, editor, () =>
      change(environment, deps, (client) =>
        client.products.update(
          productId,
          omitUndefined({
            ...rest,
            description: clearable(description),
            marketing_features: featuresOf(marketingFeatures),
          }),
        ),
      ),
    )
    return { product: await changedProduct(deps, environment, updated) }
  },
})

const deleteProduct = route({
  id: 'deleteStripeProduct',
  asksStripe: true,
  method: 'DELETE',
  path: '/stripe/{environment}/catalog/products/{productId}',
  summary: 'Deletes a product that has no prices',
  params: productParams,
  query: deleteQuery,
  response: deleteProductResponse,
  errors: {
    404: ['PAYMENT_PRODUCT_NOT_FOUND'],
    409: ['PAYMENT_PRODUCT_IN_USE', 'PAYMENT_CHANGED_MEANWHILE'],
  },
  async handle({ params: { environment, productId }, query: { ifRevision } }, deps) {
    const editor = { environment, objectId: productId, revision: ifRevision }
    const { object } = await ifUnchanged(deps, editor, () =>
      change(environment, deps, (client) => client.products.del(productId)),
    )
    return { productId: object.id, deleted: object.deleted }
  },
})

const listPrices = listRoute({
  id: 'listStripePrices',
  path: '/stripe/{environment}/catalog/prices',
  summary: 'Lists prices by product, then by id',
  query: pricesQuery,
  items: 'prices',
  list: PRICES,
})

const createPrice = route({
  id: 'createStripePrice',
  asksStripe: true,
  method: 'POST',
  path: '/stripe/{environment}/catalog/prices',
  summary: 'Creates a price',
  params: environmentParams,
  body: createPriceBody,
  status: 201,
  response: priceResponse,
  errors: {
    404: ['PAYMENT_PRODUCT_NOT_FOUND', 'PAYMENT_PRICE_NOT_FOUND'], // the price: created, and already deleted
    409: ['PAYMENT_LOOKUP_KEY_IN_USE'],
  },
  async handle({ params: { environment }, body }, deps) {
    const made = await change(environment, deps, async (client) => {
      const created = await client.prices.create(
        omitUndefined({
          product: body.productId,
          currency: body.currency,
          unit_amount: body.unitAmount,
          custom_unit_amount:
            body.customUnitAmount && omitUndefined({ enabled: true as const, ...body.customUnitAmount }),
          lookup_key: body.lookupKey ?? undefined,
          transfer_lookup_key: body.transferLookupKey,
          active: body.active,
          recurring:
            body.recurring &&
            omitUndefined({
              interval: body.recurring.interval,
              interval_count: body.recurring.intervalCount,
            }),
          tax_behavior: body.taxBehavior,
          metadata: body.metadata,
        }),
        await idempotency(environment, 'create_price', body.idempotencyKey),
      )
      return isReplayed(created) ? client.prices.retrieve(created.id) : created
    })
    return { price: await changedPrice(deps, environment, made) }
  },
})

const getPrice = route({
  id: 'getStripePrice',
  method: 'GET',
  path: '/stripe/{environment}/catalog/prices/{priceId}',
  summary: 'Returns a price',
  params: priceParams,
  response: priceResponse,
  errors: { 404: ['PAYMENT_PRICE_NOT_FOUND'] },
  handle: async ({ params: { environment, priceId } }, deps) => ({
    price: await priceOf(deps, environment, priceId),
  }),
})

const updatePrice = route({
  id: 'updateStripePrice',
  asksStripe: true,
  method: 'PATCH',
  path: '/stripe/{environment}/catalog/prices/{priceId}',
  summary: 'Changes a price; its amount cannot change',
  params: priceParams,
  body: updatePriceBody,
  response: priceResponse,
  errors: {
    404: ['PAYMENT_PRICE_NOT_FOUND'],
    409: ['PAYMENT_PRICE_IN_USE', 'PAYMENT_LOOKUP_KEY_IN_USE', 'PAYMENT_CHANGED_MEANWHILE'],
  },
  async handle({ params: { environment, priceId }, body }, deps) {
    const editor = { environment, objectId: priceId, revision: body.ifRevision }
    const updated = await ifUnchanged(deps, editor, () =>
      change(environment, deps, (client) =>
        client.prices.update(
          priceId,
          omitUndefined({
            active: body.active,
            lookup_key: clearable(body.lookupKey),
            transfer_lookup_key: body.transferLookupKey,
            tax_behavior: body.taxBehavior,
            metadata: body.metadata,
          }),
        ),
      ),
    )
    return { price: await changedPrice(deps, environment, updated) }
  },
})

const archivePrice = route({
  id: 'archiveStripePrice',
  asksStripe: true,
  method: 'DELETE',
  path: '/stripe/{environment}/catalog/prices/{priceId}',
  summary: 'Archives a price, because Stripe deletes none',
  params: priceParams,
  query: deleteQuery,
  response: archivePriceResponse,
  errors: {
    404: ['PAYMENT_PRICE_NOT_FOUND'],
    409: ['PAYMENT_PRICE_IN_USE', 'PAYMENT_CHANGED_MEANWHILE'],
  },
  async handle({ params: { environment, priceId }, query: { ifRevision } }, deps) {
    const editor = { environment, objectId: priceId, revision: ifRevision }
    const archived = await ifUnchanged(deps, editor, () =>
      change(environment, deps, (client) => client.prices.update(priceId, { active: false })),
    )
    const price = await changedPrice(deps, environment, archived)
    return { price, archived: !price.active }
  },
})

export const catalogRoutes = [
  getCatalog,
  listCatalogue,
  listProducts,
  createProduct,
  getProduct,
  updateProduct,
  deleteProduct,
  listPrices,
  createPrice,
  getPrice,
  updatePrice,
  archivePrice,
]
