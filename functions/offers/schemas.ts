/** Offers as schemas: what app users may buy, and how. */
import { z } from 'zod'
import { checkoutOptions } from '../checkout/options.ts'
import { AMOUNT_MAX } from '../core/currency.ts'
import * as s from '../core/schema-parts.ts'

const OFFER_ID = /^[A-Za-z0-9_-]{1,100}$/

const modes = z.enum(['payment', 'subscription'])
const roles = z.enum(['anon', 'authenticated'])
const optionNames = ['discounts.coupon', ...Object.keys(checkoutOptions)] as [string, ...string[]]

export const offerParams = z.strictObject({
  environment: s.environment,
  offerId: z.string().regex(OFFER_ID, 'must be 1 to 100 letters, digits, hyphens and underscores'),
})
export const offersQuery = z.strictObject({
  offerId: s.text(1, 100).describe('This offer only.').optional(),
  ...s.optionalPage,
})

const some = <Schema extends z.ZodType>(schema: Schema, what: string) =>
  z.array(schema, s.requiredAs(`a list of ${what}`)).min(1, `must be a list of at least one of ${what}`)

const PRICE_DATA = ['productId', 'currency', 'minimumAmount'] as const

/** How something is offered: all of an offer but what it sells. */
export const offerTerms = {
  mode: z.enum(modes.options, s.requiredAs('payment or subscription')),
  minimumQuantity: s.wholeNumber(1, 999).default(1),
  maximumQuantity: s.wholeNumber(1, 999).describe('`minimumQuantity` if omitted.').optional(),
  roles: some(s.oneOf(roles), 'anon, authenticated').describe('Who may buy; both if omitted.').optional(),
  subjectTypes: some(s.text(1, 100), 'subject types')
    .describe('The types of subject that may buy; all, and guests, if omitted.')
    .optional(),
  startsAt: s.instantText.optional(),
  endsAt: s.instantText.describe('The first instant after the offer.').optional(),
  allowedOptions: z
    .array(z.enum(optionNames, 'must be an option of a checkout'), s.requiredAs('a list of options'))
    .describe(
      'The options that a request may have. `discounts` allows promotion codes, `discounts.coupon` coupons by their ids. `uiMode`, `returnUrl`, `redirectOnCompletion` and `locale` are always allowed.',
    )
    .default([]),
  forcedOptions: z
    .strictObject(checkoutOptions, s.requiredAs('an object'))
    .describe('Options of every checkout, whatever the request says.')
    .default({}),
  allowPayWhatYouWant: s.boolean
    .describe('Whether prices whose amount the buyer chooses are offered.')
    .default(false),
  allowPriceData: s.boolean
    .describe(
      'Whether a request may make up a price of the product, within currency, minimumAmount and maximumAmount.',
    )
    .default(false),
  currency: z
    .string(s.requiredAs('a currency'))
    .regex(/^[a-z]{3}$/, 'must be a currency of three lower-case letters')
    .optional(),
  minimumAmount: s.wholeNumber(0, AMOUNT_MAX).optional(),
  maximumAmount: s.wholeNumber(0, AMOUNT_MAX).optional(),
  productGroup: s.text(1, 100).describe('The group of plans that the offer belongs to.').optional(),
  onePlan: s.boolean
    .describe('Whether a subject can have one living subscription of the product group only.')
    .default(false),
  trialOnce: s.boolean.describe('Whether a subject that had a trial gets none.').default(true),
  active: s.boolean.default(true),
}

type Terms = z.infer<z.ZodObject<typeof offerTerms>>

/** What no field says by itself: [field, what is wrong]. has is the names of the fields that are given. */
export function offerProblems(
  offer: Terms,
  has: (field: string) => boolean,
): [field: string, what: string][] {
  const { minimumQuantity, maximumQuantity = minimumQuantity } = offer
  const problems: [boolean, string, string][] = [
    [maximumQuantity < minimumQuantity, 'maximumQuantity', 'must not be below minimumQuantity'],
    [
      Boolean(offer.startsAt && offer.endsAt && Date.parse(offer.startsAt) >= Date.parse(offer.endsAt)),
      'endsAt',
      'must be after startsAt',
    ],
    ...PRICE_DATA.map((field): [boolean, string, string] => [
      offer.allowPriceData && !has(field),
      field,
      'is required with allowPriceData',
    ]),
    [
      (offer.maximumAmount ?? AMOUNT_MAX) < (offer.minimumAmount ?? 0),
      'maximumAmount',
      'must not be below minimumAmount',
    ],
    [offer.onePlan && offer.productGroup === undefined, 'productGroup', 'is required with onePlan'],
    [offer.onePlan && offer.mode !== 'subscription', 'onePlan', 'needs mode subscription'],
  ]
  return problems.filter(([isWrong]) => isWrong).map(([, field, what]) => [field, what])
}

export const putOfferBody = s
  .request('PutOfferRequest', {
    priceId: s.text(1, 255).describe('The price that is offered; else lookupKey or productId.').optional(),
    lookupKey: s
      .text(1, 255)
      .describe('The lookup key of the price that is offered: whichever active price has it.')
      .optional(),
    productId: s.text(1, 255).describe('The product whose prices are all offered.').optional(),
    ...offerTerms,
    managedBy: s
      .text(1, 100)
      .describe('What writes the offer: `catalog` for `pg-payments catalog push`.')
      .optional(),
  })
  .superRefine((offer, context) => {
    const fail = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message })
    const { priceId, lookupKey, productId } = offer
    if ([priceId, lookupKey, productId].filter((id) => id !== undefined).length !== 1)
      fail('priceId', 'is required, or else a lookupKey or a productId, and one of them only')
    for (const [field, what] of offerProblems(
      offer,
      (name) => offer[name as keyof typeof offer] !== undefined,
    ))
      fail(field, what)
  })

export const offer = s.component('Offer', {
  environment: s.environment,
  offerId: z.string(),
  priceId: s.nullable,
  lookupKey: s.nullable,
  productId: s.nullable,
  mode: modes,
  minimumQuantity: z.number(),
  maximumQuantity: z.number(),
  roles: z.array(roles).nullable().describe('Null for both.'),
  subjectTypes: z.array(z.string()).nullable().describe('Null for all, and for guests.'),
  startsAt: s.nullableInstant,
  endsAt: s.nullableInstant,
  allowedOptions: z.array(z.string()),
  forcedOptions: z.record(z.string(), z.unknown()),
  allowPayWhatYouWant: z.boolean(),
  allowPriceData: z.boolean(),
  currency: s.nullable,
  minimumAmount: z.number().nullable(),
  maximumAmount: z.number().nullable(),
  productGroup: s.nullable,
  onePlan: z.boolean(),
  trialOnce: z.boolean(),
  active: z.boolean(),
  managedBy: s.nullable.describe('What writes the offer; null for one that was written by hand.'),
  ...s.timestamps,
})

export const putOfferResponse = s.answer('PutOfferResponse', { offer })
export const deleteOfferResponse = s.answer('DeleteOfferResponse', {
  offerId: z.string(),
  deleted: z.boolean(),
})
