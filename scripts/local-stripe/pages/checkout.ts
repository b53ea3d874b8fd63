/** The hosted checkout page: the items, the customer's details and the payment. It works without JavaScript. */
import type { Engine, Entered } from '../core/engine.ts'
import { invalidRequest, noSuch, StripeFailure } from '../core/errors.ts'
import { formatAmount } from '../core/money.ts'
import { methodOfNumber, methodOfToken } from '../core/test-methods.ts'
import type { CheckoutSession, LineItem } from '../core/types.ts'
import { applyPromotionCode, completeSession, needsMethod } from '../resources/checkout.ts'
import { recoverSession } from '../resources/checkout-sessions.ts'
import { createPaymentMethod } from '../resources/payment-methods.ts'
import { readAnswers, renderQuestions, renderShopText } from './checkout-questions.ts'
import { type Html, html, renderPage, safeUrl } from './html.ts'

/** The response to a page request: a document or a redirect. */
export type PageAnswer = { status: number; body: string } | { status: 303; location: string }

/** What the form posts, or the control passes. */
export interface PaymentEntry extends Partial<Omit<Entered, 'method'>> {
  /** Card number; `4242…` by default. */
  card?: string
  expiry?: string
  cvc?: string
  /** A `pm_…` token or an account number instead of a card. */
  paymentMethod?: string
}

/** Pays a session with the entered details. The page and the control both call it. */
export function payEntered(engine: Engine, id: string, entry: PaymentEntry): CheckoutSession {
  const session = engine.store.require('checkout.session', id)
  const email = entry.email?.trim()
  if (email && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email)) {
    throw invalidRequest('Please enter a valid email address.', { param: 'email' })
  }
  const { month, year } = parseExpiry(engine, entry.expiry)
  const origin = { email, name: entry.name, expMonth: month, expYear: year }
  const chosen =
    entry.paymentMethod ?? (needsMethod(engine, session) ? (entry.card ?? '4242424242424242') : undefined)
  const saved = chosen === undefined ? undefined : engine.store.get('payment_method', chosen)
  const method =
    saved ??
    (chosen === undefined
      ? null
      : createPaymentMethod(engine, methodOfToken(chosen) ?? methodOfNumber(chosen), origin))
  const { card: _card, expiry: _expiry, cvc: _cvc, paymentMethod: _method, ...entered } = entry
  return completeSession(engine, id, { ...entered, method, email: email || undefined })
}

function parseExpiry(engine: Engine, text: string | undefined): { month?: number; year?: number } {
  if (!text) return {}
  const match = /^\s*(\d{1,2})\s*\/?\s*(\d{2}|\d{4})\s*$/.exec(text)
  const month = Number(match?.[1])
  const year = Number(match?.[2]) + (match?.[2]?.length === 2 ? 2000 : 0)
  const now = new Date(engine.now() * 1000)
  const last = Date.UTC(year, month, 1)
  if (!match || month < 1 || month > 12)
    throw cardError('Your card’s expiration date is incomplete.', 'invalid_expiry_month')
  if (last <= now.getTime())
    throw cardError('Your card’s expiration date is in the past.', 'invalid_expiry_year')
  return { month, year }
}

function cardError(message: string, code: string): StripeFailure {
  return new StripeFailure(402, { type: 'card_error', code, message })
}

/** The address to which the customer returns after paying. */
export function successUrlOf(session: CheckoutSession): string | null {
  return safeUrl(
    (session.success_url ?? session.return_url)?.replaceAll('{CHECKOUT_SESSION_ID}', session.id) ?? null,
  )
}

