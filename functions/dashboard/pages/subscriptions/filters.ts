import { startOfDay } from '../../format/time.ts'
import type { FilterValues } from '../../ui/filters.tsx'

export const SUBSCRIPTION_FILTERS = [
  'search',
  'status',
  'isOpen',
  'cancelAtPeriodEnd',
  'priceId',
  'from',
  'to',
]

const flag = (value: string | undefined) =>
  value === 'true' ? ('true' as const) : value === 'false' ? ('false' as const) : undefined

/** The filters of the address as the API takes them. */
export const subscriptionQuery = (values: FilterValues) => ({
  search: values.search,
  status: values.status,
  isOpen: flag(values.isOpen),
  cancelAtPeriodEnd: flag(values.cancelAtPeriodEnd),
  priceId: values.priceId,
  customerId: values.customerId,
  from: startOfDay(values.from),
  to: startOfDay(values.to, 1),
})
