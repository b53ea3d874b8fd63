import type { Offer, PutOfferRequest } from '../../../../types/api.ts'
import { parseMoney, plainMoney } from '../../format/money.ts'
import { localTimeOf, ofLocalTime } from '../../format/time.ts'
import { texts } from '../../texts.ts'

const t = texts.offers

export type OptionName = NonNullable<PutOfferRequest['allowedOptions']>[number]

/** Every option that a checkout may have, so that one that is new in the API is missed at the next check of types. */
const OPTIONS: Record<OptionName, true> = {
  'discounts.coupon': true,
  adaptivePricing: true,
  allowPromotionCodes: true,
  automaticTax: true,
  billingAddressCollection: true,
  billingCycleAnchor: true,
  captureMethod: true,
  consentCollection: true,
  currency: true,
  customFields: true,
  customText: true,
  discounts: true,
  expiresAt: true,
  invoiceCreation: true,
  locale: true,
  nameCollection: true,
  paymentMethodCollection: true,
  paymentMethodConfiguration: true,
  paymentMethodTypes: true,
  phoneNumberCollection: true,
  prorationBehavior: true,
  recovery: true,
  redirectOnCompletion: true,
  returnUrl: true,
  savedPaymentMethods: true,
  setupFutureUsage: true,
  shippingAddressCollection: true,
  shippingOptions: true,
  submitType: true,
  taxIdCollection: true,
  trialEnd: true,
  trialPeriodDays: true,
  trialWithoutCard: true,
  uiMode: true,
}
export const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[]

export type OfferKind = 'priceId' | 'lookupKey' | 'productId'

export type OfferValues = {
  offerId: string
  kind: OfferKind
  what: string
  mode: 'payment' | 'subscription'
  minimumQuantity: string
  maximumQuantity: string
  anon: boolean
  authenticated: boolean
  subjectTypes: string
  startsAt: string
  endsAt: string
  allowedOptions: OptionName[]
  forcedOptions: string
  allowPayWhatYouWant: boolean
  allowPriceData: boolean
  currency: string
  minimumAmount: string
  maximumAmount: string
  productGroup: string
  onePlan: boolean
  trialOnce: boolean
  active: boolean
}

export const EMPTY_OFFER: OfferValues = {
  offerId: '',
  kind: 'lookupKey',
  what: '',
  mode: 'payment',
  minimumQuantity: '1',
  maximumQuantity: '1',
  anon: true,
  authenticated: true,
  subjectTypes: '',
  startsAt: '',
  endsAt: '',
  allowedOptions: [],
  forcedOptions: '',
  allowPayWhatYouWant: false,
  allowPriceData: false,
  currency: '',
  minimumAmount: '',
  maximumAmount: '',
  productGroup: '',
  onePlan: false,
  trialOnce: true,
  active: true,
}

const shownAmount = (amount: number | null, currency: string | null) =>
  amount === null ? '' : currency === null ? String(amount) : plainMoney(amount, currency)

/** What the form shows of an offer. */
export function valuesOfOffer(offer: Offer): OfferValues {
  const kind: OfferKind =
    offer.priceId !== null ? 'priceId' : offer.lookupKey !== null ? 'lookupKey' : 'productId'
  const { roles, forcedOptions, currency } = offer
  return {
    offerId: offer.offerId,
    kind,
    what: offer[kind] ?? '',
    mode: offer.mode,
    minimumQuantity: String(offer.minimumQuantity),
    maximumQuantity: String(offer.maximumQuantity),
    anon: roles === null || roles.includes('anon'),
    authenticated: roles === null || roles.includes('authenticated'),
    subjectTypes: offer.subjectTypes?.join(', ') ?? '',
    startsAt: localTimeOf(offer.startsAt),
    endsAt: localTimeOf(offer.endsAt),
    allowedOptions: offer.allowedOptions as OptionName[],
    forcedOptions: Object.keys(forcedOptions).length === 0 ? '' : JSON.stringify(forcedOptions, null, 2),
    allowPayWhatYouWant: offer.allowPayWhatYouWant,
    allowPriceData: offer.allowPriceData,
    currency: currency ?? '',
    minimumAmount: shownAmount(offer.minimumAmount, currency),
    maximumAmount: shownAmount(offer.maximumAmount, currency),
    productGroup: offer.productGroup ?? '',
    onePlan: offer.onePlan,
    trialOnce: offer.trialOnce,
    active: offer.active,
  }
}

