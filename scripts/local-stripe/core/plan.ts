/** Plans: the older form of a recurring price, which subscription items still show. */
import type { Plan, Price } from './types.ts'

/** Whether usage decides what a price costs. Such a price has no quantity, and its usage here is always zero. */
export function isMetered(price: Price | null | undefined): boolean {
  return price?.recurring?.usage_type === 'metered'
}

/** The quantity that is charged in advance: none of a metered price. */
export function chargedQuantity(
  price: Price | null | undefined,
  quantity: number | null | undefined,
): number {
  return isMetered(price) ? 0 : (quantity ?? 1)
}

export function planOf(price: Price): Plan {
  return {
    id: price.id,
    object: 'plan',
    active: price.active,
    amount: price.unit_amount,
    amount_decimal: price.unit_amount_decimal,
    billing_scheme: price.billing_scheme,
    created: price.created,
    currency: price.currency,
    interval: price.recurring?.interval ?? 'month',
    interval_count: price.recurring?.interval_count ?? 1,
    livemode: price.livemode,
    metadata: price.metadata,
    meter: price.recurring?.meter ?? null,
    nickname: price.nickname,
    product: price.product,
    tiers_mode: null,
    transform_usage: null,
    trial_period_days: null,
    usage_type: price.recurring?.usage_type ?? 'licensed',
  }
}
