import type { StripePrice } from '../../../types/api.ts'
import { formatMoney } from '../format/money.ts'
import { texts } from '../texts.ts'

const t = texts.catalogue

/** A price as people say it: €12.00 per month. */
export function priceText({
  unitAmount,
  unitAmountDecimal,
  currency,
  billingScheme,
  recurringInterval,
  recurringIntervalCount,
  recurringUsageType,
}: StripePrice): string {
  const amount =
    unitAmount !== null
      ? formatMoney(unitAmount, currency)
      : billingScheme === 'tiered'
        ? `${currency.toUpperCase()} ${t.tiered}`
        : `${currency.toUpperCase()} ${unitAmountDecimal ?? '–'}`
  if (!recurringInterval) return amount
  const each = t.each(recurringInterval, recurringIntervalCount ?? 1)
  return `${amount} ${each}${recurringUsageType === 'metered' ? `, ${t.metered}` : ''}`
}
