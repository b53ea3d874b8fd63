/**
 * The pages of the shop, and their live parts, which change while a page is open. Every value in a template is escaped.
 */
import { html, raw } from 'hono/html'
import { type Catalogue, GIFT_CODE } from './catalogue.ts'
import { money } from './money.ts'
import { type LedgerRow, type Order, type Team, type Transaction, total, type View } from './store.ts'

type Html = ReturnType<typeof html>

export type User = 'ada' | 'bob' | 'guest'

export const USERS: Record<User, { name: string; is: string }> = {
  ada: { name: 'Ada', is: 'owner of the team Acme' },
  bob: { name: 'Bob', is: 'not in the team' },
  guest: { name: 'Guest', is: 'not signed in' },
}

/** The team that the shop's team plan is for. */
export const TEAM = 'acme'

export type Context = {
  user: User
  catalogue: Catalogue
  apiUrl: string
  /** Whether the hosted pages are local Stripe's. */
  local: boolean
}

/** The shop window, and behind the counter the rows of the database. */
export function shopPage(
  context: Context,
  view: View,
  coffee: { name: string; amount: string; currency: string },
): Html {
  const body = html`
    <section class="hero">
      <h1>Coffee for the house,<br>and for the whole office.</h1>
      <p>Small roasts, sent the day they cool. Pay on a hosted page, and watch the rows in this app’s own Postgres.</p>
    </section>
    <section class="products" aria-label="Products">
      <article class="card product">
        ${bag()}
        <div class="text">
          <h2>${coffee.name}</h2>
          <p class="soft">Chocolate, hazelnut, a little orange. A one-time purchase, for anyone.</p>
          <p class="price">${money(coffee.amount, coffee.currency)}</p>
          <form data-action="buy" class="buy">
            <div class="fields">
              <label>Bags <input name="quantity" type="number" min="1" max="9" value="1" required></label>
              <label>Gift code <input name="code" autocomplete="off" maxlength="40" placeholder="${GIFT_CODE}"></label>
            </div>
            <button>Buy now</button>
            <p class="problem" role="alert"></p>
          </form>
        </div>
      </article>
      <article class="card product" id="team">
        ${cups()}
        <div class="text">
          <h2>Office coffee</h2>
          <p class="soft">A monthly plan for the team Acme. Its owners may bill it; a policy in Postgres says so.</p>
          <div data-live="plan">${planPart(context, view.teams)}</div>
          <p class="problem" role="alert"></p>
        </div>
      </article>
    </section>
    ${hints(context)}
    <section class="counter" aria-labelledby="counter">
      <div class="headline">
        <h2 id="counter">Behind the counter</h2>
        <p class="soft">Live from Postgres <span class="pulse" data-connection aria-hidden="true"></span></p>
      </div>
      <div class="ledgers">
        ${panel('Orders', 'public.orders', 'orders', ordersPart(view.orders))}
        ${panel('Team access', 'public.team_plans', 'teams', teamsPart(context, view.teams))}
        ${panel('Transactions', 'payments.transactions', 'transactions', transactionsPart(view.transactions))}
        ${panel('Ledger', 'payments.webhook_events', 'ledger', ledgerPart(view.ledger))}
      </div>
    </section>`
  return layout(context, 'Fernhill Coffee', body)
}

/** The page to which the hosted page sends the buyer; it shows the order live. */
export function orderPage(context: Context, order: Order, canceled: boolean): Html {
  const body = html`
    <section class="card receipt" data-live="order" data-order="${order.id}" aria-live="polite">
      ${orderPart(order, canceled)}
    </section>
    <p class="center"><a href="/">← Back to the shop</a></p>`
  return layout(context, `Order ${shortId(order.id)} – Fernhill Coffee`, body)
}

export function notFoundPage(context: Context): Html {
  const body = html`<section class="card receipt"><h1>There is nothing here</h1>
    <p class="soft">The address may be mistyped.</p><p><a href="/">Go to the shop</a></p></section>`
  return layout(context, 'Not found – Fernhill Coffee', body)
}

/** The HTML of each live part of the page, by its name. */
export function liveParts(
  context: Context,
  view: View,
  order: { order: Order; canceled: boolean } | undefined,
): Record<string, Html> {
  if (order) return { order: orderPart(order.order, order.canceled) }
  return {
    plan: planPart(context, view.teams),
    orders: ordersPart(view.orders),
    teams: teamsPart(context, view.teams),
    transactions: transactionsPart(view.transactions),
    ledger: ledgerPart(view.ledger),
  }
}

