/** What hangs on a payment — an invoice, a checkout session — hears here how it ended. */
import { change, type Engine } from '../core/engine.ts'
import type { PaymentIntent } from '../core/types.ts'
import { markFailed, markPaid } from './invoicing.ts'

/** Tells that a payment succeeded or failed after it had been started. */
export function paymentSettled(engine: Engine, intent: PaymentIntent, succeeded: boolean): void {
  const payment = engine.store
    .list('invoice_payment')
    .find((item) => item.payment.payment_intent === intent.id)
  const invoice = payment && engine.store.get('invoice', payment.invoice)
  if (invoice?.status === 'open') {
    if (succeeded) markPaid(engine, invoice)
    else markFailed(engine, invoice)
  }
  const session = engine.store
    .list('checkout.session')
    .find(
      (candidate) => candidate.payment_intent === intent.id || (invoice && candidate.invoice === invoice.id),
    )
  if (session?.status === 'complete' && session.payment_status === 'unpaid') {
    if (succeeded)
      change(engine, session, { payment_status: 'paid' }, 'checkout.session.async_payment_succeeded')
    else engine.emit('checkout.session.async_payment_failed', session)
  }
}
