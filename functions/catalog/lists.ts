/** Products and prices as lists, and one of each by its id. */
import type { StripeEnvironment, StripePrice, StripeProduct } from '../../types/api.ts'
import type { Deps } from '../core/deps.ts'
import { apiError } from '../core/errors.ts'
import { present } from '../core/present.ts'
import { alphabetical, type List, readRows, whether } from '../core/reads.ts'
import { UNKNOWN_ID } from './refusals.ts'
import { catalogueProduct, price, product } from './schemas.ts'

/** Products by name, cut to what fits into a cursor, which is part of an address. */
export const PRODUCTS: List<typeof product> = {
  name: 'products',
  answer: product,
  view: 'payments_private.product_list',
  order: alphabetical('left(v.name, 250)', 'v.product_id'),
}

/** Products with their first prices, as people look for them. */
export const CATALOGUE: List<typeof catalogueProduct> = {
  name: 'catalogue',
  answer: catalogueProduct,
  view: 'payments_private.catalogue_list',
  order: alphabetical('left(v.name, 250)', 'v.product_id'),
  filters: {
    active: whether('active', 'v.active'),
    search: (param) => `(
      strpos(lower(v.name), lower(${param('search')})) > 0 or strpos(v.product_id, ${param('search')}) > 0
      or v.product_id in (
        select p.product_id from payments.stripe_prices as p
        where p.environment = ${param('environment')} and not p.deleted and (
          strpos(p.price_id, ${param('search')}) > 0 or strpos(lower(p.lookup_key), lower(${param('search')})) > 0
        )
      )
    )`,
  },
}

/** Prices by product, then by id. */
export const PRICES: List<typeof price> = {
  name: 'prices',
  answer: price,
  view: 'payments_private.price_list',
  order: alphabetical("coalesce(v.product_id, '')", 'v.price_id'),
}

type Scope = Pick<Deps, 'database'>

/** @throws 404 if there is no such product */
export async function productOf(
  { database }: Scope,
  environment: StripeEnvironment,
  product_id: string,
): Promise<StripeProduct> {
  const [row] = await readRows(database, 'payments_private.product_list', { product_id, environment })
  if (row) return present(product, row)
  throw apiError(404, 'PAYMENT_PRODUCT_NOT_FOUND', `There is no product ${product_id}.`, {
    nextActions: UNKNOWN_ID,
  })
}

/** @throws 404 if there is no such price */
export async function priceOf(
  { database }: Scope,
  environment: StripeEnvironment,
  price_id: string,
): Promise<StripePrice> {
  const [row] = await readRows(database, 'payments_private.price_list', { price_id, environment })
  if (row) return present(price, row)
  throw apiError(404, 'PAYMENT_PRICE_NOT_FOUND', `There is no price ${price_id}.`, {
    nextActions: UNKNOWN_ID,
  })
}
