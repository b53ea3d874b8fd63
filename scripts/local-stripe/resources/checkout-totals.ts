/** What a checkout session costs. */
import type { Engine, SessionDetails } from '../core/engine.ts'
import { chargedQuantity } from '../core/plan.ts'
import type { CheckoutSession, Price } from '../core/types.ts'
import { splitDiscount } from './coupons.ts'
import { shippingCostOf } from './shipping.ts'
import { firstShare } from './subscription-state.ts'
import { taxOn } from './tax.ts'

/**
 * The amounts of a session in minor units, with the current discount and shipping. It also updates the line items. A
 * trial makes recurring items free, and a billing anchor makes them cheaper.
 */
export function totalsOf(
  engine: Engine,
  details: SessionDetails,
  now: number,
): Pick<CheckoutSession, 'amount_subtotal' | 'amount_total' | 'shipping_cost' | 'total_details'> {
  const trial = details.trialDays !== null || details.trialEnd !== null
  const coupon = details.coupon ? engine.store.get('coupon', details.coupon) : undefined
  for (const item of details.lineItems) {
    const share = item.price?.type === 'recurring' ? shareOf(details, item.price, trial, now) : 1
    const full = unitAmountOf(details, item.price) * chargedQuantity(item.price, item.quantity)
    item.amount_subtotal = Math.round(full * share)
  }
  const off = splitDiscount(
    coupon,
    details.lineItems.map((item) => item.amount_subtotal),
  )
  details.lineItems.forEach((item, place) => {
    item.amount_discount = off[place] ?? 0
    const net = item.amount_subtotal - item.amount_discount
    item.amount_tax = details.taxed ? taxOn(engine, net) : 0
    item.amount_total = net + item.amount_tax
  })
  const tax = details.lineItems.reduce((sum, item) => sum + item.amount_tax, 0)
  const subtotal = details.lineItems.reduce((sum, item) => sum + item.amount_subtotal, 0)
  const discount = off.reduce((sum, amount) => sum + amount, 0)
  const shipping = shippingCostOf(engine, details.shippingRate)
  const amountShipping = shipping?.amount_total ?? 0
  return {
    amount_subtotal: subtotal,
    amount_total: subtotal - discount + amountShipping + tax,
    shipping_cost: shipping,
    total_details: { amount_discount: discount, amount_shipping: amountShipping, amount_tax: tax },
  }
}

/** The price of one unit: what the customer chose, or would choose first, where that is left to them. */
function unitAmountOf(details: SessionDetails, price: Price | null | undefined): number {
  if (!price?.custom_unit_amount) return Number(price?.unit_amount_decimal)
  return details.payWhatYouWant ?? price.custom_unit_amount.preset ?? 0
}

/** The share of a recurring price that is due today. */
function shareOf(details: SessionDetails, price: Price, trial: boolean, now: number): number {
  if (trial) return 0
  if (details.billingAnchor === null || !price.recurring) return 1
  return details.prorates ? firstShare(price.recurring, details.billingAnchor, now) : 0
}
