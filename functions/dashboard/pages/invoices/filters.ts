import { startOfDay } from '../../format/time.ts'
import type { FilterValues } from '../../ui/filters.tsx'

const SHARED = ['status', 'customerId', 'subjectType', 'subjectId', 'from', 'to']
export const INVOICE_FILTERS = ['number', 'subscriptionId', ...SHARED]
export const CREDIT_NOTE_FILTERS = ['invoiceId', ...SHARED]

function sharedQuery(values: FilterValues) {
  const hasSubject = values.subjectType && values.subjectId
  return {
    status: values.status,
    customerId: values.customerId,
    subjectType: hasSubject ? values.subjectType : undefined,
    subjectId: hasSubject ? values.subjectId : undefined,
    from: startOfDay(values.from),
    to: startOfDay(values.to, 1),
  }
}

/** The filters of the address as the API takes them. */
export const invoiceQuery = (values: FilterValues) => ({
  ...sharedQuery(values),
  number: values.number,
  subscriptionId: values.subscriptionId,
})
export const creditNoteQuery = (values: FilterValues) => ({
  ...sharedQuery(values),
  invoiceId: values.invoiceId,
})
