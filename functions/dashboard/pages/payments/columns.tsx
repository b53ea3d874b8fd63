import type { PaymentTransaction } from '../../../../types/api.ts'
import { formatMoney } from '../../format/money.ts'
import { texts } from '../../texts.ts'
import { type Column, ROW_LINK } from '../../ui/data-table.tsx'
import { AppLink } from '../../ui/link.tsx'
import { Status } from '../../ui/status.tsx'
import { Subject } from '../../ui/subject.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.payments

export const paymentColumns = (environment: string): Column<PaymentTransaction>[] => [
  {
    id: 'amount',
    header: t.amount,
    track: '6.5rem',
    align: 'end',
    cell: ({ id, amount, currency, type }) => (
      <AppLink to={`/${environment}/payments/${id}`} className={ROW_LINK}>
        {type === 'refund' && '−'}
        {formatMoney(amount, currency)}
      </AppLink>
    ),
  },
  {
    id: 'status',
    header: t.status,
    track: 'minmax(8.5rem, 0.9fr)',
    cell: ({ status }) => <Status value={status} />,
  },
  {
    id: 'type',
    header: t.type,
    track: 'minmax(8rem, 1fr)',
    from: 'sm',
    cell: ({ type }) => t.types[type] ?? type,
  },
  {
    id: 'customer',
    header: t.customer,
    track: 'minmax(9rem, 1.4fr)',
    from: 'md',
    cell: ({ customerEmailSnapshot, providerCustomerId }) =>
      customerEmailSnapshot ?? providerCustomerId ?? '–',
  },
  {
    id: 'dispute',
    header: t.dispute,
    track: 'minmax(7.5rem, 0.8fr)',
    from: 'lg',
    cell: ({ disputeStatus }) => <Status value={disputeStatus} />,
  },
  {
    id: 'subject',
    header: t.subject,
    track: 'minmax(7rem, 1fr)',
    from: 'xl',
    cell: ({ subjectType, subjectId }) => <Subject type={subjectType} id={subjectId} />,
  },
  {
    id: 'refunded',
    header: t.refunded,
    track: '7rem',
    align: 'end',
    from: 'lg',
    cell: ({ amountRefunded, currency }) => (amountRefunded ? formatMoney(amountRefunded, currency) : '–'),
  },
  {
    id: 'created',
    header: t.created,
    track: '8.5rem',
    align: 'end',
    from: 'sm',
    under: true,
    cell: ({ providerCreatedAt, createdAt }) => <Time at={providerCreatedAt ?? createdAt} />,
  },
]
