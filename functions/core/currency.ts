/**
 * How many digits of an amount are after the point. Stripe's minor unit differs from that of `Intl` for some
 * currencies.
 */

/**
 * https://docs.stripe.com/currencies#zero-decimal, without UGX and ISK, whose amounts have two decimals nevertheless.
 */
const ZERO_DECIMAL = /^(bif|clp|djf|gnf|jpy|kmf|krw|mga|pyg|rwf|vnd|vuv|xaf|xof|xpf)$/i
/** https://docs.stripe.com/currencies#three-decimal */
const THREE_DECIMAL = /^(bhd|jod|kwd|omr|tnd)$/i

/**
 * The largest amount that any payment can have: 12 digits. Stripe judges below, because its limit depends on the way to
 * pay. Most cards take 12 digits in every currency. Other ways take 12 digits of idr, 10 of cop, 9 of inr and else 8.
 * See https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts.
 */
export const AMOUNT_MAX = 999_999_999_999

/** 2 for eur, 0 for jpy, 3 for kwd. */
export function minorDigits(currency: string): 0 | 2 | 3 {
  return ZERO_DECIMAL.test(currency) ? 0 : THREE_DECIMAL.test(currency) ? 3 : 2
}
