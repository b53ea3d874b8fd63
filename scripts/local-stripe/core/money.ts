/** How amounts are written, and how small a payment may be. For some currencies Stripe's minor unit is not `Intl`'s. */
import { invalidRequest } from './errors.ts'

/** https://docs.stripe.com/currencies#zero-decimal, without UGX and ISK, whose amounts have two decimals in the API. */
const ZERO_DECIMAL = /^(bif|clp|djf|gnf|jpy|kmf|krw|mga|pyg|rwf|vnd|vuv|xaf|xof|xpf)$/i
/** https://docs.stripe.com/currencies#three-decimal */
const THREE_DECIMAL = /^(bhd|jod|kwd|omr|tnd)$/i

/**
 * Smallest payment in minor units, by currency (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
 * Currencies that are not listed have the default.
 */
const AMOUNT_MIN_DEFAULT = 50
const AMOUNT_MIN: Record<string, number> = {
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

/** Writes an amount in minor units: 1900 eur is €19.00, 500 jpy is ¥500. */
export function formatAmount(amount: number, currency: string): string {
  if (!/^[a-z]{3}$/i.test(currency)) return String(amount)
  const digits = ZERO_DECIMAL.test(currency) ? 0 : THREE_DECIMAL.test(currency) ? 3 : 2
  const format = new Intl.NumberFormat('en-US', {
    style: 'currency',
    currency: currency.toUpperCase(),
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
  return format.format(amount / 10 ** digits)
}

/** @throws 400 `amount_too_small` when a payment is not free and below the smallest possible one */
export function checkPayable(amount: number, currency: string, param: string, subject = 'Amount'): void {
  const least = AMOUNT_MIN[currency] ?? AMOUNT_MIN_DEFAULT
  if (amount === 0 || amount >= least) return
  throw invalidRequest(`${subject} must be at least ${formatAmount(least, currency)} ${currency}`, {
    code: 'amount_too_small',
    param,
  })
}
