import type { StripeSubscription } from '../../../../types/api.ts'
import { formatDay } from '../../format/time.ts'
import { texts } from '../../texts.ts'
import { type Column, ROW_LINK } from '../../ui/data-table.tsx'
import { AppLink } from '../../ui/link.tsx'
import { Status } from '../../ui/status.tsx'
import { Subject } from '../../ui/subject.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.subscriptions

/** When a subscription ends or ended, in words. */
export function cancellationOf(subscription: StripeSubscription): string {
  const { canceledAt, cancelAt, cancelAtPeriodEnd, currentPeriodEnd, status } = subscription
  if (status === 'canceled') return t.canceledAt(formatDay(canceledAt))
  if (cancelAtPeriodEnd) return t.endsWithPeriod(formatDay(currentPeriodEnd))
  return cancelAt ? t.endsAt(formatDay(cancelAt)) : t.notCanceled
}

export const subscriptionColumns = (environment: string): Column<StripeSubscription>[] => [
  {
    id: 'subject',
    header: t.subject,
    track: 'minmax(8rem, 1.2fr)',
    cell: ({ subscriptionId, subjectId, subjectType }) => (
      <AppLink
        to={`/${environment}/subscriptions/${encodeURIComponent(subscriptionId)}`}
        className={ROW_LINK}
      >
        {subjectId ? <Subject type={subjectType} id={subjectId} /> : subscriptionId}
      </AppLink>
    ),
  },
  {
    id: 'status',
    header: t.status,
    track: 'minmax(6.5rem, 0.8fr)',
    cell: ({ status }) => <Status value={status} />,
  },
  {
    id: 'access',
    header: t.access,
    track: '6.5rem',
    from: 'md',
    cell: ({ access }) => t.accessWords[access] ?? access,
  },
  {
    id: 'items',
    header: t.items,
    track: 'minmax(10rem, 1.4fr)',
    from: 'lg',
    cell: ({ items }) =>
      items.map(({ priceId, quantity }) => texts.sessions.item(priceId ?? '–', quantity)).join(', '),
  },
  {
    id: 'cancellation',
    header: t.cancellation,
    track: 'minmax(8rem, 1fr)',
    from: 'xl',
    cell: (subscription) => cancellationOf(subscription),
  },
  {
    id: 'end',
    header: t.periodEnd,
    track: '8.5rem',
    align: 'end',
    from: 'sm',
    under: true,
    cell: ({ currentPeriodEnd }) => <Time at={currentPeriodEnd} />,
  },
]