/** `GET /c/pay/:session` */
export function showCheckout(
  engine: Engine,
  id: string,
  problem?: string,
  form?: URLSearchParams,
): PageAnswer {
  const session = engine.store.get('checkout.session', id)
  if (!session) return renderNotice(404, 'There is no such checkout', 'The address may be mistyped.', null)
  const back = safeUrl(session.cancel_url?.replaceAll('{CHECKOUT_SESSION_ID}', id) ?? null)
  if (session.status === 'expired') {
    return renderNotice(
      410,
      'This checkout has expired',
      'Nothing was charged. Go back to the shop to start again.',
      safeUrl(session.after_expiration?.recovery?.url ?? null) ?? back,
    )
  }
  if (session.status === 'complete') {
    return renderNotice(200, 'This checkout is complete', 'You can close this page.', successUrlOf(session))
  }
  const title = submitWord(session)
  const body = html`
    <div class="columns">
      <section aria-labelledby="order">
        <h1 id="order">${title}</h1>
        ${session.mode !== 'setup' && html`<p class="total">${formatAmount(session.amount_total ?? 0, session.currency ?? 'usd')}</p>`}
        ${renderSummary(engine, session)}
        ${session.allow_promotion_codes && !session.discounts?.length && renderPromotionForm(id)}
        ${back !== null && html`<p><a href="${back}">← Back to the shop</a></p>`}
        ${session.locale !== null && html`<p class="soft">Stripe shows this page in the language ${session.locale}.</p>`}
      </section>
      <section class="card" aria-labelledby="payment">
        <h2 id="payment">Your details</h2>
        ${renderPaymentForm(engine, session, title, problem, form)}
      </section>
    </div>`
  return { status: problem === undefined ? 200 : 402, body: renderPage(`${title} – Local Stripe`, body) }
}

const SUBMIT_WORDS: Record<string, string> = {
  book: 'Book',
  donate: 'Donate',
  pay: 'Pay',
  subscribe: 'Subscribe',
}

/** What the button says: what `submit_type` asks for, else what the mode does. */
function submitWord({ submit_type: type, mode }: CheckoutSession): string {
  const word = type === null ? undefined : SUBMIT_WORDS[type]
  return word ?? (mode === 'subscription' ? 'Subscribe' : mode === 'setup' ? 'Save details' : 'Pay')
}

function renderSummary(engine: Engine, session: CheckoutSession): Html {
  const currency = session.currency ?? 'usd'
  const items = engine.sessions.get(session.id)?.lineItems ?? []
  const discount = session.total_details?.amount_discount ?? 0
  return html`<table>
    <tbody>${items.map(
      (
        item,
      ) => html`<tr><th scope="row">${item.description}<br><span class="soft">${formatUnitPrice(item)}</span></th>
        <td>${formatAmount(item.amount_subtotal, currency)}</td></tr>`,
    )}</tbody>
    <tfoot>
      ${(session.total_details?.amount_tax ?? 0) > 0 && html`<tr><th scope="row">Tax</th><td>${formatAmount(session.total_details?.amount_tax ?? 0, currency)}</td></tr>`}
      ${discount > 0 && html`<tr><th scope="row">Discount</th><td>−${formatAmount(discount, currency)}</td></tr>`}
      ${session.shipping_cost !== null && html`<tr><th scope="row">Shipping</th><td>${formatAmount(session.shipping_cost.amount_total, currency)}</td></tr>`}
      ${session.mode !== 'setup' && html`<tr><th scope="row">Total due today</th><td>${formatAmount(session.amount_total ?? 0, currency)}</td></tr>`}
    </tfoot>
  </table>`
}

function formatUnitPrice({ price, quantity, currency }: LineItem): string {
  const each = formatAmount(Number(price?.unit_amount_decimal ?? 0), currency)
  const every = price?.recurring
    ? ` every ${price.recurring.interval_count > 1 ? `${price.recurring.interval_count} ${price.recurring.interval}s` : price.recurring.interval}`
    : ''
  return quantity === null ? `${each} for each unit used${every}` : `${quantity} × ${each}${every}`
}

function renderPromotionForm(id: string): Html {
  return html`<form class="inline" method="post" action="/c/pay/${id}/promotion-code">
    <label>Promotion code <input name="code" autocomplete="off" required></label>
    <button class="quiet">Apply</button>
  </form>`
}

