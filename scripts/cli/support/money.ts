/** Amounts as people write them. The minor unit is Stripe's, which differs from that of `Intl` for some currencies. */

/**
 * https://docs.stripe.com/currencies#zero-decimal, without UGX and ISK, whose amounts have two decimals nevertheless.
 */
const ZERO_DECIMAL = /^(bif|clp|djf|gnf|jpy|kmf|krw|mga|pyg|rwf|vnd|vuv|xaf|xof|xpf)$/i
/** https://docs.stripe.com/currencies#three-decimal */
const THREE_DECIMAL = /^(bhd|jod|kwd|omr|tnd)$/i

/** Minor units as people write them: 1900 eur is €19.00, 500 jpy is ¥500. */
export function money(amount: number, currency: string): string {
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
