/** Amounts in minor units: how they are written, and how small a payment may be. */
import { invalidRequest } from './errors.ts'

/** An amount as people write it in its currency, such as `$10.00`. */
export function money(amount: number, currency: string): string {
  const format = new Intl.NumberFormat('en-US', { style: 'currency', currency: currency.toUpperCase() })
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2))
}

/** The smallest payment in a currency, where it is not 50 (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts). */
const smallest: Record<string, number> = {
  czk: 1500,
  dkk: 250,
  gbp: 30,
  hkd: 400,
  huf: 17500,
  mxn: 1000,
  nok: 300,
  pln: 200,
  sek: 300,
}

/** @throws 400 `amount_too_small` when a payment is not free and yet below the smallest one that is possible */
export function checkPayable(amount: number, currency: string, param: string, subject = 'Amount'): void {
  const least = smallest[currency] ?? 50
  if (amount === 0 || amount >= least) return
  throw invalidRequest(`${subject} must be at least ${money(least, currency)} ${currency}`, {
    code: 'amount_too_small',
    param,
  })
}
