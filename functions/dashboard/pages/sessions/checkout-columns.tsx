import type { Answer } from '../../api/call.ts'
import { texts } from '../../texts.ts'
import type { Column } from '../../ui/data-table.tsx'
import { Status } from '../../ui/status.tsx'
import { Subject } from '../../ui/subject.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.sessions

export type CheckoutRecord = Answer<'listCheckoutSessions'>['checkoutSessions'][number]

export const checkoutColumns = (onOpen: (session: CheckoutRecord) => void): Column<CheckoutRecord>[] => [
  {
    id: 'session',
    header: t.session,
    track: 'minmax(9rem, 1.4fr)',
    cell: (session) => (
      <button
        type="button"
        onClick={() => onOpen(session)}
        className="max-w-full truncate text-left font-medium font-mono text-[0.8125rem] after:absolute after:inset-0 after:content-[''] hover:text-accent-strong"
      >
        {session.checkoutSessionId ?? session.id}
      </button>
    ),
  },
  { id: 'status', header: t.status, track: '6.5rem', cell: ({ status }) => <Status value={status} /> },
  {
    id: 'payment',
    header: t.payment,
    track: '7rem',
    from: 'sm',
    cell: ({ paymentStatus }) => <Status value={paymentStatus} />,
  },
  {
    id: 'subject',
    header: t.subject,
    track: 'minmax(7rem, 1fr)',
    from: 'md',
    cell: ({ subjectType, subjectId }) => <Subject type={subjectType} id={subjectId} />,
  },
  {
    id: 'items',
    header: t.items,
    track: 'minmax(9rem, 1.2fr)',
    from: 'xl',
    cell: ({ lineItems }) => lineItems.map(({ priceId, quantity }) => t.item(priceId, quantity)).join(', '),
  },
  {
    id: 'error',
    header: t.error,
    track: 'minmax(8rem, 1.4fr)',
    from: 'lg',
    cell: ({ lastError }) => (lastError ? <span className="text-bad">{lastError}</span> : '–'),
  },
  {
    id: 'created',
    header: t.created,
    track: '8.5rem',
    align: 'end',
    from: 'sm',
    under: true,
    cell: ({ createdAt }) => <Time at={createdAt} />,
  },
]
