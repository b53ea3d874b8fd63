/**
 * What a checkout request may ask of Stripe beside its items. Stripe's page on each option:
 * https://docs.stripe.com/api/checkout/sessions/create
 *
 * The database decides which options exclude each other, and makes Stripe's parameters of them.
 */
import { z } from 'zod'
import { AMOUNT_MAX } from '../core/currency.ts'
import { snakeCase } from '../core/present.ts'
import * as s from '../core/schema-parts.ts'

const URL_LENGTH = 5000

/**
 * Absolute and http(s): a `javascript:` address would run in the buyer's browser. A backslash is refused: some clients
 * read it as a slash, others as part of the user before the host.
 */
export const httpUrl = z
  .string(s.requiredAs('an absolute http or https URL'))
  .trim()
  .max(URL_LENGTH, `must have at most ${URL_LENGTH} characters`)
  .refine(
    (value) => /^https?:\/\/[^\s\\]+$/i.test(value) && URL.canParse(value) && s.isStorable(value),
    'must be an absolute http or https URL',
  )

const WORD = /^[A-Za-z0-9_-]{1,100}$/
const word = (what: string) => z.string(s.requiredAs(what)).regex(WORD, `must be ${what}`)
const words = <const Words extends [string, ...string[]]>(...all: Words) => s.oneOf(z.enum(all))
const some = <Schema extends z.ZodObject>(schema: Schema): Schema =>
  schema.refine((value) => Object.keys(value).length > 0, 'must have at least one field')
const listOf = <Schema extends z.ZodType>(schema: Schema, max: number, what: string) =>
  z
    .array(schema, s.requiredAs(`a list of 1 to ${max} ${what}`))
    .min(1, `must be a list of 1 to ${max} ${what}`)
    .max(max, `must be a list of 1 to ${max} ${what}`)
const shape = <Shape extends z.ZodRawShape>(fields: Shape) =>
  z.strictObject(fields, s.requiredAs('an object'))

const currency = z
  .string(s.requiredAs('a currency'))
  .regex(/^[a-z]{3}$/, 'must be a currency of three lower-case letters')

const discount = shape({
  coupon: s.text(1, 255).describe('A coupon of Stripe.').optional(),
  promotionCode: s.text(1, 255).describe('A promotion code of Stripe, `promo_…`.').optional(),
}).refine(
  ({ coupon, promotionCode }) => (coupon === undefined) !== (promotionCode === undefined),
  'must have either a coupon or a promotionCode',
)

const choice = z
  .string(s.requiredAs('letters and digits'))
  .regex(/^[A-Za-z0-9]{1,100}$/, 'must be 1 to 100 letters and digits')

const customField = shape({
  key: z
    .string(s.requiredAs('letters and digits'))
    .regex(/^[A-Za-z0-9]{1,200}$/, 'must be 1 to 200 letters and digits'),
  label: s.text(1, 100),
  type: words('text', 'numeric', 'dropdown'),
  optional: s.boolean.optional(),
  options: listOf(shape({ label: s.text(1, 100), value: choice }), 200, 'options')
    .describe('The choices of a dropdown.')
    .optional(),
  minimumLength: s.wholeNumber(0, 255).optional(),
  maximumLength: s.wholeNumber(1, 255).optional(),
  defaultValue: s.text(1, 255).optional(),
})
  .refine(
    ({ type, options }) => (type === 'dropdown') === (options !== undefined),
    'must have options if it is a dropdown, and only then',
  )
  .refine(
    ({ options = [] }) => new Set(options.map(({ value }) => value)).size === options.length,
    'must have options of different values',
  )
  .refine(
    ({ type, minimumLength, maximumLength }) =>
      type !== 'dropdown' || (minimumLength === undefined && maximumLength === undefined),
    'may have minimumLength and maximumLength only if it is no dropdown',
  )
  .refine(
    ({ minimumLength = 0, maximumLength = 255 }) => minimumLength <= maximumLength,
    'must have a minimumLength that is not above the maximumLength',
  )
  .refine(
    ({ type, options, defaultValue, minimumLength = 0, maximumLength = 255 }) =>
      defaultValue === undefined ||
      (type === 'dropdown'
        ? options === undefined || options.some(({ value }) => value === defaultValue)
        : defaultValue.length >= minimumLength &&
          defaultValue.length <= maximumLength &&
          (type !== 'numeric' || /^[0-9]+$/.test(defaultValue))),
    'must have a defaultValue that the buyer could enter',
  )

