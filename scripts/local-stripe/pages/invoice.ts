/** The pages of `hosted_invoice_url` and `receipt_url`. */
import type { Engine } from '../core/engine.ts'
import { formatAmount } from '../core/money.ts'
import { type PageAnswer, renderNotice } from './checkout.ts'
import { formatDay, html, renderPage } from './html.ts'

/** `GET /i/:invoice` */
export function showInvoice(engine: Engine, id: string): PageAnswer {
  const invoice = engine.store.get('invoice', id)
  if (!invoice) return renderNotice(404, 'There is no such invoice', 'The address may be mistyped.', null)
  const { currency } = invoice
  const discount = invoice.subtotal + invoice.amount_shipping - invoice.total
  const payment = engine.store.list('invoice_payment').find((item) => item.invoice === id)
  const intent = engine.store.get('payment_intent', payment?.payment.payment_intent ?? '')
  const body = html`<section class="card" aria-labelledby="invoice">
    <h1 id="invoice">Invoice ${invoice.number ?? 'in draft'}</h1>
    <p><span class="status">${invoice.status}</span> <span class="soft">${formatDay(invoice.created)} · ${invoice.customer_email}</span></p>
    <table>
      <tbody>${invoice.lines.data.map(
        (line) =>
          html`<tr><th scope="row">${line.description}</th><td>${formatAmount(line.amount, currency)}</td></tr>`,
      )}</tbody>
      <tfoot>
        ${discount !== 0 && html`<tr><th scope="row">Discount</th><td>−${formatAmount(discount, currency)}</td></tr>`}
        ${invoice.amount_shipping > 0 && html`<tr><th scope="row">Shipping</th><td>${formatAmount(invoice.amount_shipping, currency)}</td></tr>`}
        <tr><th scope="row">Total</th><td>${formatAmount(invoice.total, currency)}</td></tr>
        <tr><th scope="row">Due</th><td>${formatAmount(invoice.amount_remaining, currency)}</td></tr>
      </tfoot>
    </table>
    ${intent?.status === 'requires_action' && html`<p><a href="/3ds/${intent.id}">Confirm the payment</a></p>`}
  </section>`
  return { status: 200, body: renderPage('Invoice – Local Stripe', body) }
}

/** `GET /receipts/:charge` */
export function showReceipt(engine: Engine, id: string): PageAnswer {
  const charge = engine.store.get('charge', id)
  if (!charge) return renderNotice(404, 'There is no such receipt', 'The address may be mistyped.', null)
  const refunded =
    charge.amount_refunded > 0
      ? `, of which ${formatAmount(charge.amount_refunded, charge.currency)} was refunded`
      : ''
  const text = `${formatAmount(charge.amount, charge.currency)} paid on ${formatDay(charge.created)}${refunded}.`
  return renderNotice(200, 'Receipt', text, null)
}
