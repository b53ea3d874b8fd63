/** The Billing Portal page: a customer's subscriptions and invoices, and the actions on them. */
import type { Engine } from '../core/engine.ts'
import { invalidRequest, StripeFailure } from '../core/errors.ts'
import { formatAmount } from '../core/money.ts'
import { methodOfNumber, methodOfToken } from '../core/test-methods.ts'
import type { PortalSession, Subscription } from '../core/types.ts'
import { createPaymentMethod } from '../resources/payment-methods.ts'
import {
  offeredPrices,
  portalCancel,
  portalChangePlan,
  portalConfirm,
  portalRenew,
  portalResume,
  portalUpdateMethod,
} from '../resources/portal.ts'
import { subscriptionOfFlow } from '../resources/portal-flows.ts'
import { type PageAnswer, renderNotice } from './checkout.ts'
import { formatDay, type Html, html, renderPage, safeUrl } from './html.ts'

/** `GET /p/session/:id` */
export function showPortal(engine: Engine, id: string, problem?: string): PageAnswer {
  const session = engine.store.get('billing_portal.session', id)
  if (!session)
    return renderNotice(404, 'There is no such portal session', 'Open the portal from the shop again.', null)
  const customer = engine.store.get('customer', session.customer)
  const subscriptions = engine.store.list('subscription').filter((item) => item.customer === session.customer)
  const only = subscriptionOfFlow(session.flow)
  const running = subscriptions.filter(
    (item) => item.ended_at === null && (only === null || item.id === only),
  )
  const ended = subscriptions.filter((item) => item.ended_at !== null)
  const back = safeUrl(session.return_url)
  const body = html`
    <header>
      <h1>Your billing</h1>
      <p class="soft">${customer?.email ?? customer?.name ?? session.customer}</p>
      ${back !== null && html`<p><a href="${back}">← Return to the shop</a></p>`}
      ${session.locale !== null && html`<p class="soft">Stripe shows this page in the language ${session.locale}.</p>`}
      ${problem !== undefined && html`<p class="error" role="alert" tabindex="-1" autofocus>${problem}</p>`}
    </header>
    ${session.flow && renderFlow(engine, session)}
    <section aria-labelledby="subscriptions">
      <h2 id="subscriptions">Subscriptions</h2>
      ${running.length === 0 && html`<p class="soft">There is no subscription at the moment.</p>`}
      ${running.map((subscription) => renderSubscription(engine, session, subscription))}
      ${ended.length > 0 && html`<p class="soft">Ended: ${ended.map((item) => nameOf(engine, item)).join(', ')}</p>`}
    </section>
    ${renderInvoices(engine, session)}`
  return { status: problem === undefined ? 200 : 400, body: renderPage('Billing – Local Stripe', body) }
}

/** What a flow asks for, where the subscription's own buttons do not. */
function renderFlow(engine: Engine, { id, flow }: PortalSession): Html | false {
  const action = `/p/session/${id}`
  if (flow?.type === 'payment_method_update')
    return html`<form class="card" method="post" action="${action}">
      <label>Card number <input name="card" inputmode="numeric" required></label>
      <button name="action" value="method">Save card</button></form>`
  const [item] = flow?.subscription_update_confirm?.items ?? []
  const price = engine.store.get('price', item?.price ?? '')
  if (!item) return false
  return html`<form class="card" method="post" action="${action}">
    <p>${item.quantity === undefined ? '' : `${item.quantity} × `}${price ? formatPrice(price) : ''}</p>
    <button name="action" value="confirm">Confirm</button></form>`
}

/** Where a customer goes after an action: as the flow says, else to the portal. */
function afterCompletion(engine: Engine, id: string): PageAnswer {
  const { flow } = engine.store.require('billing_portal.session', id)
  const { type, redirect, hosted_confirmation: confirmation } = flow?.after_completion ?? {}
  const location = type === 'redirect' ? safeUrl(redirect?.return_url ?? null) : null
  if (type === 'hosted_confirmation')
    return renderNotice(200, 'Done', confirmation?.custom_message ?? 'Your change was saved.', null)
  return { status: 303, location: location ?? `/p/session/${id}` }
}

function nameOf(engine: Engine, subscription: Subscription): string {
  const names = subscription.items.data.map(
    (item) => engine.store.get('product', item.price.product)?.name ?? item.price.product,
  )
  return names.join(' and ')
}

