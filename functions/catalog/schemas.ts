/** Products and prices as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import {
  answer,
  atLeastOne,
  boolean,
  component,
  description,
  environmentParams,
  id,
  instant,
  metadata,
  nullable,
  optionalPage,
  pageOf,
  request,
  strings,
  wordOfStripe,
} from '../core/schema-parts.ts'
import { environmentSchema, named, object, requiredAs, text, wholeNumber } from '../core/validation.ts'

export const productParams = environmentParams.extend({ productId: id })
export const priceParams = environmentParams.extend({ priceId: id })
export const productsQuery = z.strictObject(optionalPage)
export const pricesQuery = z.strictObject({
  productId: id.describe('Prices of this product only.').optional(),
  ...optionalPage,
})

const idempotencyKey = text(1, 200)
  .describe('A request that is repeated with the same key is carried out once.')
  .optional()
/** Stops an editor who saw something else than what is there now. */
const ifRevision = text(1, 64)
  .describe('The `revision` that the editor saw. If another is there now, nothing is changed: 409.')
  .optional()
export const deleteQuery = z.strictObject({ ifRevision })
const changeableProduct = {
  description: description.optional(),
  active: boolean.optional(),
  metadata: metadata.optional(),
}

export const createProductBody = request('CreateStripeProductRequest', {
  name: text(1, 5000),
  ...changeableProduct,
  idempotencyKey,
})
export const updateProductBody = named(
  'UpdateStripeProductRequest',
  atLeastOne(object({ name: text(1, 5000).optional(), ...changeableProduct, ifRevision })),
)

const active = boolean.optional()
const lookupKey = text(1, 200).nullable().optional()
const taxBehavior = z
  .enum(['exclusive', 'inclusive', 'unspecified'], 'must be one of exclusive, inclusive, unspecified')
  .optional()

export const createPriceBody = request('CreateStripePriceRequest', {
  productId: id,
  currency: z
    .string(requiredAs('a currency of three letters'))
    .trim()
    .regex(/^[a-zA-Z]{3}$/, 'must be a currency of three letters')
    .transform((value) => value.toLowerCase())
    .describe('Three letters.'),
  unitAmount: wholeNumber(
    0,
    999_999_999_999,
    'a whole number of the minor unit, from 0 to 999999999999',
  ).describe("In the currency's minor unit."),
  lookupKey,
  active,
  recurring: z
    .strictObject(
      {
        interval: z.enum(['day', 'week', 'month', 'year'], 'must be one of day, week, month, year'),
        intervalCount: wholeNumber(1, 1095).optional(),
      },
      requiredAs('an object with interval and intervalCount'),
    )
    .optional(),
  taxBehavior,
  metadata: metadata.optional(),
  idempotencyKey,
})
export const updatePriceBody = named(
  'UpdateStripePriceRequest',
  atLeastOne(object({ active, lookupKey, taxBehavior, metadata: metadata.optional(), ifRevision })),
)

export const catalogProduct = component('StripeProduct', {
  environment: environmentSchema,
  productId: z.string(),
  name: z.string(),
  description: nullable,
  active: z.boolean(),
  defaultPriceId: nullable,
  metadata: strings,
  revision: z.string().describe('A mark of what can be edited; send it as `ifRevision`.'),
  syncedAt: instant,
})

export const catalogPrice = component('StripePrice', {
  environment: environmentSchema,
  priceId: z.string(),
  productId: nullable,
  active: z.boolean(),
  currency: z.string(),
  unitAmount: z
    .number()
    .nullable()
    .describe("In the currency's minor unit; null if it has fractions or tiers."),
  unitAmountDecimal: nullable,
  type: wordOfStripe('one_time', 'recurring'),
  lookupKey: nullable,
  billingScheme: wordOfStripe('per_unit', 'tiered').nullable(),
  taxBehavior: wordOfStripe('exclusive', 'inclusive', 'unspecified').nullable(),
  recurringInterval: wordOfStripe('day', 'week', 'month', 'year').nullable(),
  recurringIntervalCount: z.number().nullable(),
  recurringUsageType: wordOfStripe('licensed', 'metered').nullable(),
  metadata: strings,
  revision: z.string().describe('A mark of what can be edited; send it as `ifRevision`.'),
  syncedAt: instant,
})

const product = catalogProduct
const price = catalogPrice

export const catalogResponse = answer('ListStripeCatalogResponse', {
  products: z.array(product),
  prices: z.array(price),
})
export const productsResponse = pageOf('ListStripeProductsResponse', { products: z.array(product) })
export const productResponse = answer('MutateStripeProductResponse', { product })
export const productWithPricesResponse = answer('GetStripeProductResponse', {
  product,
  prices: z.array(price),
})
export const deleteProductResponse = answer('DeleteStripeProductResponse', {
  productId: z.string(),
  deleted: z.boolean(),
})
export const pricesResponse = pageOf('ListStripePricesResponse', { prices: z.array(price) })
export const priceResponse = answer('MutateStripePriceResponse', { price })
export const archivePriceResponse = answer('ArchiveStripePriceResponse', { price, archived: z.boolean() })
