/** Automatic tax: one rate for everything, once `control.setTaxRate` has set it (https://docs.stripe.com/tax). */
import type { Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import type { Invoice } from '../core/types.ts'

/** @throws the error of an account without tax settings */
export function requireTaxSettings(engine: Engine, automaticTax: { enabled: boolean } | undefined): boolean {
  if (!automaticTax?.enabled) return false
  if (engine.tax.percent !== null) return true
  throw invalidRequest(
    'You must have a valid head office address to enable automatic tax calculation in test mode. Visit https://dashboard.stripe.com/test/settings/tax to update it.',
    { param: 'automatic_tax' },
  )
}

/** The tax on an amount, which does not contain it. */
export function taxOn(engine: Engine, amount: number): number {
  return Math.round((amount * (engine.tax.percent ?? 0)) / 100)
}

export const TAXED: Invoice['automatic_tax'] = {
  disabled_reason: null,
  enabled: true,
  liability: { type: 'self' },
  provider: 'stripe',
  status: 'complete',
}

/** A tax as invoices and their lines show it. */
export function shownTax(amount: number, taxable: number): Invoice['total_taxes'] {
  return [
    {
      amount,
      tax_behavior: 'exclusive',
      tax_rate_details: null,
      taxability_reason: 'standard_rated',
      taxable_amount: taxable,
      type: 'tax_rate_details',
    },
  ]
}