const customWords = s.text(1, 1200).optional()
const presence = words('required', 'optional').optional()
const permission = words('enabled', 'disabled').optional()

/** The quantity that the buyer may choose on Stripe's page. */
export const adjustableQuantity = shape({
  minimum: s.wholeNumber(0, 999_999).optional(),
  maximum: s.wholeNumber(1, 999_999).describe('99 if omitted.').optional(),
})
  .refine(
    ({ minimum = 0, maximum = 99 }) => minimum <= maximum,
    'must have a minimum that is not above the maximum',
  )
  .describe('The buyer may change the quantity on the page, within these limits.')

/** A price that is made for one checkout. */
export const priceData = shape({
  currency: currency,
  unitAmount: s.wholeNumber(0, AMOUNT_MAX).describe("In the currency's minor unit."),
  productId: s.text(1, 255).describe('A Stripe product, `prod_…`; else product.').optional(),
  product: shape({
    name: s.text(1, 255),
    description: s.text(1, 1000).optional(),
    taxCode: s.text(1, 255).optional(),
  })
    .describe('A product that is made for this price.')
    .optional(),
  recurring: shape({
    interval: words('day', 'week', 'month', 'year'),
    intervalCount: s.wholeNumber(1, 1095).optional(),
  }).optional(),
  taxBehavior: words('exclusive', 'inclusive', 'unspecified').optional(),
})
  .refine(
    ({ productId, product }) => (productId === undefined) !== (product === undefined),
    'must have either a productId or a product',
  )
  .describe('A price of its own instead of priceId; from the service only, or where an offer allows it.')

/** The optional fields of `CreateCheckoutSessionRequest` that become the column `options`. */
export const checkoutOptions = {
  adaptivePricing: s.boolean.describe('Show prices in the currency of the buyer.').optional(),
  allowPromotionCodes: s.boolean.describe('The page has a field for a promotion code.').optional(),
  automaticTax: s.boolean.describe('Stripe Tax computes the tax.').optional(),
  billingAddressCollection: words('auto', 'required').optional(),
  billingCycleAnchor: s.instantText.describe('When the first whole period begins.').optional(),
  captureMethod: words('automatic', 'automatic_async', 'manual')
    .describe('`manual` authorizes the amount; the admin API captures or cancels it.')
    .optional(),
  consentCollection: some(
    shape({
      termsOfService: words('none', 'required').optional(),
      promotions: words('none', 'auto').optional(),
      paymentMethodReuseAgreement: words('auto', 'hidden').optional(),
    }),
  ).optional(),
  currency: currency.optional(),
  customFields: listOf(customField, 3, 'fields').optional(),
  customText: some(
    shape({
      afterSubmit: customWords,
      shippingAddress: customWords,
      submit: customWords,
      termsOfServiceAcceptance: customWords,
    }),
  ).optional(),
  discounts: listOf(discount, 20, 'discounts').optional(),
  expiresAt: s.instantText.describe('When the session expires: 30 minutes to 24 hours from now.').optional(),
  invoiceCreation: s.boolean.describe('A one-time payment gets an invoice, too.').optional(),
  locale: word('a locale, for example de or auto').optional(),
  nameCollection: some(shape({ individual: presence, business: presence })).optional(),
  paymentMethodCollection: words('always', 'if_required').optional(),
  paymentMethodConfiguration: word('a payment method configuration, pmc_…').optional(),
  paymentMethodTypes: listOf(
    z
      .string(s.requiredAs('text'))
      .regex(/^[a-z0-9_]{1,100}$/, 'must be a payment method type, for example card'),
    50,
    'payment method types',
  ).optional(),
  phoneNumberCollection: s.boolean.optional(),
  prorationBehavior: words('create_prorations', 'none').describe('With `billingCycleAnchor`.').optional(),
  recovery: shape({ allowPromotionCodes: s.boolean.optional() })
    .describe('An expired session gets a link that begins it again.')
    .optional(),
  redirectOnCompletion: words('always', 'if_required', 'never').optional(),
  returnUrl: httpUrl
    .describe('Where an embedded or custom session sends the buyer afterwards; instead of successUrl.')
    .optional(),
  savedPaymentMethods: some(shape({ save: permission, remove: permission })).optional(),
  setupFutureUsage: words('off_session', 'on_session')
    .describe('Saves the payment method for later payments.')
    .optional(),
  shippingAddressCollection: shape({
    allowedCountries: listOf(
      z.string(s.requiredAs('a country')).regex(/^[A-Z]{2}$/, 'must be a country of two capital letters'),
      250,
      'countries',
    ),
  }).optional(),
  shippingOptions: listOf(shape({ shippingRate: s.text(1, 255) }), 5, 'shipping options').optional(),
  submitType: word('a word such as donate or book').optional(),
  taxIdCollection: s.boolean.optional(),
  trialEnd: s.instantText.describe('When the trial ends.').optional(),
  trialPeriodDays: s.wholeNumber(1, 730).optional(),
  trialWithoutCard: s.boolean
    .describe('No card is asked for; the subscription is canceled at the end of the trial if there is none.')
    .optional(),
  uiMode: words('hosted', 'embedded', 'custom')
    .describe("`embedded` and `custom` answer `clientSecret` for the app's own page instead of `url`.")
    .optional(),
}

