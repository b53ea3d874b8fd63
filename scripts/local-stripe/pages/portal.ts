/** The Billing Portal page: a customer's subscriptions and invoices, and the actions on them. */
import type { Engine } from '../core/engine.ts'
import { invalidRequest, StripeFailure } from '../core/errors.ts'
import { formatAmount } from '../core/money.ts'
import type { PortalSession, Subscription } from '../core/types.ts'
import {
  offeredPrices,
  portalCancel,
  portalChangePlan,
  portalRenew,
  portalResume,
} from '../resources/portal.ts'
import { type PageAnswer, renderNotice } from './checkout.ts'
import { formatDay, type Html, html, renderPage, safeUrl } from './html.ts'

/** `GET /p/session/:id` */
export function showPortal(engine: Engine, id: string, problem?: string): PageAnswer {
  const session = engine.store.get('billing_portal.session', id)
  if (!session)
    return renderNotice(404, 'There is no such portal session', 'Open the portal from the shop again.', null)
  const customer = engine.store.get('customer', session.customer)
  const subscriptions = engine.store.list('subscription').filter((item) => item.customer === session.customer)
  const running = subscriptions.filter((item) => item.ended_at === null)
  const ended = subscriptions.filter((item) => item.ended_at !== null)
  const back = safeUrl(session.return_url)
  const body = html`
    <header>
      <h1>Your billing</h1>
      <p class="soft">${customer?.email ?? customer?.name ?? session.customer}</p>
      ${back !== null && html`<p><a href="${back}">← Return to the shop</a></p>`}
      ${problem !== undefined && html`<p class="error" role="alert" tabindex="-1" autofocus>${problem}</p>`}
    </header>
    <section aria-labelledby="subscriptions">
      <h2 id="subscriptions">Subscriptions</h2>
      ${running.length === 0 && html`<p class="soft">There is no subscription at the moment.</p>`}
      ${running.map((subscription) => renderSubscription(engine, session, subscription))}
      ${ended.length > 0 && html`<p class="soft">Ended: ${ended.map((item) => nameOf(engine, item)).join(', ')}</p>`}
    </section>
    ${renderInvoices(engine, session)}`
  return { status: problem === undefined ? 200 : 400, body: renderPage('Billing – Local Stripe', body) }
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
  }
  if (!engine.store.get('billing_portal.session', id)) return showPortal(engine, id)
  try {
    actions[form.get('action') ?? '']?.()
    return { status: 303, location: `/p/session/${id}` }
  } catch (error) {
    if (error instanceof StripeFailure) return showPortal(engine, id, error.message)
    throw error
  }
}
