/**
 * Connects payments, invoices and subscriptions. Each listens to the one before it: payments ← invoices ←
 * subscriptions.
 */
import { createBareEngine, type Engine, type EngineOptions } from './core/engine.ts'
import { disputeCharge } from './resources/disputes.ts'
import { connectPlannedWork } from './resources/planned-work.ts'
import { finishCheckout, finishInvoice } from './resources/settlement.ts'
import { activateSubscription, failSubscription } from './resources/subscription-state.ts'

/**
 * Makes an empty account in one mode. The order of the listeners is part of the behaviour. The invoice of a payment
 * changes before its checkout session, and the events have that order.
 */
export function createEngine(options: EngineOptions = {}): Engine {
  const engine = createBareEngine(options)
  engine.listen('paymentFinished', (intent, succeeded) => finishInvoice(engine, intent, succeeded))
  engine.listen('paymentFinished', (intent, succeeded) => finishCheckout(engine, intent, succeeded))
  engine.listen('chargeBooked', (charge) => disputeCharge(engine, charge))
  engine.listen('invoicePaid', (invoice) => activateSubscription(engine, invoice))
  engine.listen('invoiceUnpaid', (invoice) => failSubscription(engine, invoice))
  connectPlannedWork(engine)
  return engine
}
