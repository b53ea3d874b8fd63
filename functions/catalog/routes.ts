/**
 * Products and prices. Stripe is changed first, and its answer is projected; what is answered here is the row. Only where the
 * projection keeps something that it dates later, as the webhook of a change a moment before, Stripe's answer is shown itself: the
 * row follows with the next webhook.
 */
import type { Stripe } from 'stripe'
import type { ErrorCode, StripeEnvironment } from '../../types/api.ts'
import type { StripeObject } from '../../types/stripe.ts'
import type { Position } from '../core/cursor.ts'
import { apiError, isApiError } from '../core/errors.ts'
import { readPage } from '../core/paging.ts'
import { presentPrice, presentProduct, priceColumnsOf, productColumnsOf } from '../core/present-parts.ts'
import { listPrices, listProducts, type PageOf, readPrice, readProduct } from '../core/reads.ts'
import { route } from '../core/route.ts'
import {
  archivePriceResponse,
  catalogResponse,
  createPriceBody,
  createProductBody,
  deleteProductResponse,
  environmentParams,
  priceParams,
  priceResponse,
  pricesQuery,
  pricesResponse,
  productParams,
  productResponse,
  productsQuery,
  productsResponse,
  productWithPricesResponse,
  updatePriceBody,
  updateProductBody,
} from '../core/schema-parts.ts'
import { projectStripeObjects } from '../core/sql.ts'
import { isReplayed, takeSnapshot } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'

/** How many rows a list has at most that is asked for without a limit. */
const WHOLE = 1000

/** Every row of a list, read page by page. */
async function everyRow<Row>(
  read: (page: { limit: number; after: Position | null }) => Promise<PageOf<Row>>,
): Promise<Row[]> {
  const rows: Row[] = []
  let after: Position | null = null
  do {
    const page: PageOf<Row> = await read({ limit: WHOLE, after })
    rows.push(...page.rows)
    after = page.end
  } while (after !== null)
  return rows
}

/** What to do about an id that is not known here. */
const UNKNOWN_ID = 'Look it up in the catalog; a sync brings what Stripe has.'
const noProduct = (productId: string) =>
  apiError(404, 'PAYMENT_PRODUCT_NOT_FOUND', `There is no product ${productId}.`, { nextActions: UNKNOWN_ID })
const noPrice = (priceId: string) =>
  apiError(404, 'PAYMENT_PRICE_NOT_FOUND', `There is no price ${priceId}.`, { nextActions: UNKNOWN_ID })

async function productOf({ database }: Deps, environment: StripeEnvironment, productId: string) {
  const row = await readProduct(database, environment, productId)
  if (row === null) throw noProduct(productId)
  return presentProduct(row)
}

async function priceOf({ database }: Deps, environment: StripeEnvironment, priceId: string) {
  const row = await readPrice(database, environment, priceId)
  if (row === null) throw noPrice(priceId)
  return presentPrice(row)
}

/** What Stripe answered to a change, and whether the rows show it. */
type Changed<Kind> = { object: Kind; snapshotAt: string; isRow: boolean }

/** A product as Stripe has just answered with it. */
async function changedProduct(
  deps: Deps,
  environment: StripeEnvironment,
  { object, snapshotAt, isRow }: Changed<Stripe.Product | Stripe.DeletedProduct>,
) {
  if (isRow || object.deleted) return productOf(deps, environment, object.id)
  return presentProduct(productColumnsOf(environment, object, snapshotAt))
}

/** A price as Stripe has just answered with it. */
async function changedPrice(
  deps: Deps,
  environment: StripeEnvironment,
  { object, snapshotAt, isRow }: Changed<Stripe.Price>,
) {
  if (isRow) return priceOf(deps, environment, object.id)
  return presentPrice(priceColumnsOf(environment, object, snapshotAt))
}

/**
 * Changes something at Stripe and projects its answer.
 *
 * @throws Stripe's refusal in its own words; 404 where Stripe has no product or price of that id
 */
async function change<Kind extends StripeObject>(
  environment: StripeEnvironment,
  deps: Deps,
  call: (client: Stripe) => Promise<Stripe.Response<Kind>>,
): Promise<Changed<Kind>> {
  const client = await (await deps.stripe(environment)).client
  const snapshot = await takeSnapshot(environment, deps.now, () => call(client)).catch((error) => {
    throw catalogRefusal(error)
  })
  const { object, snapshotAt } = snapshot
  const applied = await projectStripeObjects(deps.database, { environment, objects: [object], snapshotAt })
  return { object, snapshotAt, isRow: applied > 0 }
}

