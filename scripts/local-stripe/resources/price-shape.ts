/** The parameters by which a price is described, wherever one can be made. */
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
  ...withoutEffect('meter', 'trial_period_days'),
}
export const taxBehavior = oneOf('exclusive', 'inclusive', 'unspecified')

/** What `price_data` of a line item or of a subscription item may say. */
export const priceDataShape = {
  currency: required(currency()),
  product: string(),
  recurring: hash(recurringShape),
  tax_behavior: taxBehavior,
  unit_amount: integer({ min: 0, max: 99_999_999 }),
  unit_amount_decimal: decimal(),
}
/** `product_data`, with which Checkout makes a product on the way. */
export const productDataShape = {
  name: required(string()),
  description: string(),
  images: list(string(), { max: 8 }),
  metadata: metadata(),
  tax_code: string(),
  unit_label: string(12),
  ...withoutEffect('tax_details'),
}