const afterCompletion = shape({
  type: words('portal_homepage', 'redirect', 'hosted_confirmation'),
  returnUrl: httpUrl.optional(),
  customMessage: s.text(1, 500).optional(),
})

/** The optional fields of `CreateCustomerPortalSessionRequest` that become the column `options`. */
export const portalOptions = {
  locale: word('a locale, for example de or auto').optional(),
  flow: shape({
    type: words(
      'payment_method_update',
      'subscription_cancel',
      'subscription_update',
      'subscription_update_confirm',
    ),
    subscriptionId: s
      .text(1, 255)
      .describe('A subscription of the subject, `sub_…`; may be omitted if there is only one.')
      .optional(),
    items: z
      .array(
        shape({
          priceId: s.text(1, 255),
          quantity: s.wholeNumber(1, 999_999).describe('That of the item if omitted.').optional(),
          subscriptionItemId: s.text(1, 255).optional(),
        }),
        s.requiredAs('a list of one item'),
      )
      .length(1, 'must be a list of one item')
      .describe('What the subscription changes to; for `subscription_update_confirm`.')
      .optional(),
    afterCompletion: afterCompletion.optional(),
  })
    .describe('Opens one page of the portal instead of its start.')
    .optional(),
}

const INSTANTS: ReadonlySet<string> = new Set(['billingCycleAnchor', 'expiresAt', 'trialEnd'])

function snakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeKeys)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [snakeCase(name), snakeKeys(field)]))
}

/** The options of a request as the database keeps them: Stripe's names, and Unix seconds for instants. */
export function optionsOf(
  body: Record<string, unknown>,
  known: Record<string, unknown>,
): Record<string, unknown> {
  const chosen = Object.entries(body).filter(([name, value]) => name in known && value !== undefined)
  return Object.fromEntries(
    chosen.map(([name, value]) => [
      snakeCase(name),
      INSTANTS.has(name) ? Math.floor(Date.parse(String(value)) / 1000) : snakeKeys(value),
    ]),
  )
}

/** The name of an option in requests. */
export const optionName = (name: string) =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

function camelKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelKeys)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [optionName(name), camelKeys(field)]),
  )
}

/** Options of the database as a request spells them. */
export function optionsShown(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      optionName(name),
      INSTANTS.has(optionName(name)) ? new Date(Number(value) * 1000).toISOString() : camelKeys(value),
    ]),
  )
}
