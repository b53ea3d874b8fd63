/** The parameters of a price, in every request that can create one. */
import { AMOUNT_MAX_IDR } from '../core/money.ts'
import {
  currency,
  decimal,
  hash,
  integer,
  list,
  metadata,
  oneOf,
  required,
  string,
  withoutEffect,
} from '../core/params.ts'

const recurringShape = {
  interval: required(oneOf('day', 'month', 'week', 'year')),
  interval_count: integer({ min: 1 }),
  usage_type: oneOf('licensed', 'metered'),
  meter: string(),
  ...withoutEffect('trial_period_days'),
}
export const taxBehavior = oneOf('exclusive', 'inclusive', 'unspecified')

/** `price_data` of a line item or of a subscription item. */
export const priceDataShape = {
  currency: required(currency()),
  product: string(),
  recurring: hash(recurringShape),
  tax_behavior: taxBehavior,
  unit_amount: integer({ min: 0, max: AMOUNT_MAX_IDR }),
  unit_amount_decimal: decimal(),
}
/** `product_data`, from which Checkout creates a product. */
export const productDataShape = {
  name: required(string()),
  description: string(),
  images: list(string(), { max: 8 }),
  metadata: metadata(),
  tax_code: string(),
  unit_label: string(12),
  ...withoutEffect('tax_details'),
}