function renderPaymentForm(
  engine: Engine,
  session: CheckoutSession,
  title: string,
  problem?: string,
  form?: URLSearchParams,
): Html {
  const known = session.customer_details?.email ?? session.customer_email
  const asks = needsMethod(engine, session)
  const value = (name: string) => form?.get(name) ?? ''
  const method = value('method') || 'card'
  const types = session.payment_method_types
  const amount =
    session.mode === 'setup' ? '' : ` ${formatAmount(session.amount_total ?? 0, session.currency ?? 'usd')}`
  const choice = (id: string, text: string) =>
    html`<label class="choice"><input type="radio" name="method" value="${id}" ${method === id && html`checked`}>${text}</label>`
  return html`<form method="post" action="/c/pay/${session.id}">
    ${problem !== undefined && html`<p class="error" role="alert" id="problem" tabindex="-1" autofocus>${problem}</p>`}
    ${
      known
        ? html`<p class="soft">Email: ${known}</p>`
        : html`<label>Email <input type="email" name="email" required autocomplete="email" value="${value('email')}"></label>`
    }
    ${renderQuestions(engine, session, form)}
    ${renderShipping(engine, session, form)}
    ${renderCustomFields(session, form)}
    ${
      asks &&
      html`<fieldset>
      <legend>How to pay</legend>
      ${choice('card', 'Card')}
      ${types.includes('us_bank_account') && choice('us_bank_account', 'US bank account – settles later')}
      ${types.includes('sepa_debit') && choice('sepa_debit', 'SEPA debit – settles later')}
    </fieldset>
    <fieldset class="of-card">
      <legend>Card</legend>
      <label>Card number <input name="card" inputmode="numeric" autocomplete="cc-number" placeholder="4242 4242 4242 4242" value="${value('card')}" ${problem !== undefined && html`aria-describedby="problem"`}></label>
      <div class="row">
        <label>Expiry <input name="expiry" autocomplete="cc-exp" placeholder="MM / YY" value="${value('expiry')}"></label>
        <label>CVC <input name="cvc" inputmode="numeric" autocomplete="cc-csc" placeholder="123" value="${value('cvc')}"></label>
      </div>
      <label>Name on card <input name="name" autocomplete="cc-name" value="${value('name')}"></label>
    </fieldset>`
    }
    <button>${title}${amount}</button>
    ${renderShopText(session, 'after_submit')}
    ${
      asks &&
      html`<details class="soft of-card"><summary>Test numbers</summary>
      <p>4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined, 4000 0000 0000 9995 lacks funds,
      4000 0027 6000 3184 asks for a confirmation, 4000 0000 0000 0341 can be saved and fails later. Any expiry in the future and any CVC.</p></details>`
    }
  </form>`
}

/** The shipping options. The amount on the button is that of the first one until the form was sent. */
function renderShipping(engine: Engine, session: CheckoutSession, form?: URLSearchParams): Html | false {
  const options = session.shipping_options ?? []
  if (options.length === 0) return false
  const chosen = form?.get('shipping') ?? options[0]?.shipping_rate
  return html`<fieldset>
    <legend>Shipping</legend>
    ${options.map(({ shipping_rate: id, shipping_amount: amount }) => {
      const name = engine.store.get('shipping_rate', id)?.display_name ?? id
      const price = formatAmount(amount, session.currency ?? 'usd')
      return html`<label class="choice"><input type="radio" name="shipping" value="${id}" ${id === chosen && html`checked`}>${name} – ${price}</label>`
    })}
  </fieldset>`
}

function renderCustomFields(session: CheckoutSession, form?: URLSearchParams): Html[] {
  return (session.custom_fields ?? []).map((field) => {
    const { key, label, optional, dropdown } = field
    const details = dropdown ?? field.numeric ?? field.text
    const value = form?.get(`custom_${key}`) ?? details?.default_value ?? ''
    const text = optional ? `${label.custom} (optional)` : label.custom
    const must = !optional && html`required`
    if (dropdown) {
      return html`<label>${text} <select name="custom_${key}" ${must}>
        <option value=""></option>
        ${dropdown.options.map((option) => html`<option value="${option.value}" ${option.value === value && html`selected`}>${option.label}</option>`)}
      </select></label>`
    }
    const digits = field.type === 'numeric' && html`inputmode="numeric"`
    return html`<label>${text} <input name="custom_${key}" value="${value}" ${must} ${digits}></label>`
  })
}

