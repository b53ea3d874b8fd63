/** Amounts as people write them. */
import { minorDigits } from '../../../functions/core/currency.ts'

/** Minor units as people write them: 1900 eur is €19.00, 500 jpy is ¥500. */
export function money(amount: number, currency: string): string {
  if (!/^[a-z]{3}$/i.test(currency)) return String(amount)
  const digits = minorDigits(currency)
  const format = new Intl.NumberFormat('en-US', {
    style: 'currency',
    currency: currency.toUpperCase(),
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
  return format.format(amount / 10 ** digits)
}
