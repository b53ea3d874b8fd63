/**
 * What a checkout page asks the customer for besides the payment: address, phone, names, tax id and consent
 * (https://docs.stripe.com/api/checkout/sessions/create).
 */
import type { Engine, Entered } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { boolean, clearable, hash, type Infer, list, oneOf, required, string } from '../core/params.ts'
import type { CheckoutSession, Customer } from '../core/types.ts'
import { fullAddress } from './address.ts'
import { SHIPPING_COUNTRIES } from './checkout-words.ts'

const enabled = hash({ enabled: required(boolean()) })
const asked = hash({ enabled: required(boolean()), optional: boolean() })
const words = clearable(hash({ message: required(string(1200)) }))
const overwrite = oneOf('auto', 'never')

export const pageOptionsShape = {
  adaptive_pricing: hash({ enabled: boolean() }),
  billing_address_collection: oneOf('auto', 'required'),
  consent_collection: hash({
    payment_method_reuse_agreement: hash({ position: required(oneOf('auto', 'hidden')) }),
    promotions: oneOf('auto', 'none'),
    terms_of_service: oneOf('none', 'required'),
  }),
  custom_text: hash({
    after_submit: words,
    shipping_address: words,
    submit: words,
    terms_of_service_acceptance: words,
  }),
  customer_update: hash({ address: overwrite, name: overwrite, shipping: overwrite }),
  name_collection: hash({ business: asked, individual: asked }),
  phone_number_collection: enabled,
  saved_payment_method_options: hash({
    allow_redisplay_filters: list(oneOf('always', 'limited', 'unspecified')),
    payment_method_remove: oneOf('disabled', 'enabled'),
    payment_method_save: oneOf('disabled', 'enabled'),
  }),
  shipping_address_collection: hash({ allowed_countries: required(list(oneOf(...SHIPPING_COUNTRIES))) }),
  tax_id_collection: hash({ enabled: required(boolean()), required: oneOf('if_supported', 'never') }),
}
type PageOptions = Infer<typeof pageOptionsShape>

/** The fields of a session that show these parameters as they were sent. */
export function shownPageOptions(params: PageOptions): Partial<CheckoutSession> {
  const { consent_collection: consent, custom_text: text, name_collection: names } = params
  const saved = params.saved_payment_method_options
  const { after_submit, shipping_address, submit, terms_of_service_acceptance } = text ?? {}
  const nameOf = (sent: { enabled: boolean; optional?: boolean } | undefined) =>
    sent && { enabled: sent.enabled, optional: sent.optional ?? false }
  return {
    adaptive_pricing: { enabled: params.adaptive_pricing?.enabled ?? false },
    billing_address_collection: params.billing_address_collection ?? null,
    consent_collection: consent
      ? {
          payment_method_reuse_agreement: consent.payment_method_reuse_agreement ?? null,
          promotions: consent.promotions ?? null,
          terms_of_service: consent.terms_of_service ?? null,
        }
      : null,
    ...(text
      ? {
          custom_text: {
            after_submit: after_submit ?? null,
            shipping_address: shipping_address ?? null,
            submit: submit ?? null,
            terms_of_service_acceptance: terms_of_service_acceptance ?? null,
          },
        }
      : {}),
    ...(names
      ? { name_collection: { business: nameOf(names.business), individual: nameOf(names.individual) } }
      : {}),
    phone_number_collection: { enabled: params.phone_number_collection?.enabled ?? false },
    ...(saved
      ? {
          saved_payment_method_options: {
            allow_redisplay_filters: saved.allow_redisplay_filters ?? ['always'],
            payment_method_remove: saved.payment_method_remove ?? 'disabled',
            payment_method_save: saved.payment_method_save ?? null,
          },
        }
      : {}),
    shipping_address_collection: params.shipping_address_collection ?? null,
    ...(params.tax_id_collection
      ? { tax_id_collection: { required: 'never', ...params.tax_id_collection } }
      : {}),
  }
}

/** @throws 400 when a known customer keeps what tax needs to change */
export function checkCustomerUpdate(params: PageOptions & { customer?: string }): void {
  const { customer, customer_update: update } = params
  if (update && customer === undefined) {
    throw invalidRequest('`customer_update` can only be used with `customer`.', { param: 'customer_update' })
  }
  if (params.tax_id_collection?.enabled && customer !== undefined && update?.name !== 'auto') {
    throw invalidRequest(
      'Tax ID collection requires updating business name on the customer. To enable tax ID collection for an existing customer, please set `customer_update[name]` to `auto`.',
      { param: 'customer_update[name]' },
    )
  }
}

