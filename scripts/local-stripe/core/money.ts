/** How amounts are written, and how small, how large and how exact a payment may be. For some currencies Stripe's minor unit is not `Intl`'s. */
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

/** How Stripe calls the amount of a checkout session. */
export const TOTAL_DUE = "The Checkout Session's total amount due"

/** Eight digits, and twelve for IDR (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts). */
const AMOUNT_MAX = 99_999_999
export const AMOUNT_MAX_IDR = 999_999_999_999
export const amountMaxOf = (currency: string): number => (currency === 'idr' ? AMOUNT_MAX_IDR : AMOUNT_MAX)

/** The last digit of a three-decimal amount must be 0 (https://docs.stripe.com/currencies#three-decimal). */
const THREE_DECIMAL_STEP = 10
/** Currencies without decimals whose amounts have two (https://docs.stripe.com/currencies#special-cases). */
const TWO_ZEROS = /^(isk|ugx)$/i
const TWO_ZEROS_STEP = 100

/** @throws 400 `amount_too_large` when a payment has more digits than Stripe takes */
export function checkNotTooLarge(amount: number, currency: string, param: string, subject = 'Amount'): void {
  const most = amountMaxOf(currency)
  if (amount <= most) return
  throw invalidRequest(`${subject} must be no more than ${formatAmount(most, currency)}`, {
    code: 'amount_too_large',
    param,
  })
}

/** @throws 400 when an amount has a fraction that no payment in its currency can have */
export function checkFraction(amount: number, currency: string, param: string): void {
  const step = THREE_DECIMAL.test(currency)
    ? THREE_DECIMAL_STEP
    : TWO_ZEROS.test(currency)
      ? TWO_ZEROS_STEP
      : 1
  if (amount % step === 0) return
  throw invalidRequest(`Invalid amount: ${amount}. An amount in ${currency} must be a multiple of ${step}.`, {
    code: 'parameter_invalid_integer',
    param,
  })
}

/** @throws 400 when a payment is too large, or is not free and below the smallest possible one */
export function checkPayable(amount: number, currency: string, param: string, subject = 'Amount'): void {
  checkNotTooLarge(amount, currency, param, subject)
  const least = AMOUNT_MIN[currency] ?? AMOUNT_MIN_DEFAULT
  if (amount === 0 || amount >= least) return
  throw invalidRequest(`${subject} must be at least ${formatAmount(least, currency)} ${currency}`, {
    code: 'amount_too_small',
    param,
  })
}