/** What Stripe refuses because of something else that is there: told by its words, since it has no code of its own for them. */
const CONFLICTS: [words: RegExp, code: ErrorCode, nextActions: string][] = [
  [
    /product cannot be deleted because it has/i,
    'PAYMENT_PRODUCT_IN_USE',
    'Archive the product instead: set its active to false.',
  ],
  [
    /price cannot be archived because it is the default price/i,
    'PAYMENT_PRICE_IN_USE',
    'Give the product another default price in the Stripe Dashboard first.',
  ],
  [
    /already uses that lookup key/i,
    'PAYMENT_LOOKUP_KEY_IN_USE',
    'Use another lookup key, or set that of the price which has it to null first.',
  ],
]
/** Stripe's refusal because of what is there or is not, as the code that says what. */
function catalogRefusal(error: unknown): unknown {
  if (!isApiError(error) || error.code !== 'UPSTREAM_FAILURE' || error.status !== 400) return error
  const conflict = CONFLICTS.find(([words]) => words.test(error.message))
  if (conflict === undefined) return missingObject(error)
  const [, code, nextActions] = conflict
  return apiError(409, code, error.message, { nextActions, cause: error.cause })
}

function missingObject(error: unknown): unknown {
  const cause = isApiError(error)
    ? (error.cause as { code?: string; message?: string } | undefined)
    : undefined
  if (!isApiError(error) || cause?.code !== 'resource_missing') return error
  const kind = /^No such (product|price)\b/i.exec(error.message)?.[1]?.toLowerCase()
  if (kind === 'product')
    return apiError(404, 'PAYMENT_PRODUCT_NOT_FOUND', error.message, { nextActions: UNKNOWN_ID, cause })
  if (kind === 'price')
    return apiError(404, 'PAYMENT_PRICE_NOT_FOUND', error.message, { nextActions: UNKNOWN_ID, cause })
  return error
}

/**
 * The caller's key for what is made once; it is the caller's for this environment and operation alone. It travels as a header, so
 * one with other characters than a header can have goes as its digest.
 */
async function idempotency(environment: StripeEnvironment, operation: string, key: string | undefined) {
  if (key === undefined) return {}
  const digest = async () =>
    [...new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key)))]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('')
  const sendable = /^[\x20-\x7e]+$/.test(key) ? key : `sha256:${await digest()}`
  return { idempotencyKey: `pg-payments:${environment}:${operation}:${sendable}` }
}

/** Only what was given: Stripe takes a parameter that is there for one that is meant. */
function given<Params extends object>(params: Params): Params {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined)) as Params
}

/** Stripe clears a text that is set to the empty one. */
const clearable = (value: string | null | undefined) => (value === null ? '' : value)

const getCatalog = route({
  id: 'listStripeCatalog',
  method: 'GET',
  path: '/stripe/{environment}/catalog',
  summary: 'Products by name, and prices by product',
  params: environmentParams,
  response: catalogResponse,
  async handle({ params: { environment } }, { database }) {
    const [products, prices] = await Promise.all([
      everyRow((page) => listProducts(database, { environment, ...page })),
      everyRow((page) => listPrices(database, { environment, ...page })),
    ])
    return { products: products.map(presentProduct), prices: prices.map(presentPrice) }
  },
})

const listProductsRoute = route({
  id: 'listStripeProducts',
  method: 'GET',
  path: '/stripe/{environment}/catalog/products',
  summary: 'Products by name',
  params: environmentParams,
  query: productsQuery,
  response: productsResponse,
  async handle({ params: { environment }, query: { limit = WHOLE, cursor } }, deps) {
    const scope = { list: 'products', filters: { environment } }
    const { rows, nextCursor } = await readPage(deps, scope, cursor, (after) =>
      listProducts(deps.database, { environment, limit, after }),
    )
    return { products: rows.map(presentProduct), nextCursor }
  },
})

