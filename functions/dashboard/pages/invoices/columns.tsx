import type { StripeCreditNote, StripeInvoice } from '../../../../types/api.ts'
import { formatMoney } from '../../format/money.ts'
import { humanise } from '../../format/number.ts'
import { texts } from '../../texts.ts'
import { type Column, ROW_LINK } from '../../ui/data-table.tsx'
import { AppLink } from '../../ui/link.tsx'
import { Status } from '../../ui/status.tsx'
import { Subject } from '../../ui/subject.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.invoices

export const invoiceColumns = (environment: string): Column<StripeInvoice>[] => [
  {
    id: 'number',
    header: t.number,
    track: 'minmax(6rem, 1.2fr)',
    cell: ({ invoiceId, number }) => (
      <AppLink to={`/${environment}/invoices/${encodeURIComponent(invoiceId)}`} className={ROW_LINK}>
        {number ?? t.draft}
      </AppLink>
    ),
  },
  {
    id: 'status',
    header: t.status,
    track: 'minmax(4.5rem, 0.8fr)',
    cell: ({ status, deleted }) => <Status value={deleted ? 'deleted' : status} />,
  },
  {
    id: 'total',
    header: t.total,
    track: 'minmax(4.5rem, 7rem)',
    align: 'end',
    cell: ({ total, currency }) => formatMoney(total, currency),
  },
  {
    id: 'remaining',
    header: t.remaining,
    track: '7rem',
    align: 'end',
    from: 'lg',
    cell: ({ amountRemaining, currency }) => (amountRemaining ? formatMoney(amountRemaining, currency) : '–'),
  },
  {
    id: 'subject',
    header: t.subject,
    track: 'minmax(7rem, 1fr)',
    from: 'md',
    cell: ({ subjectType, subjectId }) => <Subject type={subjectType} id={subjectId} />,
  },
  {
    id: 'reason',
    header: t.reason,
    track: 'minmax(8rem, 1fr)',
    from: 'xl',
    cell: ({ billingReason }) => (billingReason ? humanise(billingReason) : '–'),
  },
  {
    id: 'due',
    header: t.due,
    track: '8.5rem',
    align: 'end',
    from: 'lg',
    cell: ({ dueAt }) => <Time at={dueAt} />,
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

export const creditNoteColumns = (environment: string): Column<StripeCreditNote>[] => [
  {
    id: 'number',
    header: t.number,
    track: 'minmax(6rem, 1.2fr)',
    cell: ({ creditNoteId, number, invoiceId }) => (
      <AppLink to={`/${environment}/invoices/${encodeURIComponent(invoiceId)}`} className={ROW_LINK}>
        {number ?? creditNoteId}
      </AppLink>
    ),
  },
  {
    id: 'status',
    header: t.status,
    track: 'minmax(4.5rem, 0.7fr)',
    cell: ({ status }) => <Status value={status} />,
  },
  {
    id: 'total',
    header: t.total,
    track: 'minmax(4.5rem, 7rem)',
    align: 'end',
    cell: ({ total, currency }) => formatMoney(total, currency),
  },
  {
    id: 'subject',
    header: t.subject,
    track: 'minmax(7rem, 1fr)',
    from: 'md',
    cell: ({ subjectType, subjectId }) => <Subject type={subjectType} id={subjectId} />,
  },
  {
    id: 'reason',
    header: t.reason,
    track: 'minmax(8rem, 1fr)',
    from: 'lg',
    cell: ({ reason, memo }) => memo ?? (reason ? humanise(reason) : '–'),
  },
  {
    id: 'invoice',
    header: t.invoice,
    track: 'minmax(9rem, 1.2fr)',
    from: 'xl',
    cell: ({ invoiceId }) => <code className="font-mono text-[0.8125rem] text-muted">{invoiceId}</code>,
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