/** What the form says about shipping and custom fields. */
function readExtras(session: CheckoutSession, form: URLSearchParams) {
  const fields = (session.custom_fields ?? []).flatMap(({ key }) => {
    const value = form.get(`custom_${key}`)
    return value ? [[key, value]] : []
  })
  return {
    customFields: Object.fromEntries(fields) as Record<string, string>,
    shippingRate: form.get('shipping') ?? undefined,
  }
}

/** `GET /r/:session`: opens a copy of an expired session, and leads the customer to it. */
export function recoverCheckout(engine: Engine, id: string): PageAnswer {
  const session = engine.store.get('checkout.session', id)
  const recovery = session?.after_expiration?.recovery
  const isRecoverable = engine.sessions.get(id)?.recovery
  if (!isRecoverable || !recovery?.url || (recovery.expires_at ?? 0) <= engine.now())
    return renderNotice(410, 'This link has expired', 'Go back to the shop to start again.', null)
  return { status: 303, location: recoverSession(engine, id)?.url ?? '' }
}

/** The test token for each asynchronous method of the page. */
const TOKEN_OF_METHOD: Record<string, string> = {
  us_bank_account: 'pm_usBankAccount_success',
  sepa_debit: 'pm_sepaDebit_success',
}

/** `POST /c/pay/:session`: redirects to the shop on success, and shows the form with the reason after a failure. */
export function submitCheckout(engine: Engine, id: string, form: URLSearchParams): PageAnswer {
  const session = engine.store.get('checkout.session', id)
  if (session?.status !== 'open') return showCheckout(engine, id)
  const account = TOKEN_OF_METHOD[form.get('method') ?? 'card']
  try {
    const card = form.get('card')?.trim()
    if (needsMethod(engine, session) && !account) {
      if (!card) throw cardError('Your card number is incomplete.', 'incomplete_number')
      if (!form.get('expiry')?.trim())
        throw cardError('Your card’s expiration date is incomplete.', 'incomplete_expiry')
      if (!/^\d{3,4}$/.test(form.get('cvc')?.trim() ?? '')) {
        throw cardError('Your card’s security code is incomplete.', 'incomplete_cvc')
      }
    }
    const paid = payEntered(engine, id, {
      card,
      expiry: account ? undefined : form.get('expiry')?.trim(),
      paymentMethod: account,
      email: form.get('email') ?? undefined,
      name: form.get('name') || undefined,
      ...readExtras(session, form),
      ...readAnswers(form),
    })
    if (paid.status === 'open') return { status: 303, location: authenticationUrl(engine, paid) ?? '' }
    const location = successUrlOf(paid)
    return location === null ? showCheckout(engine, id) : { status: 303, location }
  } catch (error) {
    if (error instanceof StripeFailure) return showCheckout(engine, id, error.message, form)
    throw error
  }
}

/** The address of the page on which the customer authenticates the payment of a session, if it waits for that. */
function authenticationUrl(engine: Engine, session: CheckoutSession): string | null {
  const details = engine.sessions.get(session.id)
  if (session.status !== 'open' || !details?.entered) return null
  const subscription = engine.store.get('subscription', details.incompleteSubscription ?? '')
  const payment = engine.store
    .list('invoice_payment')
    .find((item) => item.invoice === subscription?.latest_invoice)
  const intent = session.setup_intent ?? session.payment_intent ?? payment?.payment.payment_intent
  return intent ? `/3ds/${intent}` : null
}

/** `POST /c/pay/:session/promotion-code` */
export function submitPromotionCode(engine: Engine, id: string, form: URLSearchParams): PageAnswer {
  if (!engine.store.get('checkout.session', id)) throw noSuch('checkout.session', id)
  try {
    applyPromotionCode(engine, id, form.get('code') ?? '')
    return { status: 303, location: `/c/pay/${id}` }
  } catch (error) {
    if (error instanceof StripeFailure) return showCheckout(engine, id, error.message, form)
    throw error
  }
}

/** A page with a message only. */
export function renderNotice(status: number, title: string, text: string, link: string | null): PageAnswer {
  const body = html`<section class="card"><h1>${title}</h1><p>${text}</p>
    ${link !== null && html`<p><a href="${link}">Continue</a></p>`}</section>`
  return { status, body: renderPage(`${title} – Local Stripe`, body) }
}
