/** Amounts as people write them, with the digits that the currency has at Stripe. */
import { minorDigits } from '../../core/currency.ts'

const formats = new Map<string, Intl.NumberFormat>()

function formatOf(currency: string): Intl.NumberFormat {
  const known = formats.get(currency)
  if (known) return known
  const digits = minorDigits(currency)
  const made = new Intl.NumberFormat(undefined, {
    style: 'currency',
    currency: currency.toUpperCase(),
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
  formats.set(currency, made)
  return made
}

/** 1900 eur is €19.00, 500 jpy is ¥500, 1234 kwd is KWD 1.234. Without a currency the number itself. */
export function formatMoney(amount: number | null | undefined, currency: string | null | undefined): string {
  if (typeof amount !== 'number') return '–'
  if (typeof currency !== 'string' || !/^[a-z]{3}$/i.test(currency)) return String(amount)
  return formatOf(currency.toLowerCase()).format(amount / 10 ** minorDigits(currency))
}

/**
 * A decimal amount that a person typed, in the minor unit; null if it is none, or has more digits than the currency.
 */
export function parseMoney(text: string, currency: string): number | null {
  const digits = minorDigits(currency)
  const match = /^(\d{1,12})(?:[.,](\d{1,3}))?$/.exec(text.trim())
  if (!match) return null
  const [, whole = '', fraction = ''] = match
  if (fraction.length > digits) return null
  return Number(whole + fraction.padEnd(digits, '0'))
}

/** The amount as it is typed into a field: 1900 eur is 19.00. */
export function plainMoney(amount: number, currency: string): string {
  const digits = minorDigits(currency)
  return (amount / 10 ** digits).toFixed(digits)
}