export type OfferProblems = Partial<Record<keyof OfferValues, string>>

/** A JSON object; null for every other text. */
function objectOf(text: string): Record<string, unknown> | null {
  if (text.trim() === '') return {}
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

function amountsOf(
  values: OfferValues,
): Pick<PutOfferRequest, 'currency' | 'minimumAmount' | 'maximumAmount'> | OfferProblems {
  const currency = values.currency.trim().toLowerCase()
  const { minimumAmount, maximumAmount } = values
  if (currency === '' && minimumAmount.trim() === '' && maximumAmount.trim() === '') return {}
  const problems: OfferProblems = {}
  if (!/^[a-z]{3}$/.test(currency)) problems.currency = texts.catalogue.currencyWrong
  const read = (name: 'minimumAmount' | 'maximumAmount') => {
    if (values[name].trim() === '') return undefined
    const amount = parseMoney(values[name], currency)
    if (amount === null) problems[name] = texts.catalogue.amountWrong
    return amount ?? undefined
  }
  const amounts = { currency, minimumAmount: read('minimumAmount'), maximumAmount: read('maximumAmount') }
  return Object.keys(problems).length > 0 ? problems : amounts
}

/** The instant of a field; what was not touched stays exact. */
const instantOf = (text: string, before: string | null | undefined) =>
  text === '' ? undefined : before && localTimeOf(before) === text ? before : ofLocalTime(text)

/** What the form lacks. Everything else is decided by the API. */
function problemsOf(values: OfferValues): OfferProblems {
  const problems: OfferProblems = {}
  if (!/^[A-Za-z0-9_-]{1,100}$/.test(values.offerId)) problems.offerId = t.idWrong
  if (values.what.trim() === '') problems.what = t.whatNeeded
  if (!values.anon && !values.authenticated) problems.anon = t.rolesNeeded
  if (objectOf(values.forcedOptions) === null) problems.forcedOptions = t.forcedWrong
  const amounts = amountsOf(values) as OfferProblems
  for (const name of ['currency', 'minimumAmount', 'maximumAmount'] as const) {
    const problem = amounts[name]
    if (problem === texts.catalogue.currencyWrong || problem === texts.catalogue.amountWrong)
      problems[name] = problem
  }
  return problems
}

/** The request that the form makes, or what is wrong with it. */
export function requestOfOffer(
  values: OfferValues,
  before: Offer | undefined,
): { body: PutOfferRequest } | { problems: OfferProblems } {
  const problems = problemsOf(values)
  if (Object.keys(problems).length > 0) return { problems }
  const roles = (['anon', 'authenticated'] as const).filter((role) => values[role])
  const subjectTypes = values.subjectTypes
    .split(',')
    .map((type) => type.trim())
    .filter(Boolean)
  return {
    body: {
      [values.kind]: values.what.trim(),
      mode: values.mode,
      minimumQuantity: Number(values.minimumQuantity),
      maximumQuantity: Number(values.maximumQuantity),
      roles: roles.length === 2 ? undefined : roles,
      subjectTypes: subjectTypes.length === 0 ? undefined : subjectTypes,
      startsAt: instantOf(values.startsAt, before?.startsAt),
      endsAt: instantOf(values.endsAt, before?.endsAt),
      allowedOptions: values.allowedOptions,
      forcedOptions: objectOf(values.forcedOptions) ?? {},
      allowPayWhatYouWant: values.allowPayWhatYouWant,
      allowPriceData: values.allowPriceData,
      ...(amountsOf(values) as Pick<PutOfferRequest, 'currency' | 'minimumAmount' | 'maximumAmount'>),
      productGroup: values.productGroup.trim() || undefined,
      onePlan: values.onePlan,
      trialOnce: values.trialOnce,
      active: values.active,
    },
  }
}
