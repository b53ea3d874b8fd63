/** What a finished payment changes: the invoice and the checkout session that it belongs to. */
import { change, type Engine } from '../core/engine.ts'
import type { Invoice, PaymentIntent } from '../core/types.ts'
import { invoiceOnce } from './checkout-invoice.ts'
import { markFailed, markPaid } from './invoicing.ts'

/** Marks the open invoice of a finished payment as paid or failed. */
export function finishInvoice(engine: Engine, intent: PaymentIntent, succeeded: boolean): void {
  const invoice = invoiceOf(engine, intent)
  if (invoice?.status !== 'open') return
  if (succeeded) markPaid(engine, invoice)
  else markFailed(engine, invoice)
}

/** Marks the complete checkout session of a finished asynchronous payment as paid, or emits its failure. */
export function finishCheckout(engine: Engine, intent: PaymentIntent, succeeded: boolean): void {
  const invoice = invoiceOf(engine, intent)
  const session = engine.store
    .list('checkout.session')
    .find(
      (candidate) => candidate.payment_intent === intent.id || (invoice && candidate.invoice === invoice.id),
    )
  if (session?.status !== 'complete' || session.payment_status !== 'unpaid') return
  if (succeeded) {
    const made = session.invoice ? null : invoiceOnce(engine, session, intent, session.customer)
    const changes = { payment_status: 'paid', ...(made ? { invoice: made.id } : {}) }
    change(engine, session, changes, 'checkout.session.async_payment_succeeded')
  } else engine.emit('checkout.session.async_payment_failed', session)
}

function invoiceOf(engine: Engine, intent: PaymentIntent): Invoice | undefined {
  const payment = engine.store
    .list('invoice_payment')
    .find((item) => item.payment.payment_intent === intent.id)
  return payment && engine.store.get('invoice', payment.invoice)
}