const createProduct = route({
  id: 'createStripeProduct',
  asksStripe: true,
  method: 'POST',
  path: '/stripe/{environment}/catalog/products',
  summary: 'Makes a product',
  params: environmentParams,
  body: createProductBody,
  status: 201,
  response: productResponse,
  errors: { 404: ['PAYMENT_PRODUCT_NOT_FOUND'] }, // made, and gone by now
  async handle({ params: { environment }, body: { idempotencyKey, description, ...rest } }, deps) {
    const made = await change(environment, deps, async (client) => {
      const created = await client.products.create(
        given({ ...rest, description: description ?? undefined }),
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
  summary: 'A product and its prices',
  params: productParams,
  response: productWithPricesResponse,
  errors: { 404: ['PAYMENT_PRODUCT_NOT_FOUND'] },
  async handle({ params: { environment, productId } }, deps) {
    const product = await productOf(deps, environment, productId)
    const prices = await everyRow((page) => listPrices(deps.database, { environment, productId, ...page }))
    return { product, prices: prices.map(presentPrice) }
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
  errors: { 404: ['PAYMENT_PRODUCT_NOT_FOUND'] },
  async handle({ params: { environment, productId }, body: { description, ...rest } }, deps) {
    const updated = await change(environment, deps, (client) =>
      client.products.update(productId, given({ ...rest, description: clearable(description) })),
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
  response: deleteProductResponse,
  errors: { 404: ['PAYMENT_PRODUCT_NOT_FOUND'], 409: ['PAYMENT_PRODUCT_IN_USE'] },
  async handle({ params: { environment, productId } }, deps) {
    const { object } = await change(environment, deps, (client) => client.products.del(productId))
    return { productId: object.id, deleted: object.deleted }
  },
})

const listPricesRoute = route({
  id: 'listStripePrices',
  method: 'GET',
  path: '/stripe/{environment}/catalog/prices',
  summary: 'Prices by product, then by id',
  params: environmentParams,
  query: pricesQuery,
  response: pricesResponse,
  async handle({ params: { environment }, query: { limit = WHOLE, cursor, productId } }, deps) {
    const scope = { list: 'prices', filters: { environment, productId } }
    const { rows, nextCursor } = await readPage(deps, scope, cursor, (after) =>
      listPrices(deps.database, { environment, limit, after, productId }),
    )
    return { prices: rows.map(presentPrice), nextCursor }
  },
})

const createPrice = route({
  id: 'createStripePrice',
  asksStripe: true,
  method: 'POST',
  path: '/stripe/{environment}/catalog/prices',
  summary: 'Makes a price',
  params: environmentParams,
  body: createPriceBody,
  status: 201,
  response: priceResponse,
  errors: {
    404: ['PAYMENT_PRODUCT_NOT_FOUND', 'PAYMENT_PRICE_NOT_FOUND'], // the price: made, and gone by now
    409: ['PAYMENT_LOOKUP_KEY_IN_USE'],
  },
  async handle({ params: { environment }, body }, deps) {
    const made = await change(environment, deps, async (client) => {
      const created = await client.prices.create(
        given({
          product: body.productId,
          currency: body.currency,
          unit_amount: body.unitAmount,
          lookup_key: body.lookupKey ?? undefined,
          active: body.active,
          recurring:
            body.recurring &&
            given({ interval: body.recurring.interval, interval_count: body.recurring.intervalCount }),
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
  summary: 'A price',
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
  summary: 'Changes a price; its amount stays for ever',
  params: priceParams,
  body: updatePriceBody,
  response: priceResponse,
  errors: {
    404: ['PAYMENT_PRICE_NOT_FOUND'],
    409: ['PAYMENT_PRICE_IN_USE', 'PAYMENT_LOOKUP_KEY_IN_USE'],
  },
  async handle({ params: { environment, priceId }, body }, deps) {
    const updated = await change(environment, deps, (client) =>
      client.prices.update(
        priceId,
        given({
          active: body.active,
          lookup_key: clearable(body.lookupKey),
          tax_behavior: body.taxBehavior,
          metadata: body.metadata,
        }),
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
  summary: 'Archives a price: Stripe deletes none',
  params: priceParams,
  response: archivePriceResponse,
  errors: { 404: ['PAYMENT_PRICE_NOT_FOUND'], 409: ['PAYMENT_PRICE_IN_USE'] },
  async handle({ params: { environment, priceId } }, deps) {
    const archived = await change(environment, deps, (client) =>
      client.prices.update(priceId, { active: false }),
    )
    const price = await changedPrice(deps, environment, archived)
    return { price, archived: !price.active }
  },
})

export const catalogRoutes = [
  getCatalog,
  listProductsRoute,
  createProduct,
  getProduct,
  updateProduct,
  deleteProduct,
  listPricesRoute,
  createPrice,
  getPrice,
  updatePrice,
  archivePrice,
]
