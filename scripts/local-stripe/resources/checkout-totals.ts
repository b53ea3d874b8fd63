/** What a checkout session costs. */
import type { Engine, SessionDetails } from '../core/engine.ts'
import type { CheckoutSession } from '../core/types.ts'
import { splitDiscount } from './coupons.ts'

/**
 * The amounts of a session in minor units, with the current discount. It also updates the line items. A trial makes
 * recurring items free.
 */
export function totalsOf(
  engine: Engine,
  details: SessionDetails,
): Pick<CheckoutSession, 'amount_subtotal' | 'amount_total' | 'total_details'> {
  const trial = details.trialDays !== null || details.trialEnd !== null
  const coupon = details.coupon ? engine.store.get('coupon', details.coupon) : undefined
  for (const item of details.lineItems) {
    const free = trial && item.price?.type === 'recurring'
    item.amount_subtotal = free
      ? 0
      : Math.round(Number(item.price?.unit_amount_decimal) * (item.quantity ?? 0)) // metered: nothing is used yet
  }
  const off = splitDiscount(
    coupon,
    details.lineItems.map((item) => item.amount_subtotal),
  )
  details.lineItems.forEach((item, place) => {
    item.amount_discount = off[place] ?? 0
    item.amount_total = item.amount_subtotal - item.amount_discount
  })
  const subtotal = details.lineItems.reduce((sum, item) => sum + item.amount_subtotal, 0)
  const discount = off.reduce((sum, amount) => sum + amount, 0)
  return {
    amount_subtotal: subtotal,
    amount_total: subtotal - discount,
    total_details: { amount_discount: discount, amount_shipping: 0, amount_tax: 0 },
  }
}
