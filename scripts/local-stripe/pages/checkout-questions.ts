/** The fields of the checkout page that a session asks for besides the payment, and what the form says of them. */
import type { Engine, Entered } from '../core/engine.ts'
import type { CheckoutSession } from '../core/types.ts'
import { type Html, html } from './html.ts'

/** What the shop wrote for a place of the page. */
export function renderShopText(
  session: CheckoutSession,
  place: keyof CheckoutSession['custom_text'],
): Html | false {
  const text = session.custom_text[place]
  return text !== null && html`<p class="soft">${text.message}</p>`
}

const field = (
  name: string,
  text: string,
  form: URLSearchParams | undefined,
  more: Html | false = false,
): Html => html`<label>${text} <input name="${name}" value="${form?.get(name) ?? ''}" ${more}></label>`

export function renderQuestions(engine: Engine, session: CheckoutSession, form?: URLSearchParams): Html[] {
  const { name_collection: names, consent_collection: consent } = session
  const countries = session.shipping_address_collection?.allowed_countries ?? []
  const bills = session.billing_address_collection === 'required'
  const must = html`required`
  const items = engine.sessions.get(session.id)?.lineItems ?? []
  const quantities = items.flatMap((item, place) => {
    const limits = item.adjustable_quantity
    if (!limits?.enabled) return []
    return [
      html`<label>Quantity of ${item.description} <input type="number" name="quantity_${place}"
        min="${limits.minimum ?? 0}" max="${limits.maximum ?? 99}" value="${form?.get(`quantity_${place}`) ?? item.quantity}"></label>`,
    ]
  })
  const custom = items.find((item) => item.price?.custom_unit_amount)?.price?.custom_unit_amount
  const accept = html`<label class="choice"><input type="checkbox" name="terms" value="yes" required>${session.custom_text.terms_of_service_acceptance?.message ?? 'I accept the terms of service'}</label>`
  const asked: (Html | false | null | undefined)[] = [
    custom &&
      html`<label>Amount in minor units <input type="number" name="amount" required
        value="${form?.get('amount') ?? custom.preset ?? ''}"></label>`,
    session.phone_number_collection?.enabled && field('phone', 'Phone', form, must),
    names?.business?.enabled &&
      field('business_name', 'Business name', form, names.business.optional ? false : must),
    names?.individual?.enabled &&
      field('individual_name', 'Full name', form, names.individual.optional ? false : must),
    bills && field('line1', 'Billing address', form, must),
    bills && field('postal_code', 'Postal code', form),
    bills && field('city', 'City', form),
    bills && countries.length === 0 && field('country', 'Country, two letters', form, must),
    countries.length > 0 &&
      html`<label>Ship to <select name="country">${countries.map((country) => html`<option value="${country}">${country}</option>`)}</select></label>`,
    countries.length > 0 && renderShopText(session, 'shipping_address'),
    session.tax_id_collection?.enabled && field('tax_id', 'Tax id (optional)', form),
    session.saved_payment_method_options?.payment_method_save === 'enabled' &&
      html`<label class="choice"><input type="checkbox" name="save" value="yes">Save for later</label>`,
    consent?.promotions === 'auto' &&
      html`<label class="choice"><input type="checkbox" name="promotions" value="yes">Send me offers</label>`,
    consent?.terms_of_service === 'required' && accept,
    renderShopText(session, 'submit'),
  ]
  return [...quantities, ...asked.flatMap((question) => (question ? [question] : []))]
}

/** What the form says about these fields. */
export function readAnswers(form: URLSearchParams): Partial<Entered> {
  const text = (name: string) => form.get(name)?.trim() || undefined
  const quantities = [...form.keys()].flatMap((name) => {
    const place = /^quantity_(\d+)$/.exec(name)?.[1]
    return place === undefined ? [] : [[Number(place), Number(form.get(name))]]
  })
  const amount = text('amount')
  const name = text('individual_name') ?? text('name')
  return {
    quantities: Object.fromEntries(quantities) as Record<number, number>,
    amount: amount === undefined ? undefined : Number(amount),
    phone: text('phone'),
    businessName: text('business_name'),
    ...(name === undefined ? {} : { name }),
    country: text('country'),
    address: { line1: text('line1'), city: text('city'), postal_code: text('postal_code') },
    taxId: text('tax_id'),
    saveMethod: form.has('save'),
    optsIn: form.has('promotions'),
    acceptsTerms: form.has('terms'),
  }
}