function layout({ user, apiUrl, catalogue }: Context, title: string, body: Html): Html {
  const choice = (id: User) => html`
    <button name="user" value="${id}" ${id === user ? raw('aria-pressed="true"') : raw('aria-pressed="false"')}
      title="${USERS[id].name}, ${USERS[id].is}">${USERS[id].name}</button>`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="/shop.svg" type="image/svg+xml">
<link rel="stylesheet" href="/shop.css">
<script type="module" src="/shop.js"></script>
</head>
<body data-api-url="${apiUrl}" data-portal-configuration="${catalogue.portalConfiguration}">
<header class="top">
  <a class="brand" href="/"><img src="/shop.svg" alt="" width="28" height="28">Fernhill Coffee</a>
  <form class="who" method="post" action="/sign-in">
    <span id="who">${USERS[user].is.replace(/^./, (first) => first.toUpperCase())}</span>
    <span class="choices" role="group" aria-label="Switch user">${(Object.keys(USERS) as User[]).map(choice)}</span>
  </form>
</header>
<main>${body}</main>
<footer>A demo of pg-payments. No real money moves and no coffee is sent.</footer>
</body>
</html>`
}

function panel(title: string, table: string, live: string, content: Html): Html {
  return html`<div class="card panel ${live}">
    <h3>${title} <code>${table}</code></h3>
    <div data-live="${live}" class="scroll" tabindex="0" role="region" aria-label="${title}">${content}</div>
  </div>`
}

function hints({ local }: Context): Html {
  const bank = local
    ? html`<li><b>US bank account</b> or <b>SEPA debit</b> is pending for some seconds, then paid</li>`
    : ''
  return html`<details class="card hints" open>
    <summary>What to try</summary>
    <ul>
      <li><code>4242 4242 4242 4242</code> pays; any expiry in the future, any CVC</li>
      <li><code>4000 0000 0000 0002</code> is declined, and the order stays pending</li>
      ${bank}
      <li>The gift code <code>${GIFT_CODE}</code> takes 100 % off</li>
      <li>As <b>Ada</b>, put Acme on a plan, change it in the portal, cancel it there</li>
      <li>As <b>Bob</b>, try the same: row level security refuses</li>
    </ul>
  </details>`
}

function planPart({ catalogue }: Context, teams: Team[]): Html {
  const current = teams.find(({ teamId }) => teamId === TEAM)
  const plan = catalogue.plans.find((candidate) => candidate.plan === current?.plan)
  const portal = html`<form data-action="portal" data-team="${TEAM}"><button class="quiet">Manage billing</button></form>`
  if (plan) {
    return html`<p class="has">Acme is on <b>${plan.name}</b>, ${plan.serves}.
      ${current?.endsAt ? `It ends on ${day(current.endsAt)}.` : `Paid until ${day(current?.validUntil ?? null)}.`}</p>${portal}`
  }
  return html`<form data-action="subscribe" data-team="${TEAM}">
      <fieldset><legend class="hidden">Plan</legend>${catalogue.plans.map(
        ({ priceId, name, amount, currency, serves }, position) => html`
        <label class="choice"><input type="radio" name="price" value="${priceId}" ${position === 0 ? raw('checked') : ''}>
          <span><b>${name}</b> <span class="soft">${serves}</span></span>
          <span class="monthly">${money(amount, currency)}<span class="soft"> a month</span></span></label>`,
      )}</fieldset>
      <button>Subscribe Acme</button>
    </form>${portal}`
}

function ordersPart(orders: Order[]): Html {
  if (orders.length === 0) return empty('No orders yet.')
  return html`<table>
    <thead><tr><th>Order</th><th>Buyer</th><th class="number">Amount</th><th>Status</th><th><span class="hidden">Refund</span></th></tr></thead>
    <tbody>${orders.map(
      (order) => html`<tr>
      <td><a href="/orders/${order.id}"><code>${shortId(order.id)}</code></a></td>
      <td>${order.userId ?? 'guest'}</td>
      <td class="number">${total(order)}</td>
      <td>${badge(order.status)}</td>
      <td>${
        order.status === 'paid' && order.paymentIntentId !== null
          ? html`<form data-action="refund" data-order="${order.id}"><button class="small"
            aria-label="Refund order ${shortId(order.id)}">Refund</button></form>`
          : ''
      }</td></tr>`,
    )}</tbody></table>`
}

function teamsPart({ catalogue }: Context, teams: Team[]): Html {
  return html`<table>
    <thead><tr><th>Team</th><th>Access</th><th>Until</th></tr></thead>
    <tbody>${teams.map(
      ({ teamId, plan, validUntil, endsAt }) => html`<tr>
      <td>${teamId}</td>
      <td>${plan === null ? badge('none') : html`<span class="badge good">${catalogue.plans.find((one) => one.plan === plan)?.name ?? plan}</span>`}</td>
      <td>${endsAt ? html`ends ${day(endsAt)}` : day(validUntil)}</td></tr>`,
    )}</tbody></table>`
}

function transactionsPart(transactions: Transaction[]): Html {
  if (transactions.length === 0) return empty('No payments yet.')
  return html`<table>
    <thead><tr><th>Payment</th><th>Of</th><th class="number">Amount</th><th>Status</th></tr></thead>
    <tbody>${transactions.map(
      ({ type, subject, amount, amountRefunded, currency, status }) => html`<tr>
      <td>${type.replaceAll('_', ' ')}</td>
      <td>${subject ?? 'guest'}</td>
      <td class="number">${money(amount, currency)}${
        Number(amountRefunded) > 0
          ? html`<br><span class="soft">−${money(amountRefunded, currency)}</span>`
          : ''
      }</td>
      <td>${badge(status)}</td></tr>`,
    )}</tbody></table>`
}

function ledgerPart(ledger: LedgerRow[]): Html {
  if (ledger.length === 0) return empty('No webhooks yet.')
  return html`<table>
    <thead><tr><th>Time</th><th>Event</th><th>Status</th></tr></thead>
    <tbody>${ledger.map(
      ({ eventType, status, attempts, lastError, receivedAt }) => html`<tr>
      <td><time datetime="${receivedAt.toISOString()}">${receivedAt.toISOString().slice(11, 19)}</time></td>
      <td><code>${eventType}</code>${lastError === null ? '' : html`<br><span class="bad">${lastError}</span>`}</td>
      <td>${badge(status)}${attempts > 1 ? html` <span class="soft">× ${attempts}</span>` : ''}</td></tr>`,
    )}</tbody></table>`
}

const ORDER_TEXTS: Record<Order['status'], { title: string; text: string }> = {
  pending: {
    title: 'Waiting for the payment',
    text: 'This page changes by itself as soon as the money has arrived. There is no need to reload it.',
  },
  paid: { title: 'Thank you, it is paid', text: 'Your coffee is being packed.' },
  refunded: { title: 'Refunded', text: 'The whole amount is on its way back to you.' },
  mismatched: {
    title: 'We have to check this order',
    text: 'The payment does not match the order, so we sent nothing. Please write to us.',
  },
}

function orderPart(order: Order, canceled: boolean): Html {
  const left = canceled && order.status === 'pending'
  const said = left
    ? {
        title: 'Not paid',
        text: 'You left the payment page. Nothing was charged, and the order is still here.',
      }
    : ORDER_TEXTS[order.status]
  return html`
    <p>${badge(order.status)}</p>
    <h1>${said.title}</h1>
    <p class="soft">${said.text}</p>
    <dl>
      <div><dt>Order</dt><dd><code>${shortId(order.id)}</code></dd></div>
      <div><dt>Item</dt><dd>${order.quantity} × ${order.product ?? order.priceId}</dd></div>
      <div><dt>Price</dt><dd>${total(order)}</dd></div>
      <div><dt>Buyer</dt><dd>${order.userId ?? 'guest'}</dd></div>
    </dl>
    ${
      left
        ? html`<form data-action="resume" data-order="${order.id}"><button>Resume payment</button>
      <p class="problem" role="alert"></p></form>`
        : ''
    }`
}

const TONES: Record<string, string> = {
  paid: 'good',
  succeeded: 'good',
  processed: 'good',
  pending: 'wait',
  partially_refunded: 'wait',
  failed: 'bad',
  mismatched: 'bad',
}

function badge(status: string): Html {
  return html`<span class="badge ${TONES[status] ?? ''}">${status.replaceAll('_', ' ')}</span>`
}

const empty = (text: string) => html`<p class="soft empty">${text}</p>`
const shortId = (id: string) => id.slice(0, 8)

function day(date: Date | null): string {
  return date === null
    ? '–'
    : new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' }).format(date)
}

function bag(): Html {
  return html`<svg class="picture" viewBox="0 0 120 120" aria-hidden="true">
    <path d="M34 30h52l8 76H26z" class="a"/><path d="M34 18h52v14H34z" class="b"/>
    <path d="M44 58h32v30H44z" class="c"/><path d="M60 64c8 4 8 14 0 18c-8-4-8-14 0-18z" class="a"/></svg>`
}

function cups(): Html {
  return html`<svg class="picture" viewBox="0 0 120 120" aria-hidden="true">
    <path d="M16 52h40v26a14 14 0 0 1-14 14H30a14 14 0 0 1-14-14z" class="a"/>
    <path d="M64 40h40v38a14 14 0 0 1-14 14H78a14 14 0 0 1-14-14z" class="b"/>
    <path d="M10 96h100v6H10z" class="c"/>
    <path d="M28 44c-4-6 4-8 0-14M40 44c-4-6 4-8 0-14M78 32c-4-6 4-8 0-14M90 32c-4-6 4-8 0-14" class="line"/></svg>`
}
