/** Products and prices as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import { AMOUNT_MAX } from '../core/currency.ts'
import * as s from '../core/schema-parts.ts'

export const productParams = s.environmentParams.extend({ productId: s.id })
export const priceParams = s.environmentParams.extend({ priceId: s.id })
export const productsQuery = z.strictObject(s.optionalPage)
export const catalogueQuery = z.strictObject({
  search: s
    .text(1, 255)
    .describe('A part of the name, of the id, or of the id or the lookup key of one of its prices.')
    .optional(),
  active: s.yesOrNo.optional(),
  ...s.page,
})
export const productQuery = z.strictObject({
  withPrices: s.yesOrNo.describe('With `false`, `prices` is empty: list them page by page.').optional(),
})
export const pricesQuery = z.strictObject({
  productId: s.id.describe('Prices of this product only.').optional(),
  ...s.optionalPage,
})

const idempotencyKey = s
  .text(1, 200)
  .describe('A request that is repeated with the same key is carried out once.')
  .optional()
/** Stops an editor who saw something else than what is there now. */
const ifRevision = s
  .text(1, 64)
  .describe('The `revision` that the editor saw. If another is there now, nothing is changed: 409.')
  .optional()
export const deleteQuery = z.strictObject({ ifRevision })
const FEATURES_MAX = 15
const changeableProduct = {
  description: s.description.optional(),
  active: s.boolean.optional(),
  marketingFeatures: z
    .array(s.text(1, 80), s.requiredAs('a list of texts'))
    .max(FEATURES_MAX, `must have at most ${FEATURES_MAX} entries`)
    .describe("What the product contains, as Stripe's pricing tables show it. It replaces the former list.")
    .optional(),
  metadata: s.metadata().optional(),
}

export const createProductBody = s.request('CreateStripeProductRequest', {
  name: s.text(1, 5000),
  ...changeableProduct,
  idempotencyKey,
})
const hasField = (change: object) =>
  Object.keys(change).some((field) => field !== 'ifRevision' && field !== 'transferLookupKey')
export const updateProductBody = s
  .request('UpdateStripeProductRequest', {
    name: s.text(1, 5000).optional(),
    ...changeableProduct,
    ifRevision,
  })
  .refine(hasField, 'must have at least one field to change')

const active = s.boolean.optional()
const lookupKey = s.text(1, 200).nullable().optional()
const transferLookupKey = s.boolean
  .describe('Whether lookupKey is taken from the price that has it, in one step. Without it: 409.')
  .optional()
const taxBehavior = z
  .enum(['exclusive', 'inclusive', 'unspecified'], 'must be one of exclusive, inclusive, unspecified')
  .optional()

const amount = s.wholeNumber(0, AMOUNT_MAX)

export const createPriceBody = s
  .request('CreateStripePriceRequest', {
    productId: s.id,
    currency: z
      .string(s.requiredAs('a currency of three letters'))
      .trim()
      .regex(/^[a-zA-Z]{3}$/, 'must be a currency of three letters')
      .transform((value) => value.toLowerCase())
      .describe('Three letters.'),
    unitAmount: s
      .wholeNumber(0, AMOUNT_MAX, `a whole number of the minor unit, from 0 to ${AMOUNT_MAX}`)
      .describe("In the currency's minor unit. Required unless customUnitAmount is given.")
      .optional(),
    customUnitAmount: z
      .strictObject(
        { minimum: amount.optional(), maximum: amount.optional(), preset: amount.optional() },
        s.requiredAs('an object with minimum, maximum and preset'),
      )
      .describe('The buyer chooses the amount, within these limits.')
      .optional(),
    lookupKey,
    transferLookupKey,
    active,
    recurring: z
      .strictObject(
        {
          interval: z.enum(['day', 'week', 'month', 'year'], 'must be one of day, week, month, year'),
          intervalCount: s.wholeNumber(1, 1095).optional(),
        },
        s.requiredAs('an object with interval and intervalCount'),
      )
      .optional(),
    taxBehavior,
    metadata: s.metadata().optional(),
    idempotencyKey,
  })
  .refine(({ unitAmount, customUnitAmount }) => unitAmount !== undefined || customUnitAmount !== undefined, {
    path: ['unitAmount'],
    message: 'is required',
  })
  .refine(({ unitAmount, customUnitAmount }) => unitAmount === undefined || customUnitAmount === undefined, {
    path: ['customUnitAmount'],
    message: 'cannot be used with unitAmount',
  })
export const updatePriceBody = s
  .request('UpdateStripePriceRequest', {
    active,
    lookupKey,
    transferLookupKey,
    taxBehavior,
    metadata: s.metadata().optional(),
    ifRevision,
  })
  .refine(hasField, 'must have at least one field to change')

const revision = z.string().describe('A mark of what can be edited; send it as `ifRevision`.')

export const product = s.component('StripeProduct', {
  environment: s.environment,
  productId: z.string(),
  name: z.string(),
  description: s.nullable,
  active: z.boolean(),
  defaultPriceId: s.nullable,
  metadata: s.strings,
  revision,
  syncedAt: s.instant,
})

export const price = s.component('StripePrice', {
  environment: s.environment,
  priceId: z.string(),
  productId: s.nullable,
  active: z.boolean(),
  currency: z.string(),
  unitAmount: z
    .number()
    .nullable()
    .describe("In the currency's minor unit; null if it has fractions or tiers, or if the buyer chooses it."),
  unitAmountDecimal: s.nullable,
  payWhatYouWant: z.boolean().describe('Whether the buyer chooses the amount.'),
  customUnitAmountMinimum: z.number().nullable(),
  customUnitAmountMaximum: z.number().nullable(),
  customUnitAmountPreset: z.number().nullable(),
  type: s.wordOfStripe('one_time', 'recurring'),
  lookupKey: s.nullable,
  billingScheme: s.wordOfStripe('per_unit', 'tiered').nullable(),
  taxBehavior: s.wordOfStripe('exclusive', 'inclusive', 'unspecified').nullable(),
  recurringInterval: s.wordOfStripe('day', 'week', 'month', 'year').nullable(),
  recurringIntervalCount: z.number().nullable(),
  recurringUsageType: s.wordOfStripe('licensed', 'metered').nullable(),
  metadata: s.strings,
  revision,
  syncedAt: s.instant,
})

export const catalogResponse = s.answer('ListStripeCatalogResponse', {
  products: z.array(product),
  prices: z.array(price),
})
export const productResponse = s.answer('MutateStripeProductResponse', { product })
export const productWithPricesResponse = s.answer('GetStripeProductResponse', {
  product,
  prices: z.array(price),
})
export const catalogueProduct = s.component('CatalogueProduct', {
  ...product.shape,
  activePrices: s.count.describe('How many active prices it has.'),
  prices: z.array(price).describe('The first two active prices.'),
})
export const deleteProductResponse = s.answer('DeleteStripeProductResponse', {
  productId: z.string(),
  deleted: z.boolean(),
})
export const priceResponse = s.answer('MutateStripePriceResponse', { price })
export const archivePriceResponse = s.answer('ArchiveStripePriceResponse', { price, archived: z.boolean() })
