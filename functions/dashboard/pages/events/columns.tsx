import type { StripeLedgerEvent } from '../../../../types/api.ts'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import { type Column, ROW_LINK } from '../../ui/data-table.tsx'
import { AppLink } from '../../ui/link.tsx'
import { Status } from '../../ui/status.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.events

export const eventColumns = (environment: string): Column<StripeLedgerEvent>[] => [
  {
    id: 'type',
    header: t.type,
    track: 'minmax(11rem, 2fr)',
    cell: ({ eventType, eventId }) => (
      <AppLink to={`/${environment}/events/${encodeURIComponent(eventId)}`} className={ROW_LINK}>
        {eventType}
      </AppLink>
    ),
  },
  {
    id: 'status',
    header: t.status,
    track: 'minmax(6.5rem, 0.8fr)',
    cell: ({ processingStatus, isDeadLettered }) =>
      isDeadLettered ? <Badge tone="bad">{t.dead}</Badge> : <Status value={processingStatus} />,
  },
  {
    id: 'object',
    header: t.object,
    track: 'minmax(10rem, 1.6fr)',
    from: 'md',
    cell: ({ objectId }) => <code className="font-mono text-[0.8125rem] text-muted">{objectId ?? '–'}</code>,
  },
  {
    id: 'error',
    header: t.error,
    track: 'minmax(8rem, 1.6fr)',
    from: 'xl',
    cell: ({ lastError }) => <span className="text-bad">{lastError}</span>,
  },
  {
    id: 'attempts',
    header: t.attempts,
    track: '4.5rem',
    align: 'end',
    from: 'lg',
    cell: ({ attemptCount }) => attemptCount,
  },
  {
    id: 'received',
    header: t.received,
    track: '8.5rem',
    align: 'end',
    from: 'sm',
    under: true,
    cell: ({ receivedAt }) => <Time at={receivedAt} />,
  },
]
