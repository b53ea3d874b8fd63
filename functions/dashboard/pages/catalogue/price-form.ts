import type { CreateStripePriceRequest } from '../../../../types/api.ts'
import { parseMoney } from '../../format/money.ts'
import { texts } from '../../texts.ts'

const t = texts.catalogue

export type PriceValues = {
  amount: string
  currency: string
  interval: string
  intervalCount: string
  lookupKey: string
  taxBehavior: string
}

export const EMPTY_PRICE: PriceValues = {
  amount: '',
  currency: 'eur',
  interval: 'once',
  intervalCount: '1',
  lookupKey: '',
  taxBehavior: '',
}

export type PriceProblems = Partial<Record<keyof PriceValues, string>>
type Interval = NonNullable<CreateStripePriceRequest['recurring']>['interval']

/** The request that the form makes, or what is wrong with it. Everything else is decided by Stripe. */
export function requestOf(
  values: PriceValues,
  productId: string,
): { body: CreateStripePriceRequest } | { problems: PriceProblems } {
  const currency = values.currency.trim().toLowerCase()
  const problems: PriceProblems = {}
  if (!/^[a-z]{3}$/.test(currency)) problems.currency = t.currencyWrong
  const unitAmount = parseMoney(values.amount, currency)
  if (unitAmount === null) problems.amount = t.amountWrong
  if (Object.keys(problems).length > 0 || unitAmount === null) return { problems }
  const { interval, intervalCount, lookupKey, taxBehavior } = values
  return {
    body: {
      productId,
      currency,
      unitAmount,
      ...(interval === 'once'
        ? {}
        : { recurring: { interval: interval as Interval, intervalCount: Number(intervalCount) || 1 } }),
      ...(lookupKey.trim() === '' ? {} : { lookupKey: lookupKey.trim() }),
      ...(taxBehavior === '' ? {} : { taxBehavior: taxBehavior as CreateStripePriceRequest['taxBehavior'] }),
    },
  }
}
