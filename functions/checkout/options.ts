/**
 * What a checkout request may ask of Stripe beside its items. Stripe's page on each option:
 * https://docs.stripe.com/api/checkout/sessions/create
 *
 * The database decides which options exclude each other, and makes Stripe's parameters of them.
 */
import { z } from 'zod'
import { boolean, instantText, oneOf } from '../core/schema-parts.ts'
import { httpUrl } from '../core/url-schema.ts'
import { requiredAs, text, wholeNumber } from '../core/validation.ts'

const WORD = /^[A-Za-z0-9_-]{1,100}$/
const word = (what: string) => z.string(requiredAs(what)).regex(WORD, `must be ${what}`)
const words = <const Words extends [string, ...string[]]>(...all: Words) => oneOf(z.enum(all))
const some = <Schema extends z.ZodObject>(schema: Schema): Schema =>
  schema.refine((value) => Object.keys(value).length > 0, 'must have at least one field')
const listOf = <Schema extends z.ZodType>(schema: Schema, max: number, what: string) =>
  z
    .array(schema, requiredAs(`a list of 1 to ${max} ${what}`))
    .min(1, `must be a list of 1 to ${max} ${what}`)
    .max(max, `must be a list of 1 to ${max} ${what}`)
const shape = <Shape extends z.ZodRawShape>(fields: Shape) => z.strictObject(fields, requiredAs('an object'))

const discount = shape({
  coupon: text(1, 255).describe('A coupon of Stripe.').optional(),
  promotionCode: text(1, 255).describe('A promotion code of Stripe, `promo_…`.').optional(),
}).refine(
  ({ coupon, promotionCode }) => (coupon === undefined) !== (promotionCode === undefined),
  'must have either a coupon or a promotionCode',
)

const customField = shape({
  key: z
    .string(requiredAs('letters and digits'))
    .regex(/^[A-Za-z0-9]{1,200}$/, 'must be 1 to 200 letters and digits'),
  label: text(1, 50),
  type: words('text', 'numeric', 'dropdown'),
  optional: boolean.optional(),
  options: listOf(shape({ label: text(1, 100), value: text(1, 100) }), 200, 'options')
    .describe('The choices of a dropdown.')
    .optional(),
  minimumLength: wholeNumber(0, 255).optional(),
  maximumLength: wholeNumber(1, 255).optional(),
  defaultValue: text(1, 255).optional(),
}).refine(
  ({ type, options }) => (type === 'dropdown') === (options !== undefined),
  'must have options if it is a dropdown, and only then',
)

const customWords = text(1, 1200).optional()
const presence = words('required', 'optional').optional()
const permission = words('enabled', 'disabled').optional()

/** The quantity that the buyer may choose on Stripe's page. */
export const adjustableQuantity = shape({
  minimum: wholeNumber(0, 999).optional(),
  maximum: wholeNumber(1, 999).optional(),
})
  .refine(
    ({ minimum = 0, maximum = 999 }) => minimum <= maximum,
    'must have a minimum that is not above the maximum',
  )
  .describe('The buyer may change the quantity on the page, within these limits.')

/** The optional fields of `CreateCheckoutSessionRequest` that become the column `options`. */
export const checkoutOptions = {
  adaptivePricing: boolean.describe('Show prices in the currency of the buyer.').optional(),
  allowPromotionCodes: boolean.describe('The page has a field for a promotion code.').optional(),
  automaticTax: boolean.describe('Stripe Tax computes the tax.').optional(),
  billingAddressCollection: words('auto', 'required').optional(),
  billingCycleAnchor: instantText.describe('When the first whole period begins.').optional(),
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
  currency: z
    .string(requiredAs('a currency'))
    .regex(/^[a-z]{3}$/, 'must be a currency of three lower-case letters')
    .optional(),
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
  expiresAt: instantText.describe('When the session expires: 30 minutes to 24 hours from now.').optional(),
  invoiceCreation: boolean.describe('A one-time payment gets an invoice, too.').optional(),
  locale: word('a locale, for example de or auto').optional(),
  nameCollection: some(shape({ individual: presence, business: presence })).optional(),
  paymentMethodCollection: words('always', 'if_required').optional(),
  paymentMethodConfiguration: word('a payment method configuration, pmc_…').optional(),
  paymentMethodTypes: listOf(
    z
      .string(requiredAs('text'))
      .regex(/^[a-z0-9_]{1,100}$/, 'must be a payment method type, for example card'),
    50,
    'payment method types',
  ).optional(),
  phoneNumberCollection: boolean.optional(),
  prorationBehavior: words('create_prorations', 'none').describe('With `billingCycleAnchor`.').optional(),
  recovery: shape({ allowPromotionCodes: boolean.optional() })
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
      z.string(requiredAs('a country')).regex(/^[A-Z]{2}$/, 'must be a country of two capital letters'),
      250,
      'countries',
    ),
  }).optional(),
  shippingOptions: listOf(shape({ shippingRate: text(1, 255) }), 5, 'shipping options').optional(),
  submitType: word('a word such as donate or book').optional(),
  taxIdCollection: boolean.optional(),
  trialEnd: instantText.describe('When the trial ends.').optional(),
  trialPeriodDays: wholeNumber(1, 730).optional(),
  trialWithoutCard: boolean
    .describe('No card is asked for; the subscription is canceled at the end of the trial if there is none.')
    .optional(),
  uiMode: words('hosted', 'embedded', 'custom')
    .describe("`embedded` and `custom` answer `clientSecret` for the app's own page instead of `url`.")
    .optional(),
}

const afterCompletion = shape({
  type: words('portal_homepage', 'redirect', 'hosted_confirmation'),
  returnUrl: httpUrl.optional(),
  customMessage: text(1, 500).optional(),
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
    subscriptionId: text(1, 255)
      .describe('A subscription of the subject, `sub_…`; may be omitted if there is only one.')
      .optional(),
    items: z
      .array(
        shape({
          priceId: text(1, 255),
          quantity: wholeNumber(1, 999_999).optional(),
          subscriptionItemId: text(1, 255).optional(),
        }),
        requiredAs('a list of one item'),
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
const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

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