/** @throws 400 when the customer left out what the page requires */
function requireAnswer(isRequired: boolean | undefined, value: unknown, param: string, what: string): void {
  if (!isRequired || (value !== undefined && value !== '' && value !== false)) return
  throw invalidRequest(`Please enter your ${what}.`, { code: 'parameter_missing', param })
}

/** What the customer told the page, as fields of the session. */
export function collectedFields(
  session: CheckoutSession,
  entry: Entered,
  { email, customer }: { email: string | null; customer: Customer | null },
): Partial<CheckoutSession> {
  const { phone_number_collection: phone, name_collection: names, consent_collection: consent } = session
  const countries = session.shipping_address_collection?.allowed_countries as string[] | undefined
  requireAnswer(phone?.enabled, entry.phone, 'phone', 'phone number')
  const bills = session.billing_address_collection === 'required'
  requireAnswer(bills, entry.address?.line1, 'billing[line1]', 'billing address')
  requireAnswer(countries !== undefined, entry.country, 'shipping[country]', 'shipping address')
  for (const [who, name] of [
    ['business', entry.businessName],
    ['individual', entry.name],
  ] as const) {
    const asks = names?.[who]
    requireAnswer(asks?.enabled && !asks.optional, name, `${who}_name`, `${who} name`)
  }
  if (consent?.terms_of_service === 'required' && !entry.acceptsTerms) {
    throw invalidRequest('Please accept the terms of service.', { param: 'consent[terms_of_service]' })
  }
  if (countries && !countries.includes(entry.country ?? '')) {
    throw invalidRequest(`We do not ship to ${entry.country}.`, { param: 'shipping[country]' })
  }
  const name = entry.name ?? customer?.name ?? null
  const address = fullAddress({ ...entry.address, country: entry.country ?? 'US' })
  const taxIds = session.tax_id_collection?.enabled && entry.taxId ? [entry.taxId] : []
  return {
    customer_details: {
      address,
      business_name: entry.businessName ?? null,
      email,
      individual_name: names?.individual ? (entry.name ?? null) : null,
      name,
      phone: phone?.enabled ? (entry.phone ?? null) : null,
      tax_exempt: 'none',
      tax_ids: taxIds.map((value) => ({ type: 'eu_vat' as const, value })),
    },
    collected_information: {
      business_name: names?.business ? (entry.businessName ?? null) : null,
      individual_name: names?.individual ? (entry.name ?? null) : null,
      shipping_details: countries ? { address, name: name ?? '' } : null,
    },
    consent: consent
      ? {
          promotions: consent.promotions === 'auto' ? (entry.optsIn ? 'opt_in' : 'opt_out') : null,
          terms_of_service: consent.terms_of_service === 'required' ? 'accepted' : null,
        }
      : null,
  }
}

/** Units of another currency for one unit of any; what it is worth does not matter here. */
const PRESENTMENT_RATE = 0.9

/** What the customer pays in a currency of their own, with adaptive pricing. */
export function presentmentOf(
  session: CheckoutSession,
  currency: string | undefined,
): NonNullable<CheckoutSession['presentment_details']> | null {
  if (!session.adaptive_pricing?.enabled || currency === undefined || currency === session.currency)
    return null
  return {
    presentment_amount: Math.round((session.amount_total ?? 0) * PRESENTMENT_RATE),
    presentment_currency: currency,
  }
}

/** What a test's customer tells a page that asks for it, where the test says nothing. */
export function usualAnswers(engine: Engine, id: string): Partial<Entered> {
  const session = engine.store.get('checkout.session', id)
  const [country] = session?.shipping_address_collection?.allowed_countries ?? []
  return {
    ...(session?.phone_number_collection?.enabled ? { phone: '+15555550123' } : {}),
    ...(country === undefined ? {} : { country }),
    ...(session?.billing_address_collection === 'required'
      ? { address: { line1: '510 Townsend St', city: 'San Francisco', postal_code: '94103' } }
      : {}),
    ...(session?.name_collection?.business?.enabled ? { businessName: 'Rosen Ltd' } : {}),
    ...(session?.name_collection?.individual?.enabled || country !== undefined
      ? { name: 'Jenny Rosen' }
      : {}),
    ...(session?.consent_collection?.terms_of_service === 'required' ? { acceptsTerms: true } : {}),
  }
}
