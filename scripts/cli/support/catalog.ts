/** What the commands about products and prices share: their paths, and how they are shown. */
import type { StripePrice, StripeProduct } from '../../../types/api.ts'
import { segment } from './client.ts'
import { cliError } from './errors.ts'
import { details, money, table } from './output.ts'

export const catalogPath = (environment: string, kind: 'products' | 'prices', id?: string) =>
  `/${environment}/catalog/${kind}${id === undefined ? '' : `/${segment(id)}`}`

export const stateOf = (active: boolean) => (active ? 'active' : 'archived')

export const productTable = (rows: StripeProduct[], width: number | undefined) =>
  table(
    [
      { title: 'PRODUCT', value: (row) => row.productId },
      { title: 'NAME', value: (row) => row.name, flexible: true },
      { title: 'STATE', value: (row) => stateOf(row.active) },
      { title: 'DEFAULT PRICE', value: (row) => row.defaultPriceId, flexible: true },
    ],
    rows,
    width,
  )

export const priceTable = (rows: StripePrice[], width: number | undefined) =>
  table(
    [
      { title: 'PRICE', value: (row) => row.priceId },
      { title: 'PRODUCT', value: (row) => row.productId, flexible: true },
      { title: 'AMOUNT', value: amountOf, align: 'right' },
      { title: 'LOOKUP KEY', value: (row) => row.lookupKey, flexible: true },
      { title: 'STATE', value: (row) => stateOf(row.active) },
    ],
    rows,
    width,
  )

function amountOf({ unitAmount, unitAmountDecimal, currency, ...price }: StripePrice): string {
  const chosen = [
    money(price.customUnitAmountMinimum, currency),
    money(price.customUnitAmountMaximum, currency),
  ]
  const amount = price.payWhatYouWant
    ? `what the buyer chooses, ${chosen.map((limit) => limit ?? 'any').join(' to ')}`
    : (money(unitAmount, currency) ?? `${unitAmountDecimal ?? '–'} ${currency}`)
  if (price.recurringInterval === null) return amount
  const { recurringInterval: interval, recurringIntervalCount: every } = price
  return every === null || every === 1 ? `${amount} a ${interval}` : `${amount} every ${every} ${interval}s`
}

export const productDetails = (product: StripeProduct) =>
  details([
    ['Product', product.productId],
    ['Name', product.name],
    ['Description', product.description],
    ['State', stateOf(product.active)],
    ['Default price', product.defaultPriceId],
    ['Metadata', JSON.stringify(product.metadata)],
  ])

export const priceDetails = (price: StripePrice) =>
  details([
    ['Price', price.priceId],
    ['Product', price.productId],
    ['Amount', amountOf(price)],
    ['State', stateOf(price.active)],
    ['Lookup key', price.lookupKey],
    ['Tax', price.taxBehavior],
    ['Metadata', JSON.stringify(price.metadata)],
  ])

/** Returns the request, and raises when it changes nothing. */
export function changes<Body extends object>(body: Body): Body {
  if (Object.values(body).some((value) => value !== undefined)) return body
  throw cliError('There is nothing to change.', {
    code: 'INVALID_INPUT',
    next: 'Give at least one of the options; --help lists them.',
  })
}
