/**
 * Announcements from payments to invoices, and from invoices to subscriptions, so that imports run one way only.
 * Listeners run at once, in the order in which they were added, because the order of the events depends on it.
 */
import type { Charge, Invoice, PaymentIntent } from './types.ts'

/** The hooks, each with the arguments of its listeners. */
export interface Announcements {
  /** A payment that was confirmed, captured or processing has succeeded or failed. */
  paymentFinished: [intent: PaymentIntent, succeeded: boolean]
  /** The amount of a charge is on the account's balance. */
  chargeBooked: [charge: Charge]
  /** An invoice is paid, or its payment is processing. */
  invoicePaid: [invoice: Invoice]
  /** An attempt to collect an invoice has failed. */
  invoiceUnpaid: [invoice: Invoice]
}

export type HookName = keyof Announcements

export interface Hooks {
  /** Calls a function at each later announcement, after the listeners that were added before it. */
  listen<Name extends HookName>(name: Name, listener: (...args: Announcements[Name]) => void): void
  announce<Name extends HookName>(name: Name, ...args: Announcements[Name]): void
}

export function createHooks(): Hooks {
  const listeners: { [Name in HookName]: ((...args: Announcements[Name]) => void)[] } = {
    paymentFinished: [],
    chargeBooked: [],
    invoicePaid: [],
    invoiceUnpaid: [],
  }
  return {
    listen: (name, listener) => void listeners[name].push(listener),
    announce(name, ...args) {
      for (const listener of listeners[name]) listener(...args)
    },
  }
}
