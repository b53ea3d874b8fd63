import type { StripeLedgerEvent } from '../../../types/api.ts'
import { texts } from '../texts.ts'
import { Badge } from './badge.tsx'
import { AppLink } from './link.tsx'
import { Cell, Row, SimpleTable } from './simple-table.tsx'
import { Status } from './status.tsx'
import { Time } from './time.tsx'

const t = texts.events

type EventsTableProps = { label: string; environment: string; events: StripeLedgerEvent[]; empty: string }

/** A few events in the page of something else. */
export function EventsTable({ label, environment, events, empty }: EventsTableProps) {
  if (events.length === 0) return <p className="px-5 pb-5 text-muted text-sm">{empty}</p>
  return (
    <SimpleTable
      label={label}
      headers={[{ name: t.type }, { name: t.status }, { name: t.object }, { name: t.received, align: 'end' }]}
    >
      {events.map(({ eventId, eventType, processingStatus, isDeadLettered, objectId, receivedAt }) => (
        <Row key={eventId}>
          <Cell>
            <AppLink to={`/${environment}/events/${eventId}`}>{eventType}</AppLink>
          </Cell>
          <Cell>
            {isDeadLettered ? <Badge tone="bad">{t.dead}</Badge> : <Status value={processingStatus} />}
          </Cell>
          <Cell>
            <code className="font-mono text-[0.8125rem] text-muted">{objectId ?? '–'}</code>
          </Cell>
          <Cell align="end">
            <Time at={receivedAt} />
          </Cell>
        </Row>
      ))}
    </SimpleTable>
  )
}
