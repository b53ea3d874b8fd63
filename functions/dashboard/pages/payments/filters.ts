import { parseMoney } from '../../format/money.ts'
import { startOfDay } from '../../format/time.ts'
import { texts } from '../../texts.ts'
import type { FilterValues } from '../../ui/filters.tsx'

export const PAYMENT_FILTERS = [
  'status',
  'type',
  'customerId',
  'objectId',
  'subjectType',
  'subjectId',
  'currency',
  'amountFrom',
  'amountTo',
  'isDisputed',
  'from',
  'to',
]

type Status = 'succeeded' | 'failed' | 'pending' | 'refunded' | 'partially_refunded'
type Type = 'one_time_payment' | 'subscription_invoice' | 'refund' | 'failed_payment'

/** The value, if it is one of the known words; an unknown one in the address is left out. */
const known = <Word extends string>(words: Record<string, string>, value: string | undefined) =>
  value !== undefined && Object.hasOwn(words, value) ? (value as Word) : undefined

/** An amount is typed as people write it. It means something in a currency only. */
function amount(value: string | undefined, currency: string | undefined): string | undefined {
  const parsed = value === undefined || currency === undefined ? null : parseMoney(value, currency)
  return parsed === null ? undefined : String(parsed)
}

/** The filters of the address as the API takes them. */
export function paymentQuery(values: FilterValues) {
  const currency = /^[a-z]{3}$/i.test(values.currency ?? '') ? values.currency?.toLowerCase() : undefined
  const hasSubject = values.subjectType && values.subjectId
  return {
    status: known<Status>(texts.payments.statuses, values.status),
    type: known<Type>(texts.payments.types, values.type),
    customerId: values.customerId,
    objectId: values.objectId,
    subjectType: hasSubject ? values.subjectType : undefined,
    subjectId: hasSubject ? values.subjectId : undefined,
    currency,
    amountFrom: amount(values.amountFrom, currency),
    amountTo: amount(values.amountTo, currency),
    isDisputed:
      values.isDisputed === 'true' || values.isDisputed === 'false'
        ? (values.isDisputed as 'true' | 'false')
        : undefined,
    from: startOfDay(values.from),
    to: startOfDay(values.to, 1),
  }
}
