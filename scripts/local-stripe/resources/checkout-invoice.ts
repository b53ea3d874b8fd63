/**
 * The invoice of a one-time payment with `invoice_creation`. It is made and paid after the payment
 * (https://docs.stripe.com/payments/checkout/receipts#paid-invoices).
 */
import type { Engine } from '../core/engine.ts'
import { chargedQuantity } from '../core/plan.ts'
import type { CheckoutSession, Invoice, PaymentIntent } from '../core/types.ts'
import { draftInvoice, finalizeInvoice, type NewLine } from './invoicing.ts'

/** Makes the paid invoice of a session whose payment has succeeded, or returns null without `invoice_creation`. */
export function invoiceOnce(
  engine: Engine,
  session: CheckoutSession,
  intent: PaymentIntent,
  customer: string | null,
): Invoice | null {
  if (!session.invoice_creation?.enabled || customer === null) return null
  const { invoice_data: data } = session.invoice_creation
  const now = engine.now(customer)
  const lines = (engine.sessions.get(session.id)?.lineItems ?? []).map(
    (item): NewLine => ({
      amount: item.amount_subtotal,
      description: item.description ?? '',
      price: item.price,
      quantity: chargedQuantity(item.price, item.quantity),
      period: { start: now, end: now },
    }),
  )
  const invoice = draftInvoice(engine, {
    customer,
    currency: intent.currency,
    lines,
    billingReason: 'manual',
    description: data.description,
    metadata: data.metadata ?? {},
    discount: engine.store.list('discount').find((item) => item.checkout_session === session.id),
    taxed: engine.sessions.get(session.id)?.taxed,
    shippingCost: session.shipping_cost,
    shown: { custom_fields: data.custom_fields, footer: data.footer },
  })
  return finalizeInvoice(engine, invoice, intent)
}
