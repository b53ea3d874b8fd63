/** The catalog file as a schema. `types/catalog.schema.json` is generated from it. */

import { z } from 'zod'
import { AMOUNT_MAX } from '../../../../functions/core/currency.ts'
import { offerProblems, offerTerms } from '../../../../functions/offers/schemas.ts'
import type { Catalog } from '../../../../types/catalog.ts'

const METADATA_TEXT_MAX = 500
/** Of Stripe. */
export const LOOKUP_KEY_MAX = 200

const text = (most: number) =>
  z.string().min(1, 'must not be empty').max(most, `must have at most ${most} characters`)
const amount = z
  .int('must be a whole number of the minor unit, for example 1900 for 19.00')
  .min(0, 'must not be below zero')
  .max(AMOUNT_MAX, 'is too large')
const metadata = z
  .record(
    z
      .string()
      .max(40, 'must have at most 40 characters')
      .refine((key) => !/^(payments|insforge)_/.test(key), 'is reserved'),
    text(METADATA_TEXT_MAX),
  )
  .optional()

export const priceSchema = z.strictObject({
  lookupKey: text(LOOKUP_KEY_MAX).describe('Unique in the file; the app finds the price by it.'),
  amount: amount.describe("In the currency's minor unit: 1900 is 19.00 euros."),
  currency: z.string().regex(/^[a-z]{3}$/, 'must be a currency of three lower-case letters'),
  currencies: z
    .record(z.string().regex(/^[a-z]{3}$/, 'must be a currency of three lower-case letters'), amount)
    .optional()
    .describe('The same price in other currencies, each with the lookup key <lookupKey>_<currency>.'),
  interval: z.enum(['day', 'week', 'month', 'year'], 'must be day, week, month or year').optional(),
  intervalCount: z
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(1095, 'must be at most 1095')
    .optional(),
  trialDays: z
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(730, 'must be at most 730')
    .optional(),
  taxBehavior: z
    .enum(['exclusive', 'inclusive', 'unspecified'], 'must be exclusive, inclusive or unspecified')
    .optional(),
  metadata,
})

export const PRODUCT_KEY_MAX = 100
export const PRODUCT_KEY = /^[A-Za-z0-9][\w.-]{0,99}$/

export const productSchema = z.strictObject({
  key: z
    .string()
    .regex(PRODUCT_KEY, `must have letters, digits, _, . and - only, at most ${PRODUCT_KEY_MAX}`)
    .describe('The name of the product in this file. It stays when the name changes.'),
  name: text(5000),
  description: text(5000).optional(),
  features: z
    .array(text(80))
    .refine(
      (list) => JSON.stringify(list).length <= METADATA_TEXT_MAX,
      `must have at most ${METADATA_TEXT_MAX} characters in all`,
    )
    .optional(),
  metadata,
  prices: z.array(priceSchema),
})

const offer = z
  .strictObject({
    key: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,100}$/, 'must have letters, digits, _ and - only, at most 100')
      .describe('The id of the offer.'),
    lookupKey: text(255).describe('The price that is offered; else product.').optional(),
    product: text(100).describe('The key of the product whose prices are all offered.').optional(),
    ...offerTerms,
  })
  .superRefine((value, context) => {
    const fail = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message })
    const has = (field: string) =>
      value[field === 'productId' ? 'product' : (field as keyof typeof value)] !== undefined
    if (has('lookupKey') === has('product'))
      fail('lookupKey', 'is required, or else product, and one of them only')
    for (const [field, what] of offerProblems(value, has))
      fail(field === 'productId' ? 'product' : field, what)
  })

export const catalogSchema: z.ZodType<Catalog> = z.strictObject({
  $schema: z.string().optional(),
  products: z.array(productSchema),
  offers: z
    .array(offer)
    .describe('What app users may buy, and how. Without it, push leaves all offers alone.')
    .optional(),
})

/** The path of the JSON schema, below the root of the package. */
export const CATALOG_SCHEMA_FILE = 'types/catalog.schema.json'

export const catalogJsonSchema = () => ({
  ...z.toJSONSchema(catalogSchema, { io: 'input' }),
  title: 'payments.catalog.json: the products, prices and offers of an app',
})
