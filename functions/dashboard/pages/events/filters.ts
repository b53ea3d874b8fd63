import { startOfDay } from '../../format/time.ts'
import type { FilterValues } from '../../ui/filters.tsx'

export const EVENT_FILTERS = ['type', 'status', 'objectId', 'isDeadLettered', 'from', 'to']

export const EVENT_STATUSES = ['processed', 'failed', 'ignored', 'pending'] as const
type EventStatus = (typeof EVENT_STATUSES)[number]

/** The filters of the address as the API takes them. */
export function eventQuery(values: FilterValues) {
  return {
    type: values.type,
    status: EVENT_STATUSES.find((status) => status === values.status) as EventStatus | undefined,
    objectId: values.objectId,
    isDeadLettered: values.isDeadLettered === 'true' ? ('true' as const) : undefined,
    from: startOfDay(values.from),
    to: startOfDay(values.to, 1),
  }
}