function renderSubscription(engine: Engine, session: PortalSession, subscription: Subscription): Html {
  const [item] = subscription.items.data
  const offers = offeredPrices(engine, session.id, subscription)
  const action = `/p/session/${session.id}`
  const until = formatDay(item?.current_period_end ?? subscription.created)
  const hidden = html`<input type="hidden" name="subscription" value="${subscription.id}">`
  const button = (does: string, text: string, quiet = true) =>
    html`<form class="inline" method="post" action="${action}">${hidden}
      <button class="${quiet ? 'quiet' : ''}" name="action" value="${does}">${text}</button></form>`
  const cancel = engine.store.require('billing_portal.configuration', session.configuration).features
    .subscription_cancel
  const offersCancel = (mode: CancelMode) => cancel.enabled && cancel.mode === mode
  return html`<article class="card">
    <h3>${nameOf(engine, subscription)} <span class="status">${subscription.status}</span></h3>
    <p>${subscription.items.data.map((part) => html`${part.quantity === undefined ? '' : `${part.quantity} × `}${formatPrice(part.price)}<br>`)}</p>
    <p class="soft">${subscription.cancel_at_period_end ? `Ends on ${until}` : `Renews on ${until}`}</p>
    ${
      offers.length > 0 &&
      html`<form class="inline" method="post" action="${action}">${hidden}
      <label>Change plan <select name="price">${offers.map(
        (price) =>
          html`<option value="${price.id}">${engine.store.get('product', price.product)?.name} – ${formatPrice(price)}</option>`,
      )}</select></label>
      <button name="action" value="change">Change plan</button></form>`
    }
    <div class="actions">
      ${subscription.status === 'paused' && button('resume', 'Resume', false)}
      ${subscription.cancel_at_period_end && button('renew', 'Keep subscription', false)}
      ${offersCancel('at_period_end') && !subscription.cancel_at_period_end && button('cancel', `Cancel on ${until}`)}
      ${offersCancel('immediately') && button('cancel_now', 'Cancel now')}
    </div>
  </article>`
}

type CancelMode = 'at_period_end' | 'immediately'

/** Cancels in the configured mode, and refuses the other one, for which the page has no button. */
function cancelAsOffered(engine: Engine, id: string, subscription: string, mode: CancelMode): Subscription {
  const session = engine.store.require('billing_portal.session', id)
  const { features } = engine.store.require('billing_portal.configuration', session.configuration)
  if (features.subscription_cancel.mode !== mode)
    throw invalidRequest(
      mode === 'immediately'
        ? 'This portal cancels subscriptions at the end of their period.'
        : 'This portal cancels subscriptions at once.',
    )
  return portalCancel(engine, id, subscription, mode)
}

function formatPrice(price: Subscription['items']['data'][number]['price']): string {
  const { interval = 'month', interval_count: count = 1 } = price.recurring ?? {}
  const every = count > 1 ? `every ${count} ${interval}s` : `per ${interval}`
  return `${formatAmount(Number(price.unit_amount_decimal ?? 0), price.currency)} ${every}`
}

function renderInvoices(engine: Engine, session: PortalSession): Html {
  const found = engine.store
    .list('invoice')
    .filter((item) => item.customer === session.customer && item.number)
  return html`<section aria-labelledby="invoices"><h2 id="invoices">Invoices</h2>
    ${
      found.length === 0
        ? html`<p class="soft">There are no invoices yet.</p>`
        : html`<table><tbody>${found.map(
            (
              invoice,
            ) => html`<tr><th scope="row">${formatDay(invoice.created)}<br><a href="/i/${invoice.id}">${invoice.number}</a></th>
            <td>${formatAmount(invoice.total, invoice.currency)} <span class="status">${invoice.status}</span></td></tr>`,
          )}</tbody></table>`
    }
  </section>`
}

/** `POST /p/session/:id` */
export function submitPortal(engine: Engine, id: string, form: URLSearchParams): PageAnswer {
  const subscription = form.get('subscription') ?? ''
  const actions: Record<string, () => unknown> = {
    cancel: () => cancelAsOffered(engine, id, subscription, 'at_period_end'),
    cancel_now: () => cancelAsOffered(engine, id, subscription, 'immediately'),
    renew: () => portalRenew(engine, id, subscription),
    change: () => portalChangePlan(engine, id, subscription, form.get('price') ?? ''),
    resume: () => portalResume(engine, id, subscription),
    confirm: () => portalConfirm(engine, id),
    method: () => {
      const card = form.get('card') ?? ''
      const method = createPaymentMethod(engine, methodOfToken(card) ?? methodOfNumber(card), {})
      portalUpdateMethod(engine, id, method.id)
    },
  }
  if (!engine.store.get('billing_portal.session', id)) return showPortal(engine, id)
  try {
    actions[form.get('action') ?? '']?.()
    return afterCompletion(engine, id)
  } catch (error) {
    if (error instanceof StripeFailure) return showPortal(engine, id, error.message)
    throw error
  }
}
