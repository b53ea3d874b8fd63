/** An amount in the currency's minor unit as people write it: `1400`, `usd` is `$14.00`. */
export function money(amount: number | string | bigint | null, currency: string | null): string {
  if (amount === null || currency === null) return '–'
  const format = new Intl.NumberFormat('en-US', { style: 'currency', currency: currency.toUpperCase() })
  return format.format(Number(amount) / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2))
}
