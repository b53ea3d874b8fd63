import { money as moneyOf } from '../cli/support/money.ts'

/** Formats an amount in the currency's minor unit: `1400`, `usd` is `$14.00`. */
export function money(amount: number | string | bigint | null, currency: string | null): string {
  if (amount === null || currency === null) return '–'
  return moneyOf(Number(amount), currency)
}
